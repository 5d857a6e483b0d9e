/** What Gateways get in a cluster, over a real socket: made once, mended, taken away, and never somebody else's. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { until } from '../../test/until.ts';
import type { InfrastructureWish, ServiceWish } from '../contract/infrastructure.ts';
import { systemClock } from '../kube/clock.ts';
import { answer, startFakeCluster, type FakeObject } from '../kube/fake-api-server.test-support.ts';
import { resourceSet, type Resource } from '../model/resources.ts';
import { KubernetesServices } from './kubernetes-services.ts';

const services = '/api/v1/services';
const slices = '/apis/discovery.k8s.io/v1/endpointslices';

const wish: ServiceWish = {
  type: 'Service',
  name: 'gw-headgate',
  namespace: 'n',
  gateway: { name: 'gw', uid: 'uid-of-gw' },
  labels: { team: 'blue' },
  annotations: { 'example.com/zone': 'a' },
  ports: [{ name: 'tcp-80', port: 80, protocol: 'TCP' }],
  addresses: ['192.0.2.7'],
};

async function start(t: TestContext) {
  const { server, client } = await startFakeCluster(t, services, slices);
  const errors: string[] = [];
  let leads = true;
  const keeper = new KubernetesServices({
    client,
    isLeader: () => leads,
    onError: (object, { reason }) => errors.push(`${object} ${reason}`),
    onContested: (object) => errors.push(`${object} is contested`),
    clock: { ...systemClock, random: () => 0 },
  });
  t.after(() => keeper.close());
  const found = (collection: string, names: readonly string[]) =>
    new Map(
      names.flatMap((name) => {
        const object = server.find(collection, name);
        return object ? [[name, { kind: kindOf(collection), ...object } as unknown as Resource] as const] : [];
      }),
    );
  /** The newest state, as the watch would tell it. */
  const take = (...wishes: InfrastructureWish[]) =>
    keeper.take(
      new Map(wishes.map((one, i) => [`Gateway/n/${['gw', 'other'][i]}`, one])),
      resourceSet(
        new Map([
          ['Service', found(services, ['n/gw-headgate'])],
          ['EndpointSlice', found(slices, ['n/gw-headgate-ipv4', 'n/gw-headgate-ipv6'])],
        ]),
      ),
    );
  const writes = () =>
    server.requests.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
  return { server, keeper, take, writes, errors, lead: (now: boolean) => (leads = now) };
}

const kindOf = (collection: string) => (collection === services ? 'Service' : 'EndpointSlice');

test('a Gateway gets its Service and a slice, once, with its labels, and owns them', async (t) => {
  const { server, take, writes } = await start(t);
  take(wish);
  await server.until(() => writes().length === 2);
  take(wish);
  const service = server.find(services, 'n/gw-headgate')!;
  assert.deepEqual(service.metadata.labels, { team: 'blue' });
  assert.equal((service.metadata.annotations as Record<string, string>)['example.com/zone'], 'a');
  const [owner] = service.metadata.ownerReferences as [object];
  assert.deepEqual(owner, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    controller: true,
    name: 'gw',
    uid: 'uid-of-gw',
  });
  assert.deepEqual(service.spec, {
    type: 'ClusterIP',
    ports: [{ name: 'tcp-80', port: 80, protocol: 'TCP', targetPort: 80 }],
  });
  const slice = server.find(slices, 'n/gw-headgate-ipv4')!;
  assert.deepEqual(slice.endpoints, [{ addresses: ['192.0.2.7'], conditions: { ready: true } }]);
  assert.equal((slice.metadata.labels as Record<string, string>)['kubernetes.io/service-name'], 'gw-headgate');
  const { query, headers } = server.requests.find(({ method }) => method === 'PATCH')!;
  assert.equal(query.get('fieldManager'), 'headgate');
  assert.match(headers['content-type']!, /apply-patch/);
  take({ ...wish });
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 2, 'nothing differs');
});

test('what somebody changed or took away is mended; a label that is not wished any more goes', async (t) => {
  const { server, take, writes } = await start(t);
  take(wish);
  await server.until(() => writes().length === 2);
  const service = server.find(services, 'n/gw-headgate')!;
  server.put(services, { ...service, metadata: { ...service.metadata, labels: { team: 'stolen' } } });
  take(wish);
  await server.until(() => writes().length === 3);
  assert.deepEqual(server.find(services, 'n/gw-headgate')!.metadata.labels, { team: 'blue' });
  take({ ...wish, labels: {} });
  await server.until(() => writes().length === 5);
  assert.deepEqual(server.find(services, 'n/gw-headgate')!.metadata.labels, {});
  server.remove(services, 'n/gw-headgate');
  take({ ...wish, labels: {} });
  await server.until(() => server.find(services, 'n/gw-headgate') !== undefined || writes().length === 6);
  assert.equal(writes().length, 6);
});

test('what somebody took away as it was made is made again', async (t) => {
  const { server, take, writes } = await start(t);
  take(wish);
  await server.until(() => writes().length === 2);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  take(wish);
  server.remove(services, 'n/gw-headgate');
  take(wish);
  await until(() => server.find(services, 'n/gw-headgate') !== undefined, 'it is there again');
  assert.equal(writes().length, 3);
});

test('a Service of somebody else is never touched, nor is a slice made for it, not even at the last moment', async (t) => {
  const { server, take, writes } = await start(t);
  const foreign: FakeObject = { metadata: { name: 'gw-headgate', namespace: 'n' }, spec: { ports: [] } };
  // The watch has not told of it yet.
  take(wish);
  server.put(services, foreign);
  await server.until(() => writes().length === 1);
  assert.deepEqual(server.find(services, 'n/gw-headgate')!.spec, { ports: [] });
  assert.deepEqual(writes(), ['PATCH /apis/discovery.k8s.io/v1/namespaces/n/endpointslices/gw-headgate-ipv4']);
  server.remove(slices, 'n/gw-headgate-ipv4');
  take({ ...wish });
  take({ type: 'None' });
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 1);
});

test('what is not wished any more goes, as it is; what cannot be judged now stays', async (t) => {
  const { server, take, writes } = await start(t);
  take(wish);
  await server.until(() => writes().length === 2);
  take({ type: 'AsIs' });
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 2);
  take({ type: 'None' });
  await server.until(() => writes().length === 4);
  const deletion = server.requests.find(({ method }) => method === 'DELETE')!;
  assert.match(deletion.body, /"preconditions":{"uid":"uid-\d"}/, 'that one and no namesake');
});

test('who does not lead writes nothing, and all of it once it leads', async (t) => {
  const { server, keeper, take, writes, lead } = await start(t);
  lead(false);
  take(wish);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 0);
  lead(true);
  keeper.work();
  await server.until(() => writes().length === 2);
});

test('a write that fails is tried again and told once; others do not wait for it', async (t) => {
  const { server, take, errors } = await start(t);
  for (let failures = 0; failures < 2; failures++)
    server.once(({ method, path }, response) =>
      method === 'PATCH' && path.includes('/services/') ? answer(response, 403, 'Forbidden') : false,
    );
  take(wish);
  await server.until(() => server.find(slices, 'n/gw-headgate-ipv4') !== undefined);
  assert.equal(server.find(services, 'n/gw-headgate'), undefined);
  await server.until(
    () => server.requests.filter(({ method, path }) => method === 'PATCH' && path.includes('/services/')).length === 3,
  );
  assert.deepEqual(errors, ['Service/n/gw-headgate Forbidden']);
});

test('somebody who undoes each write is answered less and less often', async (t) => {
  const { server, take, writes } = await start(t);
  take(wish);
  await server.until(() => writes().length === 2);
  const at: number[] = [];
  for (let count = 3; count <= 8; count++) {
    const service = server.find(services, 'n/gw-headgate')!;
    server.put(services, { ...service, metadata: { ...service.metadata, labels: { team: 'stolen' } } });
    take(wish);
    await server.until(() => writes().length === count);
    await fetch(`http://127.0.0.1:${server.port}/none`);
    at.push(performance.now());
  }
  // 50, 100, 200, 400 and 800 ms, but for what the first write was ahead.
  assert.ok(at.at(-1)! - at[0]! > 1450, `${at.at(-1)! - at[0]!} ms`);
});
