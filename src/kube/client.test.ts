/** Calls as the API server sees them, and what its answers come to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialOf } from './access.ts';
import { createKubeClient } from './client.ts';
import { accessTo, answer, send, startFakeCluster, type FakeObject } from './fake-api-server.test-support.ts';
import { urlPathOf } from './paths.ts';

const routes = '/apis/gateway.networking.k8s.io/v1/httproutes';
const path = { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes', namespace: 'default' };
const one = { ...path, name: 'one' };
const inDefault = '/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes';

test('paths of collections, objects and subresources', () => {
  assert.equal(urlPathOf({ group: '', version: 'v1', plural: 'services' }), '/api/v1/services');
  assert.equal(
    urlPathOf({ ...one, subresource: 'status' }, { force: true, a: undefined }),
    `${inDefault}/one/status?force=true`,
  );
  assert.equal(urlPathOf({ ...path, name: 'a/../b' }), `${inDefault}/a%2F..%2Fb`);
});

test('create, get, replace, patch, apply, delete', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  const object: FakeObject = { metadata: { name: 'one', namespace: 'default' }, spec: { a: 1 } };
  const created = await client.create(path, object);
  assert.equal(created.value?.metadata.resourceVersion, '101');
  assert.deepEqual((await client.get(one)).value, created.value);
  const replaced = await client.replace(one, { ...created.value, spec: { a: 2 } });
  assert.deepEqual(replaced.value?.spec, { a: 2 });
  const conflict = await client.replace(one, created.value);
  assert.deepEqual([conflict.error?.code, conflict.error?.reason], [409, 'Conflict']);
  assert.equal((await client.create(path, object)).error?.reason, 'AlreadyExists');
  await client.patch({ ...one, subresource: 'status' }, { status: { b: 1 } });
  await client.apply(one, { spec: { c: 1 } }, { fieldManager: 'headgate', force: true });
  await client.delete(one, { uid: 'uid-1', propagationPolicy: 'Background' });
  assert.equal((await client.get(one)).error?.reason, 'NotFound');
  const [patched, applied, deleted] = server.requests.slice(-4);
  assert.deepEqual(
    [patched!.method, patched!.path, patched!.headers['content-type'], patched!.body],
    ['PATCH', `${inDefault}/one/status`, 'application/merge-patch+json', '{"status":{"b":1}}'],
  );
  assert.equal(applied!.headers['content-type'], 'application/apply-patch+yaml');
  assert.equal(applied!.query.toString(), 'fieldManager=headgate&force=true');
  const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'uid-1' } };
  assert.deepEqual(JSON.parse(deleted!.body), { ...options, propagationPolicy: 'Background' });
});

test('pages of a list', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  for (const name of ['a', 'b', 'c']) server.put(routes, { metadata: { name, namespace: 'default' } });
  const first = await client.list(path, { query: { limit: 2 } });
  assert.equal(first.value?.items?.length, 2);
  const rest = await client.list(path, { query: { limit: 2, continue: first.value?.metadata?.continue } });
  assert.equal(rest.value?.items?.length, 1);
  assert.equal(rest.value?.metadata?.continue, undefined);
});

test('fifty calls share their connections', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.put(routes, { metadata: { name: 'one', namespace: 'default' } });
  for (let i = 0; i < 50; i++) assert.ok((await client.get(one)).value);
  // A call may begin before the connection of the last one is free again.
  assert.ok((await server.connections) <= 2);
});

test('errors: what the server says, what something in between says, and no answer at all', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  server.once((_, response) => {
    response.setHeader('retry-after', '3');
    return answer(response, 429, 'TooManyRequests');
  });
  assert.deepEqual((await client.get(one)).error, {
    code: 429,
    reason: 'TooManyRequests',
    message: 'it is TooManyRequests',
    retryAfterMs: 3000,
  });
  server.once((_, response) => void response.writeHead(502).end('<html>bad gateway</html>'));
  assert.deepEqual((await client.get(one)).error, {
    code: 502,
    reason: 'Unknown',
    message: '<html>bad gateway</html>',
  });
  server.once((_, response) => void response.writeHead(200).end('{"metadata":'));
  assert.equal((await client.get(one)).error?.reason, 'BadResponse');
  server.once(
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
  );
  assert.equal((await client.get(one)).error?.code, 0);
  server.once((_, response) => send(response, 410, { reason: 'Expired', details: { causes: [{ reason: 'Why' }] } }));
  assert.deepEqual((await client.get(one)).error?.causes, ['Why']);
  await server.close();
  assert.equal((await client.get(one)).error?.reason, 'ECONNREFUSED');
  await server.listen();
});

test('a call that is aborted, before or while it runs', async (t) => {
  const { server, client } = await startFakeCluster(t, routes);
  assert.equal((await client.get(one, { signal: AbortSignal.abort() })).error?.reason, 'Aborted');
  assert.equal(server.requests.length, 0);
  const abort = new AbortController();
  server.once(() => abort.abort());
  assert.equal((await client.get(one, { signal: abort.signal })).error?.reason, 'Aborted');
  server.once(() => {});
  assert.equal((await client.get(one, { signal: AbortSignal.timeout(20) })).error?.reason, 'Timeout');
});

test('a token that the server refuses is read anew, once', async (t) => {
  const { server } = await startFakeCluster(t, routes);
  server.put(routes, { metadata: { name: 'one', namespace: 'default' } });
  let token = 'old';
  let hasNew = true;
  const credential = credentialOf(
    () => ({ authorization: `Bearer ${token}` }),
    () => void (token = hasNew ? 'new' : 'old'),
  );
  const client = createKubeClient(accessTo(server.port, { credential }));
  t.after(() => client.close());
  server.always(({ headers }, response) => {
    return headers.authorization === 'Bearer new' ? false : answer(response, 401, 'Unauthorized');
  });
  assert.ok((await client.get(one)).value);
  hasNew = false;
  token = 'old';
  assert.equal((await client.get(one)).error?.reason, 'Unauthorized');
  assert.equal(server.requests.length, 4);
});

test('a path in the server URL is kept', async (t) => {
  const { server } = await startFakeCluster(t);
  const client = createKubeClient(accessTo(server.port, { server: `http://127.0.0.1:${server.port}/clusters/a/` }));
  t.after(() => client.close());
  await client.getPath('/version');
  assert.equal(server.requests[0]!.path, '/clusters/a/version');
});
