/** A StatusWriter over a real socket, with the objects that a test puts before it, for its tests. */
import type { TestContext } from 'node:test';
import { keyOf, type Key } from '../contract/keys.ts';
import { startFakeCluster, type FakeApiServer, type FakeObject } from '../kube/fake-api-server.test-support.ts';
import type { Condition } from '../model/conditions.ts';
import { resourceSet, type Resource, type ResourceSet } from '../model/resources.ts';
import { readObservation } from '../sources/kubernetes-served.ts';
import { StatusWriter } from './status-writer.ts';
import type { Statuses } from './statuses.ts';

export const routes = '/apis/gateway.networking.k8s.io/v1/httproutes';
export const gateways = '/apis/gateway.networking.k8s.io/v1/gateways';
const collections: Readonly<Record<string, string>> = { HTTPRoute: routes, Gateway: gateways };
export const ours = 'headgate.dev/gateway-controller';

export const condition = (type: string, status: Condition['status'], message = ''): Condition => ({
  type,
  status,
  reason: type,
  message,
  observedGeneration: 1,
});
export const parent = (name: string, ...conditions: Condition[]) => ({
  parentRef: { name },
  controllerName: ours,
  conditions,
});
export const foreign = {
  parentRef: { name: 'gw' },
  controllerName: 'example.com/other',
  conditions: [
    { type: 'Accepted', status: 'False', lastTransitionTime: '2020-01-01T00:00:00Z', observedGeneration: 7 },
  ],
};

export async function start(
  t: TestContext,
  ...objects: readonly (readonly [kind: string, name: string, status?: object])[]
) {
  const { server, client } = await startFakeCluster(t, routes, gateways);
  const errors: string[] = [];
  const missing = new Map<Key, readonly Key[]>();
  let isLeader = true;
  let time = Date.parse('2030-01-01T00:00:00.500Z');
  const byKind = new Map<string, Map<string, Resource>>();
  for (const [kind, name, status] of objects) {
    const put = server.put(collections[kind]!, {
      metadata: { name, namespace: 'n', generation: 1 },
      ...(status && { status }),
    });
    const metadata = { name, namespace: 'n', generation: 1, uid: put.metadata.uid! };
    byKind.set(kind, (byKind.get(kind) ?? new Map()).set(`n/${name}`, { apiVersion: 'v1', kind, metadata }));
  }
  const resources: ResourceSet = resourceSet(byKind);
  const object = (kind: string, id: string): FakeObject | undefined => server.find(collections[kind]!, id);
  const writer = new StatusWriter({
    client,
    source: {
      observe(kind, id) {
        const found = object(kind, id);
        return found && readObservation(found).observation;
      },
      pathOf: (kind) => ({
        group: 'gateway.networking.k8s.io',
        version: 'v1',
        plural: collections[kind]!.split('/').at(-1)!,
      }),
    },
    controllerName: ours,
    isLeader: () => isLeader,
    date: () => new Date(time),
    onError: (key, { message }) => errors.push(`${key} ${message}`),
    onContested: (key) => errors.push(`${key} is contested`),
    onLeftOut: (key, parents) => missing.set(key, parents),
  });
  t.after(() => writer.close());
  return {
    server,
    writer,
    errors,
    /** What found no room at the last look, by object. */
    missing,
    say: (statuses: Statuses) => writer.take(statuses, resources),
    lead: (value: boolean) => (isLeader = value),
    at: (text: string) => (time = Date.parse(text)),
    status: (kind: string, name: string) => object(kind, `n/${name}`)!.status as never,
  };
}

export const patches = (server: FakeApiServer) => server.requests.filter(({ method }) => method === 'PATCH');
export const route = keyOf('HTTPRoute', 'n', 'r');
export const gateway = keyOf('Gateway', 'n', 'g');

/** Resolves when so many writes were answered. */
export async function written(server: FakeApiServer, count: number): Promise<void> {
  await server.until(() => patches(server).length >= count);
  // The answer follows in the same turn as the request is noticed; one more request goes behind it.
  await fetch(`http://127.0.0.1:${server.port}/none`);
}
