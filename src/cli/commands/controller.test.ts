/** `headgate controller` as a process, against an API server that the test holds: what it serves, writes and says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startEcho } from '../../../examples/echo.ts';
import { freePort } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import { FakeApiServer, type FakeObject } from '../../kube/fake-api-server.test-support.ts';
import { kinds } from '../../model/kinds.ts';

const bin = join(import.meta.dirname, '../../../bin/headgate');
const api = '/apis/gateway.networking.k8s.io/v1';
const classes = `${api}/gatewayclasses`;
const gateways = `${api}/gateways`;
const routes = `${api}/httproutes`;
const leases = '/apis/coordination.k8s.io/v1/leases';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const slices = '/apis/discovery.k8s.io/v1/endpointslices';

interface Status {
  readonly addresses?: readonly { readonly value: string }[];
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  readonly parents?: readonly { readonly conditions: Status['conditions'] }[];
  readonly supportedFeatures?: readonly { readonly name: string }[];
}

async function startServer(t: TestContext): Promise<FakeApiServer> {
  const server = new FakeApiServer();
  for (const { group, versions, plural } of kinds)
    server.collections.add(group === '' ? `/api/${versions[0]}/${plural}` : `/apis/${group}/${versions[0]}/${plural}`);
  for (const path of [leases, definitions, `${api.replace('/v1', '/v1beta1')}/referencegrants`])
    server.collections.add(path);
  await server.listen();
  t.after(() => server.close());
  return server;
}

/** Ready once it serves what the server has. */
async function startController(t: TestContext, server: FakeApiServer, ...flags: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  const kubeconfig = join(folder, 'config');
  const config = {
    'current-context': 'fake',
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${server.port}` } }],
    users: [{ name: 'fake', user: {} }],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const admin = `127.0.0.1:${await freePort()}`;
  const pool = ['--address-pool', '127.99.0.1-127.99.0.9'];
  const child = spawn(bin, [
    'controller',
    '--kubeconfig',
    kubeconfig,
    '--admin',
    admin,
    ...pool,
    '--workers',
    '2',
    ...flags,
  ]);
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  const exited = once(child, 'exit');
  const stop = async (): Promise<unknown> => {
    child.kill('SIGTERM');
    return (await exited)[0];
  };
  t.after(async () => {
    await stop();
    await rm(folder, { recursive: true });
  });
  const isReady = async () => (await fetch(`http://${admin}/readyz`).catch(() => null))?.status === 200;
  await until(isReady, 'the controller is ready').catch((error: Error) => {
    throw new Error(`${error.message}\n${output}`);
  });
  return { stop, output: () => output };
}

const object = (name: string, spec: object): FakeObject => ({
  metadata: { name, namespace: 'n', generation: 1 },
  spec,
});
const ourClass = {
  metadata: { name: 'headgate', generation: 1 },
  spec: { controllerName: 'headgate.dev/gateway-controller' },
};

function gateway(name: string, port: number, ...addresses: object[]): FakeObject {
  const listeners = [{ name: 'http', port, protocol: 'HTTP' }];
  return object(name, { gatewayClassName: 'headgate', listeners, ...(addresses.length > 0 && { addresses }) });
}

function putRoute(server: FakeApiServer, gatewayName: string, backend: string): void {
  const spec = { parentRefs: [{ name: gatewayName }], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] };
  server.put(routes, object(gatewayName, spec));
}

function putBackend(server: FakeApiServer, name: string, port: number): void {
  server.put('/api/v1/services', object(name, { ports: [{ name: 'http', port: 80 }], clusterIP: 'None' }));
  server.put(slices, {
    metadata: { name: `${name}-1`, namespace: 'n', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'http', port }],
  });
}

const statusOf = (server: FakeApiServer, collection: string, name: string): Status =>
  server.find(collection, name)?.status ?? {};

const reasonOf = (status: Status | undefined, type: string): string | undefined =>
  status?.conditions?.find((condition) => condition.type === type)?.reason;

async function untilReason(server: FakeApiServer, name: string, reason: string): Promise<Status> {
  await until(
    () => reasonOf(statusOf(server, gateways, name), 'Programmed') === reason,
    `${name} is ${reason}: ${JSON.stringify(statusOf(server, gateways, name))}`,
  );
  return statusOf(server, gateways, name);
}

test('two Gateways on one port have an address each, serve their routes, and say so', async (t) => {
  const server = await startServer(t);
  const echoes = await Promise.all(['one', 'two'].map((name) => startEcho({ name, port: 0, address: '127.0.0.1' })));
  t.after(() => echoes.forEach((echo) => echo.close().closeAllConnections()));
  const port = await freePort();
  server.put(classes, ourClass);
  server.put(definitions, {
    metadata: {
      name: 'gatewayclasses.gateway.networking.k8s.io',
      annotations: { 'gateway.networking.k8s.io/bundle-version': 'v1.6.3' },
    },
  });
  for (const [i, name] of ['one', 'two'].entries()) {
    server.put(gateways, gateway(name, port));
    putBackend(server, name, (echoes[i]!.address() as AddressInfo).port);
    putRoute(server, name, name);
  }
  const { stop, output } = await startController(t, server);
  const found = await Promise.all(['n/one', 'n/two'].map((name) => untilReason(server, name, 'Programmed')));
  const addresses = found.map((status) => status.addresses!.map(({ value }) => value).join());
  assert.deepEqual(addresses, ['127.99.0.1', '127.99.0.2']);
  for (const [i, name] of ['one', 'two'].entries()) {
    const answer = await fetch(`http://${addresses[i]}:${port}/`);
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), new RegExp(name));
  }
  const ofClass = statusOf(server, classes, 'headgate');
  assert.equal(reasonOf(ofClass, 'Accepted'), 'Accepted');
  assert.equal(reasonOf(ofClass, 'SupportedVersion'), 'SupportedVersion');
  const names = ofClass.supportedFeatures!.map(({ name }) => name);
  assert.deepEqual(names, names.toSorted());
  assert.ok(names.includes('HTTPRouteCORS') && names.includes('HTTPRoute'));
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 1, 'the route has a status');
  assert.equal(reasonOf(statusOf(server, routes, 'n/one').parents![0], 'Accepted'), 'Accepted');

  await until(() => server.find('/api/v1/services', 'n/one-headgate') !== undefined, 'the Gateway has a Service');
  const labels = server.find('/api/v1/services', 'n/one-headgate')!.metadata.labels as Record<string, string>;
  assert.equal(labels['gateway.networking.k8s.io/gateway-name'], 'one');

  const patches = server.requests.filter(({ method, path }) => method === 'PATCH' && path.endsWith('/status'));
  assert.equal(patches.length, 5, 'one write for each of class, two Gateways and two routes');
  assert.equal(await stop(), 0, output());
  const lease = server.find(leases, 'default/headgate-controller')?.spec as { holderIdentity: string };
  assert.equal(lease.holderIdentity, '', 'given up');
});

test('an address that is asked for is given, if this host has it and no other Gateway', async (t) => {
  const server = await startServer(t);
  const port = await freePort();
  server.put(classes, ourClass);
  server.put(gateways, gateway('a', port, { type: 'IPAddress', value: '127.98.0.7' }));
  server.put(gateways, gateway('b', port, { type: 'IPAddress', value: '127.99.0.1' }));
  server.put(gateways, gateway('c', port, { type: 'IPAddress' }));
  server.put(gateways, gateway('d', port, { type: 'IPAddress', value: '192.0.2.1' }));
  server.put(gateways, gateway('e', port, { type: 'example.com/Fake', value: 'x' }));
  const { stop } = await startController(t, server, '--leader-election', 'false');
  const addressOf = async (name: string) => (await untilReason(server, name, 'Programmed')).addresses![0]!.value;
  assert.deepEqual(await Promise.all(['n/a', 'n/b', 'n/c'].map(addressOf)), ['127.98.0.7', '127.99.0.1', '127.99.0.2']);
  assert.deepEqual((await untilReason(server, 'n/d', 'AddressNotUsable')).addresses, []);
  assert.equal(reasonOf(await untilReason(server, 'n/e', 'Invalid'), 'Accepted'), 'UnsupportedAddress');

  server.put(gateways, { ...gateway('f', port, { type: 'IPAddress', value: '127.99.0.1' }) });
  await untilReason(server, 'n/f', 'AddressNotUsable');
  server.remove(gateways, 'n/b');
  assert.equal(await addressOf('n/f'), '127.99.0.1');
  assert.equal(server.find(leases, 'default/headgate-controller'), undefined);
  assert.equal(await stop(), 0);
});
