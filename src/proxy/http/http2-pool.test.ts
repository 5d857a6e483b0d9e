/** The pool of HTTP/2 connections to a backend: requests, windows, further connections, GOAWAY and failures to connect. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { defaultLimits } from '../limits.ts';
import { Field, FieldList } from './fields.ts';
import { Backend, poolTo, request, ScriptedBackend } from './http2-client-testing.ts';
import { FrameFlag, FrameType } from './frame.ts';
import { frame, Response, until } from './http2-testing.ts';
import { BODY_UNKNOWN } from './streams.ts';

test('a request and its answer, with a body and trailers both ways', async () => {
  using backend = await new Backend().listen();
  const got: Record<string, unknown>[] = [];
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    let body = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (body += text));
    stream.on('trailers', (trailers) => got.push({ trailers }));
    stream.on('end', () => {
      got.push({ headers, body });
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 201, 'x-from': 'backend' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
      stream.end(`got ${body}`);
    });
  });
  using client = poolTo(backend.port);
  const response = new Response();
  const upstream = client.pool.open(request({ method: 'POST', bodyLength: BODY_UNKNOWN }), response);
  upstream.sendData(Buffer.from('xxhello'), 2, 7);
  upstream.sendEnd(new FieldList([new Field('x-end', 'now')]));
  await until(() => response.isOver, 'the response');
  assert.deepEqual([response.error, response.status, response.body], [null, 201, 'got hello']);
  assert.deepEqual(response.informationals, [103]);
  assert.equal(response.headers.get('x-from'), 'backend');
  assert.equal(response.trailers?.get('x-sum'), '7');
  assert.match(JSON.stringify(got), /"x-test":"yes".*|"x-end":"now"/);
});

test('a large download and a large upload pass the windows of both sides', async () => {
  using backend = await new Backend().listen();
  const size = 3 * 1024 * 1024;
  let uploaded = 0;
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('data', (chunk: Buffer) => (uploaded += chunk.length));
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(size, 'x'));
  });
  using client = poolTo(backend.port);
  const download = new Response();
  client.pool.open(request(), download);
  await until(() => download.isOver, 'the download');
  assert.deepEqual([download.error, download.bytes], [null, size]);
  backend.server.removeAllListeners('stream');
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('data', (chunk: Buffer) => (uploaded += chunk.length));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end();
    });
  });
  const upload = new Response();
  const upstream = client.pool.open(request({ method: 'PUT', bodyLength: size }), upload);
  const piece = Buffer.alloc(64 * 1024, 'y');
  for (let sent = 0; sent < size; sent += piece.length) {
    const drains = upload.drains;
    if (!upstream.sendData(piece, 0, piece.length)) await until(() => upload.drains > drains, 'a drain');
  }
  upstream.sendEnd(null);
  await until(() => upload.isOver, 'the answer to the upload');
  assert.deepEqual([upload.error, upload.status, uploaded], [null, 200, size]);
});

test('a paused response stops at its window and harms no other', async () => {
  using backend = await new Backend().listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(1024 * 1024, 'x'));
  });
  using client = poolTo(backend.port);
  const slow = new Response();
  const upstream = client.pool.open(request(), slow);
  upstream.pauseResponse();
  const quick = new Response();
  client.pool.open(request(), quick);
  await until(() => quick.isOver, 'the other response');
  assert.equal(quick.bytes, 1024 * 1024);
  assert.equal(slow.bytes, 16 * 1024, 'the first window');
  upstream.resumeResponse();
  await until(() => slow.isOver, 'the slow response');
  assert.deepEqual([slow.error, slow.bytes], [null, 1024 * 1024]);
});

test('the window of a response that is taken grows to its limit', async () => {
  using backend = await new Backend().listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(1024 * 1024, 'x'));
  });
  using client = poolTo(backend.port);
  const slow = new Response();
  const upstream = client.pool.open(request(), slow);
  const take = slow.onResponseData.bind(slow);
  let pausedAt = 0;
  slow.onResponseData = (buffer, start, end) => {
    take(buffer, start, end);
    if (pausedAt > 0 || slow.bytes < 300_000) return;
    pausedAt = slow.bytes;
    upstream.pauseResponse();
  };
  await until(() => pausedAt > 0, 'a part of the response');
  const quick = new Response();
  client.pool.open(request(), quick);
  await until(() => quick.isOver, 'the other response');
  const unasked = slow.bytes - pausedAt;
  // What was taken last is given back by halves of the window.
  const limit = defaultLimits.http2StreamWindow;
  assert.ok(unasked >= limit / 2 && unasked <= limit, `${unasked} bytes`);
});

test('requests wait with us, not in memory of the socket, while the backend reads nothing', async () => {
  using backend = await new ScriptedBackend().listen();
  using client = poolTo(backend.port, { limits: { ...defaultLimits, http2ConnectionsPerEndpoint: 2 } });
  const headers = new FieldList([new Field('x-long', 'x'.repeat(50_000))]);
  for (let i = 0; i < 50; i++) client.pool.open(request({ headers }), new Response());
  // Each connection takes what its buffer holds, and one request more.
  assert.equal(client.pool.pending, 50);
  await until(() => backend.connections.length === 2, 'two connections');
  const heads = () =>
    backend.connections.flatMap(({ frames }) => frames.filter(({ type }) => type === FrameType.headers));
  await until(() => heads().length === 50, 'all requests, when it reads');
});

test('more requests than the backend allows at a time go to further connections', async () => {
  using backend = await new Backend({ settings: { maxConcurrentStreams: 2 } }).listen();
  const waiting: http2.ServerHttp2Stream[] = [];
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => waiting.push(stream));
  using client = poolTo(backend.port);
  const first = new Response();
  client.pool.open(request(), first);
  await until(() => waiting.length === 1, 'the first request');
  const more = Array.from({ length: 5 }, () => {
    const response = new Response();
    client.pool.open(request(), response);
    return response;
  });
  await until(() => waiting.length === 6 || more.some((one) => one.error !== null), 'all requests');
  for (const stream of waiting) {
    stream.respond({ ':status': 204 });
    stream.end();
  }
  await until(() => [first, ...more].every((one) => one.isOver), 'all answers');
  for (const one of [first, ...more]) assert.ok(one.status === 204 || one.error?.kind === 'RefusedStream');
  assert.ok(backend.sessions.size >= 2);
});

test('after GOAWAY what was not taken is refused, and new requests go elsewhere', async () => {
  let connections = 0;
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    connections++;
    sockets.push(socket);
    const isFirst = connections === 1;
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(frame(FrameType.settings, 0, 0));
      if (isFirst) socket.write(frame(FrameType.goaway, 0, 0, Buffer.alloc(8)));
      // `:status: 200` of the static table.
      else socket.write(frame(FrameType.headers, FrameFlag.endHeaders | FrameFlag.endStream, 1, Buffer.of(0x88)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  {
    using client = poolTo((server.address() as net.AddressInfo).port);
    const first = new Response();
    client.pool.open(request(), first);
    await until(() => first.isOver, 'the refusal');
    assert.equal(first.error?.kind, 'RefusedStream');
    const second = new Response();
    client.pool.open(request(), second);
    await until(() => second.isOver, 'the second answer');
    assert.deepEqual([second.error, second.status, connections], [null, 200, 2]);
  }
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('a port where nobody listens, and one that breaks off', async () => {
  const server = net.createServer((socket) => socket.once('data', () => socket.end()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  {
    using client = poolTo(port);
    const response = new Response();
    client.pool.open(request(), response);
    assert.equal(response.error, null);
    await until(() => response.isOver, 'the failure');
    assert.equal(response.error!.kind, 'Closed');
  }
  server.close();
  await once(server, 'close');
  using client = poolTo(port);
  const response = new Response();
  client.pool.open(request(), response);
  await until(() => response.isOver, 'the failure to connect');
  assert.equal(response.error!.kind, 'Connect');
});
