/** `headgate controller` as a process, against an API server that the test holds: what it serves, writes and says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, headgate } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import {
  classes,
  definitions,
  gateway,
  gateways,
  leases,
  ourClass,
  putRoute,
  reasonOf,
  routes,
  startBackend,
  startController,
  startServer,
  statusOf,
  untilReason,
} from './controller.test-support.ts';

test('two Gateways on one port have an address each, serve their routes, and say so', async (t) => {
  const server = await startServer(t);
  const port = await freePort();
  server.put(classes, ourClass);
  server.put(definitions, {
    metadata: {
      name: 'gatewayclasses.gateway.networking.k8s.io',
      annotations: { 'gateway.networking.k8s.io/bundle-version': 'v1.6.3' },
    },
  });
  for (const name of ['one', 'two']) {
    server.put(gateways, gateway(name, port));
    await startBackend(t, server, name);
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

test('where the class goes, nothing that was said of its Gateways stays, until it is back', async (t) => {
  const server = await startServer(t);
  server.put(classes, ourClass);
  server.put(gateways, gateway('one', await freePort()));
  putRoute(server, 'one', 'gone');
  await startController(t, server, '--leader-election', 'false');
  await untilReason(server, 'n/one', 'Programmed');
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 1, 'the route has a status');
  server.remove(classes, 'headgate');
  const status = await untilReason(server, 'n/one', 'Pending');
  assert.equal(reasonOf(status, 'Accepted'), 'Pending');
  assert.deepEqual([status.listeners, status.addresses], [[], []]);
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 0, 'the entry of the route goes');
  server.put(classes, ourClass);
  await untilReason(server, 'n/one', 'Programmed');
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 1, 'the entry of the route is back');
});

test('what a process before this one said is taken back, where the object is not ours any more', async (t) => {
  const server = await startServer(t);
  server.put(classes, ourClass);
  server.put(classes, { metadata: { name: 'other' }, spec: { controllerName: 'example.com/other' } });
  server.put(gateways, gateway('one', await freePort()));
  putRoute(server, 'one', 'gone');
  const { stop } = await startController(t, server);
  await untilReason(server, 'n/one', 'Programmed');
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 1, 'the route has a status');
  await stop();
  const found = server.find(gateways, 'n/one')!;
  const spec = { ...(found.spec as object), gatewayClassName: 'other' };
  server.put(gateways, { ...found, metadata: { ...found.metadata, generation: 2 }, spec });
  await startController(t, server);
  const status = await untilReason(server, 'n/one', 'Pending');
  assert.deepEqual([status.listeners, status.addresses], [[], []]);
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 0, 'the entry of the route goes');
});

test('a Gateway says which route has no room to name it, until there is room', async (t) => {
  const server = await startServer(t);
  server.put(classes, ourClass);
  server.put(gateways, gateway('one', await freePort()));
  putRoute(server, 'one', 'gone');
  const ofOthers = Array.from({ length: 32 }, (_, i) => ({
    parentRef: { name: `other${i}` },
    controllerName: 'example.com/other',
    conditions: [],
  }));
  const fill = (parents: readonly object[]) =>
    server.put(routes, { ...server.find(routes, 'n/one')!, status: { parents } });
  fill(ofOthers);
  const { output } = await startController(t, server);
  const unlisted = () =>
    statusOf(server, gateways, 'n/one').conditions?.find(({ type }) => type === 'headgate.dev/Unlisted');
  await until(() => unlisted()?.status === 'True', 'the Gateway says it');
  assert.match(unlisted()!.message, /HTTPRoute n\/one/);
  assert.equal(statusOf(server, routes, 'n/one').parents?.length, 32);
  assert.match(output(), /The status of HTTPRoute\/n\/one is full/);
  fill(ofOthers.slice(1));
  await until(() => unlisted() === undefined, 'there is room');
  assert.equal(reasonOf(statusOf(server, routes, 'n/one').parents!.at(-1), 'Accepted'), 'Accepted');
});

test('a class has the finalizer of the Gateway API as long as it has a Gateway', async (t) => {
  const server = await startServer(t);
  server.put(classes, ourClass);
  server.put(gateways, gateway('one', await freePort()));
  await startController(t, server);
  const finalizers = () => server.find(classes, 'headgate')!.metadata.finalizers as string[] | undefined;
  const finalizer = 'gateway-exists-finalizer.gateway.networking.k8s.io';
  await until(() => finalizers()?.join() === finalizer, 'the class has the finalizer');
  // Somebody who deletes it now waits, and its Gateways are served until they go, even new ones.
  const found = server.find(classes, 'headgate')!;
  server.put(classes, { ...found, metadata: { ...found.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } });
  server.put(gateways, gateway('two', await freePort()));
  await untilReason(server, 'n/two', 'Programmed');
  for (const name of ['n/one', 'n/two']) server.remove(gateways, name);
  await until(() => finalizers()?.length === 0, 'the finalizer is gone');
});

test('headgate status shows what the cluster has of Headgate, and what nobody answers for', async (t) => {
  const server = await startServer(t);
  const port = await freePort();
  server.put(classes, ourClass);
  server.put(classes, { metadata: { name: 'other' }, spec: { controllerName: 'example.com/other' } });
  server.put(gateways, gateway('one', port));
  const strange = gateway('strange', port);
  server.put(gateways, { ...strange, spec: { ...(strange.spec as object), gatewayClassName: 'other' } });
  putRoute(server, 'one', 'gone');
  putRoute(server, 'missing', 'gone');
  const { kubeconfig } = await startController(t, server, '--leader-election', 'false');
  await untilReason(server, 'n/one', 'Programmed');
  await until(() => statusOf(server, routes, 'n/one').parents?.length === 1, 'the route has a status');
  const status = (...flags: string[]) => headgate('status', '--kubeconfig', kubeconfig, ...flags);

  const all = await status('-A');
  assert.match(all.stdout, /n\/one +headgate +127\.99\.0\.1 +True +True\n/);
  assert.match(all.stdout, /n\/one +\* +one +True +False \(BackendNotFound\)/);
  assert.match(all.stdout, /HTTPRoute n\/missing\n +nobody answers for its parent Gateway n\/missing/);
  assert.doesNotMatch(all.stdout, /strange|Judged from files/);
  assert.equal(all.code, 1, 'not all is well');
  assert.deepEqual(await status('-n', 'empty'), {
    code: 0,
    stdout: 'There are no Gateways and no routes.\n',
    stderr: '',
  });
  const { items } = JSON.parse((await status('-n', 'n', '-o', 'json')).stdout) as { items: { kind: string }[] };
  assert.deepEqual(
    items.map(({ kind }) => kind),
    ['GatewayClass', 'Gateway', 'HTTPRoute'],
  );
  const wrong = await status('-A', 'some.yaml');
  assert.match(wrong.stderr, /files and a cluster at once/);
});
