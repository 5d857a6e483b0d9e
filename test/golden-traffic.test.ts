/** Runs the requests of each golden case through the real proxy on loopback: what was compiled is also what is done. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { CORE_SCHEMA, load } from 'js-yaml';
import { diffConfig } from '../src/contract/config-diff.ts';
import type { EndpointsPatch } from '../src/contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../src/contract/gateway-config.ts';
import { partsOf } from '../src/contract/keys.ts';
import { filterDefinitions } from '../src/filters/index.ts';
import { createObserver } from '../src/proxy/observe/observer.ts';
import { Proxy } from '../src/proxy/proxy.ts';
import { compileManifests, goldenCases, loadManifests, type TrafficStep } from './golden.ts';
import { freePort } from './headgate.ts';
import { ask, type Answer } from './raw-client.ts';
import { createTrafficBackends, type Echo } from './traffic-backends.ts';

const backends = createTrafficBackends();
const observer = createObserver({ accessLog: 'off', send: () => {} });
const proxy = new Proxy({ filters: filterDefinitions, observer, defaultAddresses: ['127.0.0.1'] });
after(() => {
  proxy.close();
  backends.close();
});

/** The ports of a case are anybody's; each (address, port) is moved to a free port of loopback. */
async function toLoopback(
  config: GatewayConfig,
): Promise<{ config: GatewayConfig; portOf: ReadonlyMap<number, number> }> {
  const moved = new Map<string, number>();
  const portOf = new Map<number, number>();
  const listeners: Record<string, GatewayConfig['listeners'][string]> = {};
  for (const [key, listener] of Object.entries(config.listeners)) {
    const place = `${listener.addresses.join()} ${listener.port}`;
    const port = moved.get(place) ?? (await freePort());
    moved.set(place, port);
    if (!portOf.has(listener.port)) portOf.set(listener.port, port);
    listeners[key] = { ...listener, addresses: ['127.0.0.1'], port };
  }
  return { config: { ...config, listeners }, portOf };
}

async function endpointsOf(config: GatewayConfig): Promise<EndpointsPatch> {
  const patch: Record<string, EndpointsPatch[string]> = {};
  for (const [key, { protocol }] of Object.entries(config.backends)) {
    const port = await backends.portOf(partsOf(key).name, protocol);
    patch[key] = [{ address: '127.0.0.1', port, ready: true, serving: true, terminating: false }];
  }
  return patch;
}

/** Undoes the move in a text such as a Location: the port as the case has it, left out where it is the scheme's own. */
function originalText(portOf: ReadonlyMap<number, number>): (text: string | undefined) => string | undefined {
  const places = [...portOf].map(
    ([original, moved]) => [`:${moved}/`, original === 80 || original === 443 ? '/' : `:${original}/`] as const,
  );
  return (text) => places.reduce((result, [moved, original]) => result?.replace(moved, original), text);
}

function check(step: TrafficStep, answer: Answer, original: ReturnType<typeof originalText>): void {
  const { expect } = step;
  const about = `${step.method ?? 'GET'} ${step.host ?? ''}${step.path}: ${answer.status} ${answer.body}`;
  assert.equal(answer.status, expect.status, about);
  for (const [name, value] of Object.entries(expect.headers ?? {}))
    assert.equal(original(answer.headers.get(name.toLowerCase())), value, about);
  if (expect.backend === undefined) return;
  const echo = JSON.parse(answer.body) as Echo;
  assert.ok([expect.backend].flat().includes(echo.service), about);
  if (expect.path !== undefined) assert.equal(echo.path, expect.path, about);
  if (expect.host !== undefined) assert.equal(echo.host, expect.host, about);
  if (expect.serverName !== undefined) assert.equal(echo.serverName, expect.serverName, about);
  if (expect.clientCertificate !== undefined) assert.equal(echo.clientCertificate, expect.clientCertificate, about);
  for (const [name, value] of Object.entries(expect.requestHeaders ?? {}))
    assert.equal(echo.headers[name.toLowerCase()], value, about);
  for (const name of expect.absentRequestHeaders ?? [])
    assert.equal(echo.headers[name.toLowerCase()], undefined, about);
}

let version = 0;
for (const { name, inPath, trafficPath } of goldenCases()) {
  if (!existsSync(trafficPath)) continue;
  test(`traffic: ${name}`, { timeout: 120_000 }, async () => {
    const compiled = compileManifests(loadManifests(inPath));
    const { config, portOf } = await toLoopback(compiled.config);
    const ack = await proxy.apply({
      type: 'config',
      version: ++version,
      isSnapshot: true,
      config: diffConfig(emptyConfig, config) ?? {},
      endpoints: await endpointsOf(config),
    });
    assert.deepEqual(ack, { type: 'ack', version, problems: [] });
    const steps = load(readFileSync(trafficPath, 'utf8'), { schema: CORE_SCHEMA }) as readonly TrafficStep[];
    assert.ok(steps.length > 0);
    for (const step of steps) {
      const port = portOf.get(step.port ?? 80) ?? [...portOf.values()][0];
      if (port === undefined) assert.equal(step.expect.status, 0, 'nothing listens, so nothing can be expected');
      else {
        const isTls = Object.values(config.listeners).some((listener) => listener.port === port && listener.tls);
        const answer = ask({ ...step, port, isTls, host: step.host ?? 'test.example' });
        if (step.expect.status === 0) await assert.rejects(answer, step.path);
        else check(step, await answer, originalText(portOf));
      }
    }
  });
}

test('there is traffic for most cases', () => {
  assert.ok(version >= 60, `only ${version}`);
});
