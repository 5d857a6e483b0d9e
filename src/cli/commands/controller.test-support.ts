/** `headgate controller` as a process against an API server that a test holds, and the objects that tests put there. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startEcho } from '../../../examples/echo.ts';
import { freePort } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import { FakeApiServer, type FakeObject } from '../../kube/fake-api-server.test-support.ts';
import { kinds } from '../../model/kinds.ts';

const bin = join(import.meta.dirname, '../../../bin/headgate');
const api = '/apis/gateway.networking.k8s.io/v1';
export const classes = `${api}/gatewayclasses`;
export const gateways = `${api}/gateways`;
export const routes = `${api}/httproutes`;
export const leases = '/apis/coordination.k8s.io/v1/leases';
export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const slices = '/apis/discovery.k8s.io/v1/endpointslices';

export interface Status {
  readonly addresses?: readonly { readonly value: string }[];
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly listeners?: readonly { readonly conditions: Status['conditions'] }[];
  readonly parents?: readonly { readonly conditions: Status['conditions'] }[];
  readonly supportedFeatures?: readonly { readonly name: string }[];
}

/** It has every kind that Headgate reads. */
export async function startServer(t: TestContext): Promise<FakeApiServer> {
  const server = new FakeApiServer();
  for (const { group, versions, plural } of kinds)
    server.collections.add(group === '' ? `/api/${versions[0]}/${plural}` : `/apis/${group}/${versions[0]}/${plural}`);
  for (const path of [leases, definitions, `${api.replace('/v1', '/v1beta1')}/referencegrants`])
    server.collections.add(path);
  await server.listen();
  t.after(() => server.close());
  return server;
}

/** Writes a kubeconfig for the server into the folder. */
export async function writeKubeconfig(folder: string, server: FakeApiServer): Promise<string> {
  const path = join(folder, 'config');
  const config = {
    'current-context': 'fake',
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${server.port}` } }],
    users: [{ name: 'fake', user: {} }],
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

export interface RunningController {
  readonly process: ChildProcess;
  /** Path of a kubeconfig for the server. */
  readonly kubeconfig: string;
  /** Of its admin API. */
  readonly admin: string;
  /** SIGTERM; its exit code. */
  stop(): Promise<unknown>;
  output(): string;
}

/** Ready once it serves what the server has. */
export async function startController(
  t: TestContext,
  server: FakeApiServer,
  ...flags: readonly string[]
): Promise<RunningController> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  const kubeconfig = await writeKubeconfig(folder, server);
  const admin = `127.0.0.1:${await freePort()}`;
  const pool = ['--address-pool', '127.99.0.1-127.99.0.9'];
  const child = spawn(bin, [
    'controller',
    '--kubeconfig',
    kubeconfig,
    '--admin',
    admin,
    ...pool,
    // Enough where there is no load; those with load ask for two.
    '--workers=1',
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
  return { process: child, kubeconfig, admin, stop, output: () => output };
}

export const object = (name: string, spec: object): FakeObject => ({
  metadata: { name, namespace: 'n', generation: 1 },
  spec,
});
export const ourClass = {
  metadata: { name: 'headgate', generation: 1 },
  spec: { controllerName: 'headgate.dev/gateway-controller' },
};

export function gateway(name: string, port: number, ...addresses: object[]): FakeObject {
  const listeners = [{ name: 'http', port, protocol: 'HTTP' }];
  return object(name, { gatewayClassName: 'headgate', listeners, ...(addresses.length > 0 && { addresses }) });
}

export function putRoute(server: FakeApiServer, gatewayName: string, backend: string): void {
  const spec = { parentRefs: [{ name: gatewayName }], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] };
  server.put(routes, object(gatewayName, spec));
}

export function putBackend(server: FakeApiServer, name: string, port: number): void {
  server.put('/api/v1/services', object(name, { ports: [{ name: 'http', port: 80 }], clusterIP: 'None' }));
  server.put(slices, {
    metadata: { name: `${name}-1`, namespace: 'n', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'http', port }],
  });
}

/** A backend that answers with its name. */
export async function startBackend(t: TestContext, server: FakeApiServer, name: string): Promise<void> {
  const echo = await startEcho({ name, port: 0, address: '127.0.0.1' });
  t.after(() => echo.close().closeAllConnections());
  putBackend(server, name, (echo.address() as AddressInfo).port);
}

export const statusOf = (server: FakeApiServer, collection: string, name: string): Status =>
  server.find(collection, name)?.status ?? {};

export const reasonOf = (status: Status | undefined, type: string): string | undefined =>
  status?.conditions?.find((condition) => condition.type === type)?.reason;

export async function untilReason(server: FakeApiServer, name: string, reason: string): Promise<Status> {
  await until(
    () => reasonOf(statusOf(server, gateways, name), 'Programmed') === reason,
    `${name} is ${reason}: ${JSON.stringify(statusOf(server, gateways, name))}`,
  );
  return statusOf(server, gateways, name);
}
