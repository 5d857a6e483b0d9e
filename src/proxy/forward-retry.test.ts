/** Failures of backends, each scripted: which are tried again, which are answered, and with what. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { endpointAt, fieldsFrom, Scene, sendBody } from './forward-testing.ts';
import type { UpstreamError } from './http/streams.ts';

const retry = { codes: [500, 503], attempts: 2, backoffMs: 0, connectionErrors: true };
const two = [endpointAt(1), endpointAt(2)];

function endpointsOf(scene: Scene): string[] {
  return scene.tries.map((one) => one.endpoint.slice(-1));
}

const answers: readonly [UpstreamError['kind'], number, string][] = [
  ['Connect', 503, 'ConnectFailed'],
  ['ConnectTimeout', 503, 'ConnectTimeout'],
  ['Tls', 503, 'BackendTlsFailed'],
  ['Closed', 502, 'BackendClosed'],
  ['Reset', 502, 'BackendReset'],
  ['Protocol', 502, 'BackendProtocolError'],
];

for (const [kind, status, reason] of answers) {
  test(`${kind} is answered with ${status}`, () => {
    const scene = new Scene();
    const { downstream } = scene.request();
    scene.tries[0]!.fail(kind);
    assert.equal(downstream.status, status);
    assert.equal(scene.tries.length, 1);
    assert.equal(scene.finished[0]!.reason, reason);
    assert.equal(scene.finished[0]!.upstreamError, kind);
  });
}

test('an endpoint that cannot be reached hands the request to another one, body and all', () => {
  const scene = new Scene({ endpoints: two });
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: 4 });
  sendBody(run, 'ab');
  scene.tries[0]!.fail('Connect');
  sendBody(run, 'cd');
  run.onRequestEnd(null);
  assert.deepEqual(endpointsOf(scene), ['1', '2']);
  assert.equal(scene.tries[1]!.body, 'abcd');
  assert.ok(scene.tries[1]!.isEnded);
  scene.tries[1]!.answer(200);
  assert.equal(downstream.status, 200);
  assert.equal(scene.finished[0]!.retries, 1);
});

test('a body that is no longer kept cannot be sent again', () => {
  const scene = new Scene({ endpoints: two });
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: 100_000 });
  sendBody(run, 'x'.repeat(40_000));
  sendBody(run, 'x'.repeat(40_000));
  scene.tries[0]!.fail('Connect');
  assert.equal(scene.tries.length, 1);
  assert.equal(downstream.status, 503);
});

test('when nobody can be reached the search ends', () => {
  const scene = new Scene({ endpoints: [1, 2, 3, 4, 5, 6, 7, 8].map((port) => endpointAt(port)) });
  const { downstream } = scene.request();
  for (let i = 0; i < scene.tries.length; i++) scene.tries[i]!.fail('Connect');
  assert.equal(downstream.status, 503);
  assert.equal(scene.tries.length, 6);
  assert.equal(new Set(endpointsOf(scene)).size, 6);
});

test('a kept-alive connection that was closed as we wrote is retried once, for idempotent methods', () => {
  const scene = new Scene();
  const got = scene.request();
  scene.tries[0]!.fail('Closed', 1);
  scene.tries[1]!.fail('Closed', 1);
  assert.equal(scene.tries.length, 2);
  assert.equal(got.downstream.status, 502);

  const posted = new Scene();
  const post = posted.request({ method: 'POST' });
  posted.tries[0]!.fail('Closed', 1);
  assert.equal(posted.tries.length, 1);
  assert.equal(post.downstream.status, 502);
});

test('a request that had not left is sent again whatever its method, however many idle connections end', () => {
  const scene = new Scene();
  const { downstream } = scene.request({ method: 'POST' });
  for (let i = 0; i < 10; i++) {
    scene.tries[i]!.sink.onUpstreamError({ kind: 'Closed', message: '', isReused: true, isUnsent: true });
  }
  scene.tries[10]!.answer(201);
  assert.equal(downstream.status, 201);
});

test('a refused stream is retried whatever its method', () => {
  const scene = new Scene();
  const { downstream } = scene.request({ method: 'POST' });
  scene.tries[0]!.fail('RefusedStream');
  scene.tries[1]!.answer(201);
  assert.equal(downstream.status, 201);
});

test('after the head of a response a failure is a truncation', () => {
  const scene = new Scene({ rule: { retry }, endpoints: two });
  const { downstream } = scene.request();
  scene.tries[0]!.sink.onResponseHead(200, fieldsFrom({}), 10, 10);
  scene.tries[0]!.sink.onResponseData(Buffer.from('half'), 0, 4);
  scene.tries[0]!.fail('Reset');
  assert.deepEqual(downstream.ends, ['reset']);
  assert.equal(scene.tries.length, 1);
  assert.equal(scene.finished[0]!.reason, 'BackendReset');
});

test('codes are retried up to the attempts, and the last one surfaces', () => {
  const scene = new Scene({ rule: { retry }, endpoints: two });
  const { downstream } = scene.request();
  scene.tries[0]!.answer(500, 'no');
  scene.tries[1]!.answer(503, 'no');
  scene.tries[2]!.answer(500, 'last');
  assert.equal(scene.tries.length, 3);
  assert.equal(downstream.status, 500);
  assert.equal(downstream.body, 'last');
  assert.equal(scene.finished[0]!.retries, 2);
});

test('other codes and zero attempts are not retried', () => {
  const other = new Scene({ rule: { retry } });
  const first = other.request();
  other.tries[0]!.answer(502);
  assert.equal(first.downstream.status, 502);
  const never = new Scene({ rule: { retry: { ...retry, attempts: 0 } }, endpoints: two });
  const second = never.request();
  never.tries[0]!.answer(500);
  assert.equal(second.downstream.status, 500);
  assert.equal(never.tries.length, 1);
});

test('a short answer that is retried may break off or stall without harm', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const scene = new Scene({ rule: { retry, backendRequestTimeoutMs: 100 } });
  const { downstream } = scene.request();
  scene.tries[0]!.sink.onResponseHead(500, fieldsFrom({}), 10, 10);
  scene.tries[0]!.fail('Reset');
  scene.tries[1]!.sink.onResponseHead(500, fieldsFrom({}), 10, 10);
  mock.timers.tick(100);
  assert.ok(scene.tries[1]!.isAborted);
  scene.tries[2]!.answer(200);
  assert.equal(downstream.status, 200);
  assert.equal(scene.backend.retryBudget.active, 0);
});

test('a long answer that is retried is not waited for', () => {
  const scene = new Scene({ rule: { retry } });
  const { downstream } = scene.request();
  scene.tries[0]!.sink.onResponseHead(500, fieldsFrom({}), 1_000_000, 1_000_000);
  assert.ok(scene.tries[0]!.isAborted);
  scene.tries[1]!.answer(200);
  assert.equal(downstream.status, 200);
});

test('connection errors are retried at one endpoint where the rule says so', () => {
  const scene = new Scene({ rule: { retry: { ...retry, codes: [], attempts: 3 } } });
  const { downstream } = scene.request();
  for (let i = 0; i < 3; i++) scene.tries[i]!.fail('Connect');
  scene.tries[3]!.answer(200);
  assert.equal(downstream.status, 200);
});

test('retries of a backend are limited by its budget', () => {
  const scene = new Scene({ rule: { retry: { ...retry, attempts: 1 } } });
  const all = Array.from({ length: 40 }, () => scene.request());
  for (const one of scene.tries.slice(0, 40)) one.answer(500);
  const retried = scene.tries.length - 40;
  // A fifth of the first tries in flight at each moment, which get fewer; never less than three.
  assert.ok(retried >= 3 && retried <= 8, `${retried} retries`);
  for (const one of scene.tries.slice(40)) one.answer(200);
  assert.equal(all.filter(({ downstream }) => downstream.status === 200).length, retried);
  assert.equal(scene.backend.retryBudget.active, 0);
});

test('back-off waits between two tries, longer each time', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const scene = new Scene({ rule: { retry: { ...retry, backoffMs: 100 } } });
  scene.request();
  scene.tries[0]!.answer(500);
  mock.timers.tick(99);
  assert.equal(scene.tries.length, 1);
  mock.timers.tick(1);
  assert.equal(scene.tries.length, 2);
  scene.tries[1]!.answer(500);
  mock.timers.tick(199);
  assert.equal(scene.tries.length, 2);
  mock.timers.tick(1);
  assert.equal(scene.tries.length, 3);
});

test('the request time-out covers all tries', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const scene = new Scene({ rule: { retry, requestTimeoutMs: 500 } });
  const { downstream } = scene.request();
  mock.timers.tick(300);
  scene.tries[0]!.answer(500);
  mock.timers.tick(200);
  assert.equal(downstream.status, 504);
  assert.ok(scene.tries[1]!.isAborted);
  assert.equal(scene.finished[0]!.reason, 'RequestTimeout');
});

test('the backend time-out is for each try; its 504 is retried where the codes say so', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const scene = new Scene({ rule: { retry: { ...retry, codes: [504] }, backendRequestTimeoutMs: 500 } });
  const { downstream } = scene.request();
  mock.timers.tick(500);
  assert.ok(scene.tries[0]!.isAborted);
  mock.timers.tick(400);
  scene.tries[1]!.answer(200);
  assert.equal(downstream.status, 200);
  mock.timers.tick(10_000);
  assert.equal(scene.finished.length, 1);

  const plain = new Scene({ rule: { backendRequestTimeoutMs: 500 } });
  const late = plain.request();
  mock.timers.tick(500);
  assert.equal(late.downstream.status, 504);
  assert.equal(plain.finished[0]!.reason, 'BackendRequestTimeout');
});

test('a time-out after the head cuts the response', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const scene = new Scene({ rule: { requestTimeoutMs: 100 } });
  const { downstream } = scene.request();
  scene.tries[0]!.sink.onResponseHead(200, fieldsFrom({}), 10, 10);
  mock.timers.tick(100);
  assert.deepEqual(downstream.ends, ['reset']);
  assert.ok(scene.tries[0]!.isAborted);
});

test('a time-out of months does not fire at once', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const month = 30 * 24 * 3600 * 1000;
  const scene = new Scene({ rule: { requestTimeoutMs: month } });
  const { downstream } = scene.request();
  mock.timers.tick(0x7fffffff);
  assert.equal(downstream.status, 0);
  mock.timers.tick(month - 0x7fffffff);
  assert.equal(downstream.status, 504);
});

test('what waits for a retry ends with its client', (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  const scene = new Scene({ rule: { retry: { ...retry, backoffMs: 100 } } });
  const { run } = scene.request();
  scene.tries[0]!.answer(500);
  run.onDownstreamClose('ClientClosed');
  mock.timers.tick(1000);
  assert.equal(scene.tries.length, 1);
  assert.equal(scene.backend.retryBudget.active, 0);
});
