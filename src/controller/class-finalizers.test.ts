/** The finalizer of GatewayClasses over a real socket: there while Gateways are, never on a class of somebody else. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { answer, startFakeCluster, type FakeObject } from '../kube/fake-api-server.test-support.ts';
import { resourceSet, type Resource } from '../model/resources.ts';
import { readObservation } from '../sources/kubernetes-served.ts';
import { ClassFinalizers } from './class-finalizers.ts';

const classes = '/apis/gateway.networking.k8s.io/v1/gatewayclasses';
const ours = 'headgate.dev/gateway-controller';
const finalizer = 'gateway-exists-finalizer.gateway.networking.k8s.io';

async function start(t: TestContext) {
  const { server, client } = await startFakeCluster(t, classes);
  const errors: string[] = [];
  let leads = true;
  const finalizers = new ClassFinalizers({
    client,
    source: {
      observe(_, name) {
        const found = server.find(classes, name);
        return found && readObservation(found).observation;
      },
      pathOf: () => ({ group: 'gateway.networking.k8s.io', version: 'v1', plural: 'gatewayclasses' }),
    },
    controllerName: ours,
    isLeader: () => leads,
    onError: (key, { reason }) => errors.push(`${key} ${reason}`),
    onContested: (key) => errors.push(`${key} is contested`),
  });
  t.after(() => finalizers.close());
  const put = (name: string, metadata: object = {}, controllerName = ours): FakeObject =>
    server.put(classes, { metadata: { name, ...metadata }, spec: { controllerName } });
  /** All classes that there are, and a Gateway for each of these names. */
  const take = (...used: readonly string[]): void => {
    const found = ['a', 'b', 'other'].flatMap((name) => server.find(classes, name) ?? []);
    const gateways = used.map((gatewayClassName, i) => [`n/${i}`, { kind: 'Gateway', spec: { gatewayClassName } }]);
    finalizers.take(
      resourceSet(
        new Map([
          ['GatewayClass', new Map(found.map((one) => [one.metadata.name, one as unknown as Resource]))],
          ['Gateway', new Map(gateways as unknown as [string, Resource][])],
        ]),
      ),
    );
  };
  const of = (name: string) => server.find(classes, name)!.metadata.finalizers;
  const writes = () => server.requests.filter(({ method }) => method !== 'GET');
  return { server, finalizers, errors, put, take, of, writes, lead: (now: boolean) => (leads = now) };
}

test('a class has the finalizer while a Gateway uses it, beside those of others', async (t) => {
  const { server, put, take, of, writes, finalizers } = await start(t);
  put('a', { finalizers: ['example.com/mine'] });
  put('b');
  put('other', {}, 'example.com/other');
  take('a', 'a', 'other');
  await server.until(() => writes().length === 1);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.deepEqual(of('a'), ['example.com/mine', finalizer]);
  assert.deepEqual([of('b'), of('other')], [undefined, undefined]);
  assert.match(writes()[0]!.path, /\/gatewayclasses\/a$/);
  take('a');
  finalizers.observed('GatewayClass', 'a');
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 1, 'once');
  take();
  await server.until(() => writes().length === 2);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.deepEqual(of('a'), ['example.com/mine']);
});

test('a class that is on its way out gets none, and is let go when its last Gateway is gone', async (t) => {
  const { server, put, take, of, writes } = await start(t);
  const deletionTimestamp = '2030-01-01T00:00:00Z';
  put('a', { deletionTimestamp, finalizers: [finalizer] });
  put('b', { deletionTimestamp, finalizers: ['example.com/mine'] });
  take('a', 'b');
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 0);
  take();
  await server.until(() => writes().length === 1);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.deepEqual(of('a'), []);
  assert.deepEqual(of('b'), ['example.com/mine']);
});

test('a finalizer of somebody else that comes at the same moment stays; a namesake is not written to', async (t) => {
  const { server, put, take, of, writes, finalizers, errors } = await start(t);
  put('a');
  server.once((request, response) => {
    if (request.method !== 'PATCH') return false;
    put('a', { finalizers: ['example.com/mine'] });
    answer(response, 409, 'Conflict');
    return true;
  });
  take('a');
  await server.until(() => writes().length === 2);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.deepEqual(of('a'), ['example.com/mine', finalizer]);
  server.remove(classes, 'a');
  finalizers.observed('GatewayClass', 'a');
  put('a', {}, 'example.com/other');
  finalizers.observed('GatewayClass', 'a');
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 2);
  assert.deepEqual(errors, []);
});

test('who does not lead writes none, and all of them once it leads', async (t) => {
  const { server, put, take, of, writes, lead, finalizers } = await start(t);
  put('a');
  lead(false);
  take('a');
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(writes().length, 0);
  lead(true);
  finalizers.rewrite();
  await server.until(() => writes().length === 1);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.deepEqual(of('a'), [finalizer]);
});
