/** One request from top to bottom, with a client and backends played by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalReply } from '../contract/exchange.ts';
import { endpointAt, fieldsFrom, Scene, sendBody } from './forward-testing.ts';
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN } from './http/streams.ts';

test('a request goes to the backend and its answer to the client', () => {
  const scene = new Scene();
  const { downstream } = scene.request({ target: '/a?b=1', headers: fieldsFrom({ accept: 'text/html' }) });
  const [first] = scene.tries;
  assert.equal(first!.request.target, '/a?b=1');
  assert.equal(first!.request.authority, 'shop.example.com');
  assert.match(first!.headers, /accept: text\/html\r\n/);
  first!.answer(200, 'hello', { etag: '"1"' });
  assert.equal(downstream.status, 200);
  assert.equal(downstream.headers.get('etag'), '"1"');
  assert.equal(downstream.body, 'hello');
  assert.deepEqual(downstream.ends, ['end']);
  const [finished] = scene.finished;
  assert.equal(finished!.status, 200);
  assert.equal(finished!.reason, '');
  assert.equal(finished!.responseBytes, 5);
  assert.equal(finished!.endpoint!.name, '10.0.0.1:1');
});

test('what a client claims about itself is replaced', () => {
  const scene = new Scene({ forwarder: { emitsForwarded: true } });
  const claims = {
    'x-forwarded-for': '1.1.1.1',
    'x-real-ip': '1.1.1.1',
    forwarded: 'for=1.1.1.1',
    'x-forwarded-prefix': '/x',
  };
  scene.request({ headers: fieldsFrom(claims) });
  const { headers } = scene.tries[0]!.request;
  assert.equal(headers.get('x-forwarded-for'), '192.0.2.7');
  assert.equal(headers.get('x-real-ip'), '192.0.2.7');
  assert.equal(headers.get('x-forwarded-proto'), 'http');
  assert.equal(headers.get('x-forwarded-host'), 'shop.example.com');
  assert.equal(headers.get('x-forwarded-prefix'), undefined);
  assert.equal(headers.get('forwarded'), 'for=192.0.2.7;host=shop.example.com;proto=http');
});

test('the host of the identity follows each request of a connection', () => {
  const scene = new Scene();
  for (const authority of ['a.example', 'b.example:8080', 'a.example']) scene.request({ authority });
  const hosts = scene.tries.map((one) => one.request.headers.get('x-forwarded-host'));
  assert.deepEqual(hosts, ['a.example', 'b.example:8080', 'a.example']);
});

const failures: readonly [name: string, scene: () => Scene, status: number, reason: string, target?: string][] = [
  ['a path that is refused', () => new Scene(), 400, 'BadTarget', '/%00'],
  ['no listener', () => new Scene({ listener: { hostname: 'other.example' } }), 404, 'NoListener'],
  ['no route', () => new Scene(), 404, 'NoRoute', '/none'],
  ['no backend', () => new Scene({ choices: () => [] }), 500, 'NoBackend'],
  [
    'an unresolved backend',
    () =>
      new Scene({
        choices: () => [{ ref: { weight: 1, filters: [], problem: 'RefNotPermitted' }, backend: null, filters: [] }],
      }),
    500,
    'RefNotPermitted',
  ],
  ['weights of zero', () => new Scene({ choices: ({ backend }) => [zeroWeight(backend)] }), 500, 'NoBackend'],
  ['no endpoint', () => new Scene({ endpoints: [] }), 503, 'NoEndpoint'],
  ['no ready endpoint', () => new Scene({ endpoints: [endpointAt(1, { ready: false })] }), 503, 'NoEndpoint'],
];

function zeroWeight(backend: Scene['backend']) {
  return { ref: { backend: backend.key, weight: 0, filters: [] }, backend, filters: [] };
}

for (const [name, createScene, status, reason, target] of failures) {
  test(`${name}: ${status} ${reason}`, () => {
    const scene = createScene();
    const { downstream } = scene.request({ target: target ?? '/' });
    assert.equal(downstream.status, status);
    assert.equal(scene.finished[0]!.reason, reason);
    assert.match(downstream.headers.get('content-type') ?? '', /text\/plain/);
    assert.ok(downstream.headers.has('date'));
    assert.equal(downstream.body.length, downstream.bodyLength);
    assert.ok(downstream.body.length > 0);
    assert.deepEqual(downstream.ends, ['end']);
  });
}

test('HEAD gets the length of our own answer, not the answer', () => {
  const { downstream } = new Scene({ endpoints: [] }).request({ method: 'HEAD' });
  assert.equal(downstream.bodyLength, BODY_NONE);
  assert.ok(downstream.contentLength > 0);
  assert.equal(downstream.body, '');
});

test('weights share requests out', () => {
  let point = 0;
  const scene = new Scene({
    forwarder: { random: () => point },
    choices: (self) => {
      const other = self.addBackend('Service/default/other/80', [endpointAt(9)]);
      return [
        { ref: { backend: self.backend.key, weight: 9, filters: [] }, backend: self.backend, filters: [] },
        { ref: { backend: other.key, weight: 1, filters: [] }, backend: other, filters: [] },
      ];
    },
  });
  for (let tenth = 0; tenth < 10; tenth++) {
    point = tenth / 10 + 0.05;
    scene.request();
  }
  assert.equal(scene.tries.filter((one) => one.endpoint === '10.0.0.1:9').length, 1);
});

test('a Host of another listener than the one of the handshake is misdirected', () => {
  const scene = new Scene({ listener: { hostname: 'a.example', protocol: 'HTTPS' } });
  scene.listeners.push({
    ...scene.listeners[0]!,
    key: 'b',
    config: { ...scene.listeners[0]!.config, hostname: 'b.example' },
  });
  const connection = { ...scene.connection, isTls: true, serverName: 'a.example' };
  assert.equal(scene.request({ authority: 'b.example' }, connection).downstream.status, 421);
  scene.request({ authority: 'a.example' }, connection);
  assert.equal(scene.tries.length, 1);
  assert.equal(scene.tries[0]!.request.headers.get('x-forwarded-proto'), 'https');
});

test('filters run in order, on the way back in reverse, and also over our own answers', () => {
  const calls: string[] = [];
  const filter = (name: string) => ({
    onRequest: () => void calls.push(`${name} request`),
    onResponse: () => void calls.push(`${name} response`),
    onFinish: () => void calls.push(`${name} finish`),
  });
  const scene = new Scene({ filters: [filter('a'), filter('b')], backendFilters: [filter('c')], endpoints: [] });
  scene.request();
  assert.deepEqual(calls.slice(0, 6), [
    'a request',
    'b request',
    'c request',
    'c response',
    'b response',
    'a response',
  ]);
  assert.deepEqual(calls.slice(6), ['a finish', 'b finish', 'c finish']);
});

test('a filter may change the request, see the response and answer itself', () => {
  const redirect: LocalReply = { status: 302, reason: 'Redirect', headers: [['Location', '/b']] };
  const scene = new Scene({
    filters: [
      {
        onRequest(exchange) {
          exchange.request.target = '/changed';
          exchange.request.authority = 'inner';
          exchange.request.headers.set('X-A', exchange.match.pathPrefix ?? '');
          return exchange.request.headers.has('x-redirect') ? redirect : undefined;
        },
        onResponse: (exchange) => exchange.response.headers.set('X-Status', String(exchange.response.status)),
      },
    ],
  });
  const forwarded = scene.request();
  const { request } = scene.tries[0]!;
  assert.deepEqual([request.target, request.authority, request.headers.get('x-a')], ['/changed', 'inner', '/']);
  scene.tries[0]!.answer(204);
  assert.equal(forwarded.downstream.headers.get('x-status'), '204');
  const { downstream } = scene.request({ headers: fieldsFrom({ 'x-redirect': '1' }) });
  assert.equal(downstream.status, 302);
  assert.equal(downstream.headers.get('location'), '/b');
  assert.equal(downstream.headers.get('x-status'), '302');
  assert.equal(scene.tries.length, 1);
});

test('while a filter waits the body is kept and the client paused', async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const scene = new Scene({ filters: [{ onRequest: () => promise }] });
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: 6 });
  sendBody(run, 'abc');
  assert.ok(downstream.isPaused);
  assert.equal(scene.tries.length, 0);
  resolve(undefined);
  await promise;
  await Promise.resolve();
  assert.equal(scene.tries[0]!.body, 'abc');
  assert.ok(!downstream.isPaused);
  sendBody(run, 'def');
  run.onRequestEnd(null);
  assert.equal(scene.tries[0]!.body, 'abcdef');
  assert.ok(scene.tries[0]!.isEnded);
});

test('a filter that throws or rejects ends in 500', async () => {
  const thrown = new Scene({
    filters: [
      {
        onRequest: () => {
          throw new Error('bug');
        },
      },
    ],
  });
  assert.equal(thrown.request().downstream.status, 500);
  const rejected = new Scene({ filters: [{ onRequest: async () => Promise.reject(new Error('down')) }] });
  const { downstream } = rejected.request();
  await new Promise(setImmediate);
  assert.equal(downstream.status, 500);
  assert.equal(rejected.finished[0]!.reason, 'FilterFailed');
});

test('back-pressure reaches the other side, both ways', () => {
  const scene = new Scene();
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: BODY_UNKNOWN });
  const [first] = scene.tries;
  first!.takesMore = false;
  sendBody(run, 'x');
  assert.ok(downstream.isPaused);
  first!.sink.onUpstreamDrain();
  assert.ok(!downstream.isPaused);
  run.onRequestEnd(null);
  first!.sink.onResponseHead(200, fieldsFrom({}), BODY_UNKNOWN, -1);
  downstream.takesMore = false;
  first!.sink.onResponseData(Buffer.from('y'), 0, 1);
  assert.ok(first!.isPaused);
  run.onDownstreamDrain();
  assert.ok(!first!.isPaused);
  first!.sink.onResponseBurstEnd();
  assert.equal(downstream.flushes, 1);
});

test('a body that comes later than its head is flushed at the end of the turn', async () => {
  const scene = new Scene();
  const { run } = scene.request({ method: 'POST', bodyLength: 4 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(scene.tries[0]!.flushes, 1);
  sendBody(run, 'ab');
  sendBody(run, 'cd');
  run.onRequestEnd(null);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(scene.tries[0]!.flushes, 1);
});

test('1xx and trailers pass', () => {
  const scene = new Scene();
  const { run, downstream } = scene.request({ method: 'PUT', bodyLength: BODY_UNKNOWN, expectsContinue: true });
  const [first] = scene.tries;
  assert.ok(first!.request.expectsContinue);
  first!.sink.onInformational(100, fieldsFrom({}));
  first!.sink.onInformational(103, fieldsFrom({ link: '</a>' }));
  run.onRequestEnd(fieldsFrom({ 'x-sum': '1' }));
  first!.sink.onResponseHead(200, fieldsFrom({}), BODY_UNKNOWN, -1);
  first!.sink.onResponseEnd(fieldsFrom({ 'x-end': '2' }));
  assert.deepEqual(downstream.informational, [100, 103]);
  assert.equal(downstream.trailers!.get('x-end'), '2');
});

test('an upgrade becomes a tunnel; a refusal is an answer', () => {
  const scene = new Scene();
  const { run, downstream } = scene.request({ upgrade: 'websocket', bodyLength: BODY_TUNNEL });
  const [first] = scene.tries;
  assert.equal(first!.request.upgrade, 'websocket');
  assert.equal(first!.request.bodyLength, BODY_TUNNEL);
  first!.sink.onResponseHead(101, fieldsFrom({}), BODY_TUNNEL, -1);
  assert.equal(downstream.bodyLength, BODY_TUNNEL);
  sendBody(run, 'ping');
  first!.sink.onResponseData(Buffer.from('pong'), 0, 4);
  assert.equal(first!.body, 'ping');
  assert.equal(downstream.body, 'pong');
  run.onRequestEnd(null);
  assert.ok(first!.isEnded);
  first!.sink.onResponseEnd(null);
  assert.deepEqual(downstream.ends, ['end']);

  const refused = scene.request({ upgrade: 'websocket', bodyLength: BODY_TUNNEL });
  scene.tries[1]!.answer(403, 'no');
  assert.equal(refused.downstream.status, 403);
  assert.equal(refused.downstream.body, 'no');
});

test('a client that leaves takes the request to the backend along', () => {
  const scene = new Scene();
  const { run, downstream } = scene.request();
  run.onDownstreamClose('ClientClosed');
  assert.ok(scene.tries[0]!.isAborted);
  assert.equal(scene.finished[0]!.status, 499);
  assert.deepEqual(downstream.ends, []);
  run.onDownstreamClose('ClientClosed');
  assert.equal(scene.finished.length, 1);
});

test('a backend that answers before the body is complete is not sent the rest', () => {
  const scene = new Scene();
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: 10 });
  sendBody(run, 'abc');
  scene.tries[0]!.answer(413, 'too much');
  assert.equal(downstream.status, 413);
  assert.ok(scene.tries[0]!.isAborted);
  sendBody(run, 'def');
  assert.equal(scene.tries[0]!.body, 'abc');
});
