/** What HTTP/2 backends may and may not do to requests: tunnels, limits of streams and connections, silence, death. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http2 from 'node:http2';
import { test } from 'node:test';
import { defaultLimits } from '../limits.ts';
import { Field, FieldList } from './fields.ts';
import { FrameFlag, FrameType } from './frame.ts';
import { Backend, poolTo, request, ScriptedBackend } from './http2-client-testing.ts';
import { block, frame, Response, until } from './http2-testing.ts';
import { BODY_TUNNEL, BODY_UNKNOWN, type UpstreamRequest } from './streams.ts';

const { headers, data, settings, ping, rstStream, goaway } = FrameType;
const END_BOTH = FrameFlag.endStream | FrameFlag.endHeaders;
const noContent = (id: number) => frame(headers, END_BOTH, id, Buffer.of(0x89));

function webSocket(): UpstreamRequest {
  const fields = new FieldList([new Field('sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==')]);
  return request({ bodyLength: BODY_TUNNEL, upgrade: 'websocket', headers: fields });
}

test('a WebSocket waits for the settings, then asks by extended CONNECT; what was sent early comes through', async () => {
  using backend = await new Backend({ settings: { enableConnectProtocol: true } }).listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, fields) => {
    assert.equal(fields['sec-websocket-key'], undefined);
    stream.respond({ ':status': 200, 'x-asked': `${fields[':method']} ${fields[':protocol']}` });
    stream.pipe(stream);
  });
  using client = poolTo(backend.port);
  const response = new Response();
  const upstream = client.pool.open(webSocket(), response);
  assert.equal(upstream.sendData(Buffer.from('early '), 0, 6), false);
  assert.equal(client.pool.pending, 1);
  await until(() => response.status !== 0 && response.drains === 1, 'the tunnel');
  assert.deepEqual([response.status, response.bodyLength], [101, BODY_TUNNEL]);
  assert.equal(response.headers.get('x-asked'), 'CONNECT websocket');
  assert.equal(response.headers.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  upstream.sendData(Buffer.from('late'), 0, 4);
  await until(() => response.body === 'early late', 'the echo');
  upstream.sendEnd(null);
  await until(() => response.isEnded, 'the end');
});

test('a backend that takes no tunnels gets the request without its upgrade, and its answer is the answer', async () => {
  using backend = await new Backend().listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, fields) => {
    stream.respond({ ':status': 426, 'x-asked': `${fields[':method']} ${fields[':protocol']}` });
    stream.end('no tunnels here');
  });
  using client = poolTo(backend.port);
  const response = new Response();
  client.pool.open(webSocket(), response);
  await until(() => response.isOver, 'the answer');
  assert.deepEqual([response.status, response.body, response.error], [426, 'no tunnels here', null]);
  assert.equal(response.headers.get('x-asked'), 'GET undefined');
});

test('a WebSocket that waits hears of a connection that fails', async () => {
  using backend = await new ScriptedBackend().listen();
  using client = poolTo(backend.port);
  const response = new Response();
  client.pool.open(webSocket(), response);
  await until(() => backend.connections.length === 1, 'the connection');
  backend.connections[0]!.socket.destroy();
  await until(() => response.isOver, 'the failure');
  assert.equal(response.error?.kind, 'Closed');
});

test('beyond the connections of a pool requests wait, in order; one that leaves gives up its place', async () => {
  using backend = await new Backend({ settings: { maxConcurrentStreams: 1 } }).listen();
  const streams: [http2.ServerHttp2Stream, string][] = [];
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, fields) => {
    stream.on('error', () => {});
    streams.push([stream, String(fields[':path'])]);
  });
  const limits = { ...defaultLimits, http2ConnectionsPerEndpoint: 2, http2Streams: 1 };
  using client = poolTo(backend.port, { limits });
  const responses = Array.from({ length: 6 }, () => new Response());
  const upstreams = responses.map((response, i) => client.pool.open(request({ target: `/${i}` }), response));
  await until(() => streams.length === 2, 'two requests');
  assert.equal(client.pool.pending, 4);
  upstreams[3]!.abort();
  assert.equal(client.pool.pending, 3);
  for (let i = 0; i < 5; i++) {
    await until(() => streams.length > i, `request ${i}`);
    streams[i]![0].respond({ ':status': 204 }, { endStream: true });
  }
  await until(() => [0, 1, 2, 4, 5].every((i) => responses[i]!.isEnded), 'all answers');
  assert.deepEqual(streams.map(([, path]) => path).toSorted(), ['/0', '/1', '/2', '/4', '/5']);
  assert.ok(!responses[3]!.isOver);
  assert.equal(backend.sessions.size, 2);
});

test('requests that wait are served also when the pool closes, and when a connection dies', async () => {
  using backend = await new ScriptedBackend().listen();
  const limits = { ...defaultLimits, http2ConnectionsPerEndpoint: 1, http2Streams: 1 };
  using client = poolTo(backend.port, { limits });
  const [first, second, third] = [new Response(), new Response(), new Response()];
  for (const one of [first, second, third]) client.pool.open(request(), one);
  await until(() => backend.connections[0]?.has(headers, 1) === true, 'the first request');
  backend.connections[0]!.socket.destroy();
  await until(() => backend.connections[1]?.has(headers, 1) === true, 'the second request');
  assert.equal(first.error?.kind, 'Closed');
  client.pool.close();
  backend.connections[1]!.send(frame(settings, 0, 0), noContent(1));
  await until(() => second.isEnded, 'the second answer');
  await until(() => backend.connections[1]!.has(headers, 3), 'the third request');
  backend.connections[1]!.send(noContent(3));
  await until(() => third.isEnded, 'the third answer');
});

const quick = { ...defaultLimits, http2PingIntervalMs: 60, http2PingTimeoutMs: 60 };

test('a backend that has requests and is silent is asked; dead, its requests fail', async () => {
  using backend = await new ScriptedBackend().listen();
  using client = poolTo(backend.port, { limits: quick });
  const [begun, waiting] = [new Response(), new Response()];
  client.pool.open(request(), begun);
  client.pool.open(request(), waiting);
  await until(() => backend.connections[0]?.has(headers, 3) === true, 'the requests');
  const [connection] = backend.connections;
  connection!.send(frame(settings, 0, 0), frame(headers, FrameFlag.endHeaders, 1, Buffer.of(0x88)));
  await until(() => connection!.has(ping, 0), 'the question');
  await until(() => begun.isOver && waiting.isOver, 'the failures');
  assert.deepEqual([begun.error?.kind, waiting.error?.kind], ['Reset', 'Closed']);
  const next = new Response();
  client.pool.open(request(), next);
  await until(() => backend.connections[1]?.has(headers, 1) === true, 'the next request on a new connection');
});

test('a silent backend that lives is asked twice, then seldom; a message makes it count anew', async () => {
  using backend = await new ScriptedBackend().listen();
  using client = poolTo(backend.port, { limits: quick });
  const response = new Response();
  client.pool.open(request(), response);
  await until(() => backend.connections[0]?.has(headers, 1) === true, 'the request');
  const connection = backend.connections[0]!;
  connection.send(frame(settings, 0, 0), frame(headers, FrameFlag.endHeaders, 1, Buffer.of(0x88)));
  const pings = () => connection.frames.filter((one) => one.type === ping).length;
  const answer = async (count: number) => {
    await until(() => pings() >= count, `question ${count}`);
    connection.send(frame(ping, FrameFlag.ack, 0, connection.frames.findLast((one) => one.type === ping)!.payload));
  };
  await answer(1);
  await answer(2);
  const quietSince = performance.now();
  await until(() => performance.now() - quietSince > 400, 'time for more questions');
  assert.equal(pings(), 2);
  connection.send(frame(data, 0, 1, 'x'));
  await answer(3);
  assert.equal(response.error, null);
});

test('an idle connection is not asked', async () => {
  using backend = await new ScriptedBackend().listen();
  using client = poolTo(backend.port, { limits: { ...quick, upstreamIdleTimeoutMs: 400 } });
  const response = new Response();
  client.pool.open(request(), response);
  await until(() => backend.connections[0]?.has(headers, 1) === true, 'the request');
  backend.connections[0]!.send(frame(settings, 0, 0), noContent(1));
  await until(() => backend.connections[0]!.has(goaway, 0), 'the end of the idle connection');
  assert.equal(backend.connections[0]!.has(ping, 0), false);
});

test('answers of a backend that break the protocol fail their request only, or end the connection', async () => {
  const bad: Record<string, Buffer> = {
    'no status': frame(headers, END_BOTH, 1, block(['a', 'b'])),
    'status twice': frame(headers, END_BOTH, 1, block([':status', '200'], [':status', '200'])),
    'a status that is none': frame(headers, END_BOTH, 1, block([':status', '20'])),
    'switching protocols': frame(headers, FrameFlag.endHeaders, 1, block([':status', '101'])),
    'an informational end': frame(headers, END_BOTH, 1, block([':status', '103'])),
    'a connection field': frame(headers, END_BOTH, 1, block([':status', '200'], ['connection', 'close'])),
    'an upper-case name': frame(headers, END_BOTH, 1, block([':status', '200'], ['A', 'b'])),
    'CR LF in a value': frame(headers, END_BOTH, 1, block([':status', '200'], ['a', 'b\r\nc: d'])),
    'data before a head': frame(data, 0, 1, 'x'),
    'too short': frame(headers, END_BOTH, 1, block([':status', '200'], ['content-length', '5'])),
    'a push': frame(FrameType.pushPromise, FrameFlag.endHeaders, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), block()])),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    using backend = await new ScriptedBackend().listen();
    using client = poolTo(backend.port);
    const response = new Response();
    client.pool.open(request(), response);
    await until(() => backend.connections[0]?.has(headers, 1) === true, 'the request');
    backend.connections[0]!.send(frame(settings, 0, 0), bytes);
    await until(() => response.isOver, `the refusal of ${what}`);
    assert.equal(response.error?.kind, 'Protocol', what);
  }
});

test('a body longer or shorter than it said is never a clean end', async () => {
  for (const end of [frame(data, FrameFlag.endStream, 1, 'abc'), frame(data, FrameFlag.endStream, 1, 'abcdefgh')]) {
    using backend = await new ScriptedBackend().listen();
    using client = poolTo(backend.port);
    const response = new Response();
    client.pool.open(request(), response);
    await until(() => backend.connections[0]?.has(headers, 1) === true, 'the request');
    backend.connections[0]!.send(frame(settings, 0, 0));
    backend.connections[0]!.send(
      frame(headers, FrameFlag.endHeaders, 1, block([':status', '200'], ['content-length', '5'])),
      end,
    );
    await until(() => response.isOver, 'the failure');
    assert.deepEqual([response.isEnded, response.error?.kind], [false, 'Protocol']);
    await until(() => backend.connections[0]!.has(rstStream, 1), 'the reset');
  }
});

test('a request that is given up is cancelled at the backend', async () => {
  using backend = await new Backend().listen();
  const arrived = once(backend.server, 'stream') as Promise<[http2.ServerHttp2Stream]>;
  using client = poolTo(backend.port);
  const upstream = client.pool.open(request({ method: 'POST', bodyLength: BODY_UNKNOWN }), new Response());
  const [stream] = await arrived;
  stream.on('error', () => {});
  const closed = once(stream, 'close');
  upstream.abort();
  await closed;
  assert.equal(stream.rstCode, 8);
});
