/** Lists, watches, and what the store says, where the server behaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, startFakeCluster } from './fake-api-server.test-support.ts';
import { observe, route, routes, routesPath } from './reflector.test-support.ts';

test('a streamed list, and then every change over the same connection', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.put(routes, route('a', '1'));
  server.put(routes, route('b', '1'));
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  assert.deepEqual(seen.values(), { a: '1', b: '1' });
  server.put(routes, route('a', '2'));
  server.remove(routes, 'default/b');
  await seen.until(() => seen.changes.length === 4);
  assert.deepEqual(seen.changes, ['Added a', 'Added b', 'Modified a', 'Deleted b']);
  assert.deepEqual(seen.values(), { a: '2' });
  assert.equal(server.requests.length, 1);
  const { query } = server.requests[0]!;
  assert.equal(query.get('sendInitialEvents'), 'true');
  assert.equal(query.get('resourceVersionMatch'), 'NotOlderThan');
  assert.equal(query.get('allowWatchBookmarks'), 'true');
  const seconds = Number(query.get('timeoutSeconds'));
  assert.ok(seconds >= 300 && seconds < 600, `${seconds}`);
  assert.deepEqual(seen.states, [{ type: 'Synced', path: routesPath }]);
});

test('a server without streamed lists is asked for pages, and only once for a stream', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.isStreamingLists = false;
  for (let i = 0; i < 1200; i++) server.put(routes, route(`r${i}`));
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  assert.equal(seen.reflector.store.size, 1200);
  server.put(routes, route('new'));
  await seen.until(() => seen.changes.includes('Added new'));
  const asked = server.requests.map(({ query }) => query.get('sendInitialEvents') ?? query.get('limit') ?? 'watch');
  assert.deepEqual(asked, ['true', '500', '500', '500', 'watch']);
  server.compact();
  server.endWatches();
  server.put(routes, route('newer'));
  await seen.until(() => seen.changes.includes('Added newer'));
  assert.equal(server.requests.filter(({ query }) => query.has('sendInitialEvents')).length, 1);
});

test('what did not change over a list stays the same object; what was made anew is deleted and added', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  for (const name of ['same', 'changed', 'again', 'gone']) server.put(routes, route(name, '1'));
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  const same = seen.reflector.store.get('default/same');
  seen.changes.length = 0;
  server.endWatches('Reset');
  server.put(routes, route('changed', '2'));
  server.remove(routes, 'default/again');
  server.put(routes, route('again', '2'));
  server.remove(routes, 'default/gone');
  server.put(routes, route('new', '2'));
  server.compact();
  await seen.until(() => seen.changes.length > 0);
  assert.deepEqual(seen.changes.toSorted(), [
    'Added again',
    'Added new',
    'Deleted again',
    'Deleted gone',
    'Modified changed',
  ]);
  assert.ok(seen.changes.indexOf('Deleted again') < seen.changes.indexOf('Added again'));
  assert.equal(seen.reflector.store.get('default/same'), same);
});

test('a kind that the server does not have is off, and picked up when it appears', async (t) => {
  const { server, client } = await startFakeCluster(t);
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  await server.until(() => server.requests.length >= 3);
  assert.deepEqual(seen.states, [{ type: 'Absent' }]);
  server.collections.add(routes);
  server.put(routes, route('a'));
  seen.reflector.retryNow();
  await seen.until(() => seen.changes.length > 0);
  assert.deepEqual(
    seen.states.map(({ type }) => type),
    ['Absent', 'Synced'],
  );
});

test('the older version is used where the server has no newer one', async (t) => {
  const older = '/apis/gateway.networking.k8s.io/v1beta1/httproutes';
  const { server, client } = await startFakeCluster(t, older);
  server.put(older, route('a'));
  const path = { ...routesPath, version: 'v1beta1' };
  const seen = observe(t, client, { paths: [routesPath, path] });
  await seen.until(() => seen.reflector.isSynced);
  assert.deepEqual(seen.states, [{ type: 'Synced', path }]);
});

test('a short 404, as from a server that starts, takes nothing away; a lasting one does', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.put(routes, route('a'));
  const seen = observe(t, client, { limits: { absenceMs: 300 } });
  await seen.until(() => seen.reflector.isSynced);
  server.once((_, response) => answer(response, 404, 'NotFound'));
  server.once((_, response) => answer(response, 404, 'NotFound'));
  server.endWatches();
  await seen.until(() => seen.states.length === 3);
  assert.deepEqual(
    seen.states.map(({ type }) => type),
    ['Synced', 'Failing', 'Synced'],
  );
  assert.deepEqual(seen.changes, ['Added a']);
  server.collections.delete(routes);
  server.endWatches();
  await seen.until(() => seen.changes.includes('Deleted a'));
  assert.deepEqual(seen.reflector.state, { type: 'Absent' });
});

test('nothing is called back after the end, and no connection is left', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  await seen.reflector.close();
  server.put(routes, route('a'));
  await client.close();
  assert.deepEqual(seen.changes, []);
  for (let i = 0; i < 100 && (await server.connections) > 0; i++) await new Promise(setImmediate);
  assert.equal(await server.connections, 0);
});
