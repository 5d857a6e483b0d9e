/** `headgate proxy` beside `headgate controller`, as processes: what is served while a controller is killed and comes again. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startEcho } from '../../../examples/echo.ts';
import { freePort } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import { FakeApiServer } from '../../kube/fake-api-server.test-support.ts';
import { kinds } from '../../model/kinds.ts';

const bin = join(import.meta.dirname, '../../../bin/headgate');
const api = '/apis/gateway.networking.k8s.io/v1';
const address = '127.98.0.1';

async function startServer(t: TestContext): Promise<FakeApiServer> {
  const server = new FakeApiServer();
  for (const { group, versions, plural } of kinds)
    server.collections.add(group === '' ? `/api/${versions[0]}/${plural}` : `/apis/${group}/${versions[0]}/${plural}`);
  for (const path of ['coordination.k8s.io/v1/leases', 'apiextensions.k8s.io/v1/customresourcedefinitions'])
    server.collections.add(`/apis/${path}`);
  await server.listen();
  t.after(() => server.close());
  server.put(`${api}/gatewayclasses`, {
    metadata: { name: 'headgate', generation: 1 },
    spec: { controllerName: 'headgate.dev/gateway-controller' },
  });
  return server;
}

function put(server: FakeApiServer, collection: string, name: string, spec: object): void {
  server.put(collection, { metadata: { name, namespace: 'n', generation: 1 }, spec });
}

function putBackend(server: FakeApiServer, name: string, port: number): void {
  put(server, '/api/v1/services', name, { ports: [{ name: 'http', port: 80 }], clusterIP: 'None' });
  server.put('/apis/discovery.k8s.io/v1/endpointslices', {
    metadata: { name: `${name}-1`, namespace: 'n', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'http', port }],
  });
}

function putRoute(server: FakeApiServer, backend: string): void {
  const rules = [{ backendRefs: [{ name: backend, port: 80 }] }];
  put(server, `${api}/httproutes`, 'route', { parentRefs: [{ name: 'gateway' }], rules });
}

/** Ended with the test, whatever became of it. */
function start(t: TestContext, ...args: readonly string[]): { child: ChildProcess; output(): string } {
  const child = spawn(bin, args);
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return { child, output: () => output };
}

/** Asks all the time, four at once, until it is stopped; counts who answered and what went wrong. */
function startLoad(port: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const answers = new Map<string, number>();
  const stopped = new AbortController();
  const ask = () =>
    new Promise<string>((resolve) => {
      const request = http.get({ host: address, port, agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () =>
          resolve(response.statusCode === 200 ? body.split(' ', 1)[0]! : String(response.statusCode)),
        );
      });
      request.on('error', (error) => resolve(error.message));
    });
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const answer = await ask();
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  const loops = Promise.all([loop(), loop(), loop(), loop()]);
  return {
    answers,
    countOf: (answer: string) => answers.get(answer) ?? 0,
    async stop() {
      stopped.abort();
      await loops;
      agent.destroy();
    },
  };
}

test('a controller that is killed and comes again costs no request, and what changed meanwhile is served', async (t) => {
  const server = await startServer(t);
  const echoes = await Promise.all(['old', 'new'].map((name) => startEcho({ name, port: 0, address: '127.0.0.1' })));
  t.after(() => echoes.forEach((echo) => echo.close().closeAllConnections()));
  const port = await freePort();
  const listeners = [{ name: 'http', port, protocol: 'HTTP' }];
  put(server, `${api}/gateways`, 'gateway', { gatewayClassName: 'headgate', listeners });
  for (const [i, name] of ['old', 'new'].entries())
    putBackend(server, name, (echoes[i]!.address() as AddressInfo).port);
  putRoute(server, 'old');

  const folder = mkdtempSync(join(tmpdir(), 'headgate-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, 'config');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'fake',
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${server.port}` } }],
      users: [{ name: 'fake', user: {} }],
    }),
  );
  const channel = join(folder, 'channel.sock');
  const admins = [await freePort(), await freePort()];
  const startController = () =>
    start(
      t,
      'controller',
      '--infrastructure=proxies',
      `--channel=${channel}`,
      `--kubeconfig=${kubeconfig}`,
      `--address-pool=${address}-127.98.0.9`,
      '--leader-election=false',
      `--admin=127.0.0.1:${admins[0]}`,
    );
  const proxy = start(t, 'proxy', '--channel', channel, '--workers', '2', '--admin', `127.0.0.1:${admins[1]}`);
  const first = startController();
  const isReady = async () => (await fetch(`http://127.0.0.1:${admins[1]}/readyz`).catch(() => null))?.status === 200;
  await until(isReady, 'the proxy serves').catch((error: Error) => {
    throw new Error(`${error.message}\n${proxy.output()}${first.output()}`);
  });
  const load = startLoad(port);
  await until(() => load.countOf('old') > 100, 'requests are answered');

  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const atDeath = load.countOf('old');
  putRoute(server, 'new');
  await until(() => load.countOf('old') > atDeath + 200, 'requests are answered without a controller');
  assert.equal(load.countOf('new'), 0);

  const second = startController();
  await until(() => load.countOf('new') > 200, 'the change is served').catch((error: Error) => {
    throw new Error(`${error.message}\n${proxy.output()}${second.output()}`);
  });
  second.child.kill('SIGTERM');
  assert.equal((await once(second.child, 'exit'))[0], 0);
  const atEnd = load.countOf('new');
  await until(() => load.countOf('new') > atEnd + 200, 'requests are answered after an orderly end');
  await load.stop();
  assert.deepEqual([...load.answers.keys()].toSorted(), ['new', 'old']);
  assert.match(proxy.output(), /No controller at .*: what is served stays/);
});
