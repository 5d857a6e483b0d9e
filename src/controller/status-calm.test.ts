/** That no loop of writers, of us and somebody else, runs hot: over a real socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/until.ts';
import { keyOf } from '../contract/keys.ts';
import { answer, send } from '../kube/fake-api-server.test-support.ts';
import {
  condition,
  foreign,
  gateway,
  gateways,
  parent,
  patches,
  route,
  routes,
  start,
  written,
} from './status-writer.test-support.ts';

const routeSaid = { parents: [parent('gw', condition('Accepted', 'True'))] };
const gatewaySaid = (message: string) => ({ conditions: [condition('Accepted', 'True', message)] });

const toGateway = ({ path }: { readonly path: string }) => path.includes('/gateways/g/');

test('somebody who undoes each write is answered less and less often, and that is told once', async (t) => {
  const { server, say, writer, errors, status } = await start(t, ['Gateway', 'g']);
  const at: number[] = [];
  server.always((request) => {
    if (request.method === 'PATCH') at.push(request.at);
    return false;
  });
  say(new Map([[gateway, gatewaySaid('ours')]]));
  for (let count = 1; count <= 7; count++) {
    await written(server, count);
    const { metadata } = server.find(gateways, 'n/g')!;
    server.put(gateways, { metadata, status: gatewaySaid('theirs') });
    writer.observed('Gateway', 'n/g');
  }
  // 50, 100, 200, 400, 800, 1600 ms.
  assert.ok(at[6]! - at[5]! > 1500, `${at[6]! - at[5]!} ms before the seventh`);
  assert.deepEqual(errors, ['Gateway/n/g is contested']);
  // News does not wait for that.
  const saidAt = performance.now();
  say(new Map([[gateway, gatewaySaid('news')]]));
  await written(server, 8);
  assert.ok(at[7]! - saidAt < 1500, `${at[7]! - saidAt} ms before the news`);
  assert.equal((status('Gateway', 'g') as ReturnType<typeof gatewaySaid>).conditions[0]!.message, 'news');
});

test('what the server does not keep is not said again and again', async (t) => {
  const { server, say, writer } = await start(t, ['Gateway', 'g'], ['HTTPRoute', 'r']);
  // Its definition of Gateways has no conditions.
  server.always((request, response) => {
    if (request.method !== 'PATCH' || !toGateway(request)) return false;
    const { metadata } = server.find(gateways, 'n/g')!;
    send(response, 200, server.put(gateways, { metadata, status: {} }));
    return true;
  });
  const said = gatewaySaid('');
  say(new Map([[gateway, said]]));
  await written(server, 1);
  say(
    new Map<string, object>([
      [gateway, said],
      [route, routeSaid],
    ]),
  );
  await written(server, 2);
  writer.observed('Gateway', 'n/g');
  // What waits for its turn after it has come.
  say(
    new Map<string, object>([
      [gateway, said],
      [route, { parents: [] }],
    ]),
  );
  await server.until(() => patches(server).filter((request) => !toGateway(request)).length === 2);
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).filter(toGateway).length, 1);
});

test('what the server refuses is not tried with each event, and in the end every few minutes', async (t) => {
  const { server, say, writer, errors } = await start(t, ['HTTPRoute', 'r']);
  server.always((request, response) => {
    if (request.method !== 'PATCH') return false;
    answer(response, 422, 'Invalid');
    return true;
  });
  say(new Map([[keyOf('HTTPRoute', 'n', 'r'), routeSaid]]));
  await written(server, 1);
  for (let event = 0; event < 50; event++) {
    writer.observed('HTTPRoute', 'n/r');
    await fetch(`http://127.0.0.1:${server.port}/none`);
  }
  assert.ok(patches(server).length <= 3, `${patches(server).length} writes`);
  await written(server, 3);
  assert.equal(errors.length, 1);
});

test('where a list is full, the entries that are there stay, and whoever found no room is told; nothing is tried again', async (t) => {
  const theirs = Array.from({ length: 30 }, (_, i) => ({ ...foreign, parentRef: { name: `gw${i}` } }));
  const { server, say, writer, status, missing } = await start(t, ['HTTPRoute', 'r', { parents: theirs }]);
  const said = (...names: string[]) =>
    names.map((name) => ({
      ...parent(name, condition('Accepted', 'True')),
      parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name },
    }));
  const names = () =>
    (status('HTTPRoute', 'r') as { parents: { parentRef: { name: string } }[] }).parents
      .map(({ parentRef }) => parentRef.name)
      .slice(-2);
  say(new Map([[route, { parents: said('b', 'c', 'd') }]]));
  await written(server, 1);
  assert.deepEqual(names(), ['b', 'c']);
  assert.deepEqual(missing.get(route), ['Gateway/n/d']);
  // One that comes first by name takes nobody's place.
  say(new Map([[route, { parents: said('a', 'b', 'c') }]]));
  writer.observed('HTTPRoute', 'n/r');
  await until(() => missing.get(route)?.join() === 'Gateway/n/a', 'it was looked at');
  assert.equal(patches(server).length, 1);
  // Room comes when an entry goes.
  const { metadata } = server.find(routes, 'n/r')!;
  server.put(routes, {
    metadata,
    status: { parents: (status('HTTPRoute', 'r') as { parents: object[] }).parents.slice(1) },
  });
  writer.observed('HTTPRoute', 'n/r');
  await written(server, 2);
  assert.deepEqual(names(), ['c', 'a']);
  await until(() => missing.get(route)?.length === 0, 'nobody is missing');
});
