/** What a cluster has, as a set of resources, over a real socket. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { answer, startFakeCluster, type FakeApiServer, type FakeObject } from '../kube/fake-api-server.test-support.ts';
import { systemClock } from '../kube/clock.ts';
import { kinds } from '../model/kinds.ts';
import type { Resource, ResourceSet } from '../model/resources.ts';
import { createKubernetesSource, type KubernetesSource } from './kubernetes.ts';
import type { SourceProblem } from './source.ts';

const gatewayApi = '/apis/gateway.networking.k8s.io/v1';
const gateways = `${gatewayApi}/gateways`;
const routes = `${gatewayApi}/httproutes`;
const secrets = '/api/v1/secrets';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Each kind at its newest version, but for those that are left out. */
function collections(...without: string[]): string[] {
  const all = kinds.map(({ group, versions, plural }) => {
    const version = plural === 'referencegrants' ? 'v1beta1' : versions[0];
    return group === '' ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`;
  });
  return [...all, definitions].filter((collection) => !without.includes(collection));
}

function gateway(name: string, secretName?: string): FakeObject {
  const tls = { mode: 'Terminate', certificateRefs: [{ name: secretName }] };
  const listener = secretName ? { port: 443, protocol: 'HTTPS', tls } : { port: 80, protocol: 'HTTP' };
  const spec = { gatewayClassName: 'headgate', listeners: [{ name: 'one', ...listener }] };
  return { metadata: { name, namespace: 'default', generation: 1 }, spec };
}

function secret(name: string, value = 'eA=='): FakeObject {
  return { metadata: { name, namespace: 'default' }, type: 'kubernetes.io/tls', data: { 'tls.crt': value } };
}

interface Told {
  readonly resources: ResourceSet;
  readonly problems: readonly SourceProblem[];
}

interface Following {
  readonly source: KubernetesSource;
  readonly server: FakeApiServer;
  readonly told: Told[];
  readonly observed: string[];
  until(condition: (told: Told) => boolean): Promise<Told>;
}

async function follow(
  t: TestContext,
  prepare: (server: FakeApiServer) => void,
  without: string[] = [],
): Promise<Following> {
  const { server, client } = await startFakeCluster(t, ...collections(...without));
  prepare(server);
  const told: Told[] = [];
  const observed: string[] = [];
  const faults: unknown[] = [];
  let wake = (): void => {};
  const abort = new AbortController();
  const source = createKubernetesSource({
    client,
    cluster: 'test',
    onObserved: (kind, name) => observed.push(`${kind} ${name}`),
    onFault: (fault) => faults.push(fault),
    clock: { ...systemClock, pause: (ms, signal) => systemClock.pause(ms / 50, signal) },
  });
  source.start((resources, problems) => {
    told.push({ resources, problems });
    wake();
  }, abort.signal);
  t.after(() => {
    abort.abort();
    assert.deepEqual(faults, []);
  });
  const until: Following['until'] = async (condition) => {
    const limit = AbortSignal.timeout(60_000);
    for (;;) {
      const last = told.at(-1);
      if (last && condition(last)) return last;
      assert.ok(!limit.aborted, 'waited in vain');
      await new Promise<void>((resolve) => {
        wake = resolve;
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  };
  return { source, server, told, observed, until };
}

const specOf = (resource: Resource | undefined): Record<string, unknown> =>
  (resource as unknown as { spec: Record<string, unknown> }).spec;

test('the first set is whole, with the Secrets that are named and no others', async (t) => {
  const { server, told, until, source } = await follow(t, (api) => {
    api.put(gateways, gateway('gw', 'cert'));
    api.put(secrets, secret('cert'));
    api.put(secrets, secret('other'));
  });
  const { resources, problems } = await until(() => true);
  assert.equal(told.length, 1);
  assert.deepEqual(problems, []);
  assert.deepEqual([...resources.of('Gateway').keys()], ['default/gw']);
  assert.deepEqual([...resources.of('Secret').keys()], ['default/cert']);
  assert.ok(source.isSynced);
  const ofSecrets = server.requests.filter(({ path }) => path.includes('secrets'));
  assert.deepEqual(
    ofSecrets.map(({ path, headers }) => [path, headers.accept?.includes('PartialObjectMetadata')]),
    [
      [secrets, true],
      ['/api/v1/namespaces/default/secrets/cert', false],
    ],
  );
});

test('defaults are applied, and what nobody reads is gone', async (t) => {
  const { until } = await follow(t, (api) => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const one = gateway('gw', 'cert');
    api.put(gateways, { ...one, metadata: { ...one.metadata, annotations, managedFields: [{}] }, status: { a: 1 } });
  });
  const { resources } = await until(() => true);
  const found = resources.of('Gateway').get('default/gw')!;
  assert.deepEqual(Object.keys(found.metadata).toSorted(), ['generation', 'name', 'namespace', 'uid']);
  assert.ok(!('status' in found));
  const [listener] = specOf(found).listeners as Record<string, Record<string, unknown>>[];
  assert.deepEqual(listener!.tls!.certificateRefs, [{ group: '', kind: 'Secret', name: 'cert' }]);
});

test('a status that is written is observed, and tells nobody of a change', async (t) => {
  const { server, told, until, source, observed } = await follow(t, (api) => api.put(gateways, gateway('gw')));
  const { resources: before } = await until(() => true);
  observed.length = 0;
  const status = { conditions: [{ type: 'Accepted' }] };
  server.put(gateways, { ...gateway('gw'), status });
  server.put(routes, { metadata: { name: 'r', namespace: 'default' }, spec: {} });
  const { resources } = await until((last) => last.resources.of('HTTPRoute').size === 1);
  assert.ok(observed.includes('Gateway default/gw'));
  assert.deepEqual(source.observe('Gateway', 'default/gw')?.status, status);
  assert.equal(source.observe('Gateway', 'default/gw')?.resourceVersion, '102');
  assert.equal(resources.of('Gateway'), before.of('Gateway'), 'the same map');
  assert.equal(told.length, 2);
});

test('an unchanged object stays the same one in a changed map', async (t) => {
  const { server, until } = await follow(t, (api) => {
    api.put(gateways, gateway('a'));
    api.put(gateways, gateway('b'));
  });
  const { resources: before } = await until(() => true);
  server.put(gateways, { ...gateway('b'), spec: { ...(gateway('b').spec as object), gatewayClassName: 'other' } });
  const { resources } = await until((last) => last.resources.of('Gateway') !== before.of('Gateway'));
  assert.equal(resources.of('Gateway').get('default/a'), before.of('Gateway').get('default/a'));
  assert.equal(specOf(resources.of('Gateway').get('default/b')).gatewayClassName, 'other');
  assert.equal(resources.of('HTTPRoute'), before.of('HTTPRoute'));
});

test('a Gateway is never told of without the Secret that it names', async (t) => {
  const { server, told, until } = await follow(t, (api) => api.put(secrets, secret('cert')));
  await until(() => true);
  server.once(({ path }, response) => path.endsWith('/cert') && answer(response, 500, 'InternalError') === undefined);
  server.put(gateways, gateway('gw', 'cert'));
  await until((last) => last.resources.of('Gateway').size === 1);
  const first = told.find(({ resources }) => resources.of('Gateway').size === 1)!;
  assert.deepEqual([...first.resources.of('Secret').keys()], ['default/cert']);
});

test('a Secret that changes, is not named any more, comes back, is deleted', async (t) => {
  const { server, until } = await follow(t, (api) => {
    api.put(gateways, gateway('gw', 'cert'));
    api.put(secrets, secret('cert'));
  });
  const dataOf = ({ resources }: Told): unknown =>
    (resources.of('Secret').get('default/cert') as { data?: Record<string, string> } | undefined)?.data?.['tls.crt'];
  await until((last) => dataOf(last) === 'eA==');
  server.put(secrets, secret('cert', 'eQ=='));
  await until((last) => dataOf(last) === 'eQ==');
  server.put(gateways, gateway('gw', 'unknown'));
  await until((last) => dataOf(last) === undefined);
  server.put(gateways, gateway('gw', 'cert'));
  await until((last) => dataOf(last) === 'eQ==');
  server.remove(secrets, 'default/cert');
  await until((last) => dataOf(last) === undefined);
});

test('a Secret that we may not read is told of, and holds up nothing', async (t) => {
  const { until } = await follow(t, (api) => {
    api.put(gateways, gateway('gw', 'cert'));
    api.put(secrets, secret('cert'));
    api.always(({ path }, response) => path.endsWith('/cert') && answer(response, 403, 'Forbidden') === undefined);
  });
  const { resources, problems } = await until(() => true);
  assert.equal(resources.of('Gateway').size, 1);
  assert.deepEqual(
    problems.map(({ object, message }) => [object, message]),
    [['Secret default/cert', 'cannot be read: it is Forbidden (403 Forbidden)']],
  );
});

test('a kind that the cluster lacks is off, said, and picked up when its definition comes', async (t) => {
  const { server, until, source } = await follow(t, () => {}, [routes]);
  const { problems } = await until(() => true);
  assert.deepEqual(
    problems.map(({ severity, message }) => [severity, message]),
    [['notice', 'HTTPRoute is off: the cluster has no httproutes.gateway.networking.k8s.io']],
  );
  assert.equal(source.pathOf('HTTPRoute'), undefined);
  assert.equal(source.pathOf('ReferenceGrant')?.version, 'v1beta1');
  server.collections.add(routes);
  const annotations = { 'gateway.networking.k8s.io/bundle-version': 'v1.7.0' };
  const name = 'httproutes.gateway.networking.k8s.io';
  server.put(routes, { metadata: { name: 'r', namespace: 'default' }, spec: {} });
  server.put(definitions, { metadata: { name, annotations } });
  const last = await until(({ resources }) => resources.of('HTTPRoute').size === 1);
  assert.deepEqual(last.problems, []);
  assert.deepEqual(source.annotationsOfDefinition(name), annotations);
});

test('a burst is told in few sets', async (t) => {
  const { server, told, until } = await follow(t, () => {});
  await until(() => true);
  for (let i = 0; i < 500; i++) server.put(routes, { metadata: { name: `r${i}`, namespace: 'default' }, spec: {} });
  await until(({ resources }) => resources.of('HTTPRoute').size === 500);
  assert.ok(told.length < 50, `${told.length} sets`);
});

test('an object that cannot be read stays as it was, and is told of', async (t) => {
  const { server, until } = await follow(t, (api) => api.put(gateways, gateway('gw')));
  await until(() => true);
  server.put(gateways, { ...gateway('gw'), spec: { gatewayClassName: 7 } });
  const { resources, problems } = await until((last) => last.problems.length > 0);
  assert.equal(resources.of('Gateway').size, 1);
  assert.equal(problems[0]!.object, 'Gateway default/gw');
  server.put(gateways, gateway('gw'));
  await until((last) => last.problems.length === 0);
});

test('nothing is told before all lists are in', async (t) => {
  let answerRoutes = (): void => {};
  const { server, told, until } = await follow(t, (api) => {
    api.once(({ path }, response) => {
      if (path !== routes) return false;
      answerRoutes = () => answer(response, 500, 'InternalError');
      return true;
    });
  });
  await server.until(() => new Set(server.requests.map(({ path }) => path)).size >= kinds.length);
  for (let i = 0; i < 100; i++) await new Promise(setImmediate);
  assert.equal(told.length, 0);
  answerRoutes();
  await until(() => true);
});

test('what comes alone is told at once, without a timer', async (t) => {
  const { server, until } = await follow(t, (api) => api.put(gateways, gateway('first')));
  const { resources } = await until(() => true);
  assert.ok(!resources.of('Gateway').has('default/second'));
  // So long ago that nothing is collected any more.
  const told = performance.now();
  while (performance.now() - told < 10) await new Promise(setImmediate);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  server.put(gateways, gateway('second'));
  await until((last) => last.resources.of('Gateway').has('default/second'));
});
