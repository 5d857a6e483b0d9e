/** Whatever breaks, the reflector goes on, at a measured pace, and the store comes to be what the server has. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { answer, FakeApiServer, startFakeCluster, type FakeCluster } from './fake-api-server.test-support.ts';
import { observe, route, routes, type Observed } from './reflector.test-support.ts';

/** A reflector that has object `a`. */
async function synced(t: TestContext, options: Parameters<typeof observe>[2] = {}): Promise<FakeCluster & Observed> {
  const cluster = await startFakeCluster(t, routes);
  cluster.server.put(routes, route('a', '1'));
  const seen = observe(t, cluster.client, options);
  await seen.until(() => seen.reflector.isSynced);
  return { ...cluster, ...seen };
}

function lists(server: FakeApiServer): number {
  return server.requests.filter(({ query }) => query.has('sendInitialEvents') || !query.has('watch')).length;
}

test('410 as an answer: a new list', async (t) => {
  const { server, until, changes, states, values } = await synced(t);
  server.endWatches('Reset');
  server.put(routes, route('b'));
  server.compact();
  await until(() => changes.includes('Added b'));
  assert.deepEqual(values(), { a: '1', b: '' });
  assert.equal(lists(server), 2);
  assert.ok(states.length <= 3);
});

test('410 within the stream: a new list, without an alarm', async (t) => {
  const { server, until, changes, states } = await synced(t);
  server.writeToWatches('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n');
  await server.until(() => lists(server) === 2);
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  assert.deepEqual(
    states.map(({ type }) => type),
    ['Synced'],
  );
});

test('another error within the stream is told, and the watch goes on from where it was', async (t) => {
  const { server, until, changes, states } = await synced(t);
  server.writeToWatches(
    '{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError","message":"no"}}\n',
  );
  await until(() => states.length === 2);
  const [, failing] = states;
  assert.ok(failing?.type === 'Failing');
  assert.deepEqual([failing.error.code, failing.error.reason], [500, 'InternalError']);
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  assert.equal(lists(server), 1);
  assert.equal(states.at(-1)?.type, 'Synced');
});

test('a version that the server refuses again and again is given up for a list', async (t) => {
  const { server, until, changes } = await synced(t);
  const stop = server.always(({ query }, response) => {
    if (!query.has('resourceVersion')) return false;
    return answer(response, 500, 'InternalError');
  });
  server.endWatches();
  await server.until(() => lists(server) === 2);
  stop();
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  assert.equal(server.requests.filter(({ query }) => query.has('resourceVersion')).length, 5);
});

test('a server that is overloaded is not asked for a list on top', async (t) => {
  const { server, until, changes } = await synced(t);
  const stop = server.always((_, response) => answer(response, 503, 'ServiceUnavailable'));
  server.endWatches();
  await server.until(() => server.requests.length === 10);
  stop();
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  assert.equal(lists(server), 1);
});

test('a version of the future, after a backup was restored: a new list', async (t) => {
  const { server, until, changes } = await synced(t);
  const causes = [{ reason: 'ResourceVersionTooLarge' }];
  server.writeToWatches(
    `${JSON.stringify({ type: 'ERROR', object: { code: 504, reason: 'Timeout', details: { causes } } })}\n`,
  );
  await server.until(() => lists(server) === 2);
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
});

test('a reset in the middle of an event: the half is forgotten, the event comes again', async (t) => {
  const { server, until, changes, values } = await synced(t);
  server.writeToWatches('{"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"def');
  server.endWatches('Reset');
  server.put(routes, route('a', '2'));
  await until(() => changes.includes('Modified a'));
  assert.deepEqual(values(), { a: '2' });
  assert.equal(lists(server), 1);
});

for (const [what, text] of [
  ['truncated JSON', '{"type":"MODIFIED","object":{"metadata":{"name":"a"\n'],
  ['an HTML page', '<html>\n'],
  ['an event without metadata', '{"type":"ADDED","object":{}}\n'],
  ['null', 'null\n'],
] as const) {
  test(`${what} in the stream: what came before counts, and the watch is opened anew`, async (t) => {
    const { server, until, changes, states } = await synced(t);
    server.writeToWatches(
      `{"type":"ADDED","object":{"metadata":{"name":"b","namespace":"default","resourceVersion":"101"},"spec":{}}}\n${text}`,
    );
    await until(() => states.length === 2);
    assert.ok(changes.includes('Added b'));
    server.put(routes, route('c'));
    await until(() => changes.includes('Added c'));
    assert.equal(lists(server), 1);
  });
}

test('events cut anywhere, also within a character', async (t) => {
  const { server, until, values } = await synced(t);
  const line = Buffer.from(`{"type":"ADDED","object":{"metadata":{"name":"b"},"spec":{"value":"grün 🚪"}}}\n`);
  server.once((_, response) => {
    response.writeHead(200);
    let at = 0;
    const step = (): void => {
      if (at < line.length) response.write(line.subarray(at, ++at), () => setImmediate(step));
    };
    step();
  });
  server.endWatches();
  await until(() => values().b === 'grün 🚪');
});

test('a server that is away for long is tried for ever, and no slower than the limit', async (t) => {
  const { server, until, changes, states, pauses } = await synced(t);
  const { port } = server;
  await server.close();
  await until(() => states.length === 2);
  while (pauses.length < 8) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(
    pauses.every((ms, i) => ms <= 4000 && ms >= Math.min(4000, 250 * 2 ** i) / 2),
    pauses.join(),
  );
  const back = new FakeApiServer();
  back.collections.add(routes);
  for (let i = 0; i < 10; i++) back.compact();
  back.put(routes, route('b'));
  await back.listen(port);
  t.after(() => back.close());
  await until(() => changes.includes('Added b') && changes.includes('Deleted a'));
});

test('429 with Retry-After is obeyed, on a list as on a watch', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  const busy = (): void =>
    server.once((_, response) => {
      response.setHeader('retry-after', '7');
      return answer(response, 429, 'TooManyRequests');
    });
  busy();
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  busy();
  server.endWatches();
  await seen.until(() => seen.states.length === 4);
  assert.deepEqual(
    seen.states.map(({ type }) => type),
    ['Failing', 'Synced', 'Failing', 'Synced'],
  );
  assert.equal(seen.pauses.filter((ms) => ms >= 7000 && ms <= 7700).length, 2);
});

test('5xx on lists, then pages whose continuation expired: a whole list in the end', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.isStreamingLists = false;
  for (let i = 0; i < 600; i++) server.put(routes, route(`r${i}`));
  const failOnce = (condition: (query: URLSearchParams) => boolean, code: number): void =>
    server.once(({ query }, response) => (condition(query) ? answer(response, code, '') : false));
  failOnce((query) => query.has('limit'), 500);
  failOnce((query) => query.has('limit'), 503);
  failOnce((query) => query.has('continue'), 410);
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  assert.equal(seen.reflector.store.size, 600);
  assert.equal(seen.changes.length, 600);
});

test('watches that are closed after each bookmark do not become a storm', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  const seen = observe(t, client);
  await seen.until(() => seen.reflector.isSynced);
  let version = 1000;
  server.always((_, response) => {
    version++;
    response.end(`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${version}"}}}\n`);
  });
  server.endWatches();
  await server.until(() => server.requests.length === 8);
  const { pauses } = seen;
  assert.ok(pauses.length >= 6);
  for (const [i, ms] of pauses.entries()) assert.ok(ms >= Math.min(4000, 250 * 2 ** i) / 2, pauses.join());
});

test('a silent connection is given up, and the watch goes on from the last version', async (t) => {
  const { server, until, changes, states } = await synced(t, { limits: { silenceMs: 200 } });
  // Accepted, and then nothing: as a peer that lost its power.
  server.once((_, response) => {
    response.writeHead(200);
    response.flushHeaders();
  });
  server.endWatches();
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  assert.equal(server.requests.length, 3);
  assert.equal(lists(server), 1);
  assert.equal(states.length, 1, 'a quiet kind of a server without bookmarks is no alarm');
});

test('a stream that never comes to the end of its list: pages, and streams again later', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.put(routes, route('a'));
  server.once((_, response) => {
    response.writeHead(200);
    response.write('{"type":"ADDED","object":{"metadata":{"name":"half","resourceVersion":"7"}}}\n');
  });
  const seen = observe(t, client, { limits: { silenceMs: 200 } });
  await seen.until(() => seen.reflector.isSynced);
  assert.deepEqual(seen.changes, ['Added a']);
  assert.equal(server.requests[1]!.query.get('limit'), '500');
});

test('a listener that throws is told of, and the reflector goes on', async (t) => {
  let isBad = true;
  const { server, until, changes, faults } = await synced(t, {
    onChanges() {
      if (isBad) throw new Error('a bug');
    },
  });
  isBad = false;
  assert.match(String(faults[0]), /a bug/);
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  assert.equal(faults.length, 1);
});

test('a refusal for want of rights is told once, however often it is tried', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  const stop = server.always((_, response) => answer(response, 403, 'Forbidden'));
  const seen = observe(t, client);
  await server.until(() => server.requests.length === 5);
  assert.equal(seen.reflector.isSynced, false);
  assert.deepEqual(
    seen.states.map((state) => state.type === 'Failing' && state.error.reason),
    ['Forbidden'],
  );
  stop();
  await seen.until(() => seen.reflector.isSynced);
});

test('bookmarks keep the version young, so that a quiet kind needs no new list', async (t) => {
  const { server, until, changes } = await synced(t);
  for (let i = 0; i < 5; i++) server.compact();
  server.bookmark();
  server.put(routes, route('b'));
  await until(() => changes.includes('Added b'));
  server.compact();
  server.bookmark();
  server.writeToWatches('{"type":"MODIFIED","object":{"metadata":{"name":"c","namespace":"default"},"spec":{}}}\n');
  await until(() => changes.includes('Added c'));
  server.endWatches('Reset');
  server.put(routes, route('d'));
  await until(() => changes.includes('Added d'));
  assert.equal(lists(server), 1);
});
