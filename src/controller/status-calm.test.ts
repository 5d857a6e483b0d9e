/** That no loop of writers, of us and somebody else, runs hot: over a real socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf } from '../contract/keys.ts';
import { answer, send } from '../kube/fake-api-server.test-support.ts';
import { condition, gateway, gateways, parent, patches, route, start, written } from './status-writer.test-support.ts';

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
