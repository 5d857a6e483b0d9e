/** What filters may wait for: the request's body and backends of their own. The exchange's end is theirs too. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { CallFailure, CallRequest, CallResponse, Exchange } from '../contract/exchange.ts';
import type { Filter } from '../contract/filter.ts';
import { endpointAt, fieldsFrom, Scene, sendBody } from './forward-testing.ts';
import { BODY_UNKNOWN } from './http/streams.ts';
import type { PooledBackend } from './upstream/pooled-backend.ts';

const question: CallRequest = { method: 'POST', target: '/check', authority: 'auth', headers: [['X-A', '1']] };

/** A scene whose rule asks `auth` before it forwards; what came of it stands in `results`. */
function asking(request: CallRequest = question, endpoints = [endpointAt(9)]) {
  const results: (CallResponse | CallFailure)[] = [];
  const filter: Filter = {
    async onRequest(exchange: Exchange) {
      results.push(await exchange.call('auth', request));
      return undefined;
    },
  };
  const backends = new Map<string, PooledBackend>();
  const scene = new Scene({ filters: [filter], forwarder: { backendOf: (key) => backends.get(key) ?? null } });
  backends.set('auth', scene.addBackend('auth', endpoints));
  return { scene, results };
}

/** Promises of filters go on in microtasks. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

function reader(maxBytes: number) {
  const bodies: (string | null)[] = [];
  const filter: Filter = {
    async onRequest(exchange: Exchange) {
      const body = await exchange.readBody(maxBytes);
      bodies.push(body === null ? null : Buffer.from(body).toString());
      return body === null ? { status: 413, reason: 'TooLarge' } : undefined;
    },
  };
  return { bodies, filter };
}

test('a call sends its request, and the answer comes back whole, with trailers', async () => {
  const { scene, results } = asking({ ...question, body: Buffer.from('who?') });
  const { downstream } = scene.request();
  const [call] = scene.tries;
  assert.equal(call?.endpoint, '10.0.0.1:9');
  assert.equal(call.headers, 'X-A: 1\r\n');
  assert.deepEqual([call.body, call.isEnded, call.request.bodyLength], ['who?', true, 4]);
  call.sink.onResponseHead(200, fieldsFrom({ b: '2' }), -1, -1);
  call.sink.onResponseData(Buffer.from('a-xx'), 0, 2);
  call.sink.onResponseData(Buffer.from('xb'), 1, 2);
  call.sink.onResponseEnd(fieldsFrom({ c: '3' }));
  await settle();
  const [answer] = results;
  assert.ok(answer && 'status' in answer);
  assert.deepEqual(
    [answer.status, answer.headers.get('b'), Buffer.from(answer.body).toString(), answer.trailers?.get('c')],
    [200, '2', 'a-b', '3'],
  );
  scene.tries[1]!.answer(200, 'ok');
  assert.equal(downstream.body, 'ok');
});

test('a call asks another endpoint where the first cannot be reached, and says so when there is none left', async () => {
  const { scene, results } = asking(question, [endpointAt(8), endpointAt(9)]);
  scene.request();
  scene.tries[0]!.fail('Connect');
  assert.notEqual(scene.tries[1]!.endpoint, scene.tries[0]!.endpoint);
  scene.tries[1]!.fail('Connect');
  scene.tries[2]!.fail('Connect');
  await settle();
  assert.deepEqual(results, [{ failure: 'Broken' }]);
  const empty = asking(question, []);
  empty.scene.request();
  await settle();
  assert.deepEqual(empty.results, [{ failure: 'NoEndpoint' }]);
});

test('an answer that is too large or too late is none, and its request is aborted', async () => {
  const large = asking();
  large.scene.request();
  const [call] = large.scene.tries;
  call!.sink.onResponseHead(200, fieldsFrom({}), -1, -1);
  call!.sink.onResponseData(Buffer.alloc(64 * 1024 + 1), 0, 64 * 1024 + 1);
  await settle();
  assert.deepEqual([large.results, call!.isAborted], [[{ failure: 'TooLarge' }], true]);

  mock.timers.enable({ apis: ['setTimeout'] });
  const late = asking();
  late.scene.request();
  mock.timers.tick(10_000);
  mock.timers.reset();
  await settle();
  assert.deepEqual([late.results, late.scene.tries[0]!.isAborted], [[{ failure: 'Timeout' }], true]);
});

test('a client that leaves takes the call along', async () => {
  const { scene, results } = asking();
  const { run } = scene.request();
  run.onDownstreamClose('gone');
  await settle();
  assert.deepEqual([results, scene.tries[0]!.isAborted], [[{ failure: 'ExchangeOver' }], true]);
  assert.equal(scene.tries.length, 1);
});

test('a body is read whole, and goes to the backend all the same', async () => {
  const { bodies, filter } = reader(100);
  const scene = new Scene({ filters: [filter, filter] });
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: BODY_UNKNOWN, expectsContinue: true });
  assert.deepEqual([downstream.informational, downstream.isPaused], [[100], false]);
  sendBody(run, 'one ');
  sendBody(run, 'two');
  assert.deepEqual([downstream.isPaused, scene.tries.length], [false, 0]);
  run.onRequestEnd(null);
  await settle();
  assert.deepEqual(bodies, ['one two', 'one two']);
  assert.deepEqual([scene.tries[0]!.body, scene.tries[0]!.isEnded], ['one two', true]);
});

test('a body that is too large is refused as soon as that is known', async () => {
  const announced = reader(3);
  const first = new Scene({ filters: [announced.filter] }).request({ method: 'POST', bodyLength: 4 });
  await settle();
  assert.deepEqual([announced.bodies, first.downstream.status], [[null], 413]);
  const streamed = reader(3);
  const second = new Scene({ filters: [streamed.filter] }).request({ method: 'POST', bodyLength: BODY_UNKNOWN });
  sendBody(second.run, 'four');
  assert.equal(second.downstream.isPaused, true);
  await settle();
  assert.deepEqual([streamed.bodies, second.downstream.status], [[null], 413]);
});

test('a client that leaves in its body ends the wait', async () => {
  const { bodies, filter } = reader(3);
  const { run } = new Scene({ filters: [filter] }).request({ method: 'POST', bodyLength: 3 });
  run.onDownstreamClose('gone');
  await settle();
  assert.deepEqual(bodies, [null]);
});
