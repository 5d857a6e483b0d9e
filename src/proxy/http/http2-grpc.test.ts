/** What gRPC asks of a proxy (grpc/grpc PROTOCOL-HTTP2), through the whole of it: trailers, half-closed and bidirectional streams, cancellation. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http2 from 'node:http2';
import { test } from 'node:test';
import { FrameFlag, FrameType } from './frame.ts';
import { Backend, ScriptedBackend } from './http2-client-testing.ts';
import { startProxy } from './http2-proxy-testing.ts';
import { frame, until } from './http2-testing.ts';

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

/** A backend that does this with each call, the proxy before it, and a client. */
async function callTo(handler: Handler) {
  const backend = await new Backend().listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  const proxy = await startProxy({ backendPort: backend.port });
  const session = await proxy.connect();
  return {
    call(method = 'M', type = 'application/grpc'): Call {
      const headers = { ':method': 'POST', te: 'trailers', 'content-type': type };
      return new Call(session.request({ ...headers, ':path': `/s/${method}` }));
    },
    [Symbol.dispose]() {
      proxy[Symbol.dispose]();
      backend[Symbol.dispose]();
    },
  };
}

/** What the client of one call saw. */
class Call {
  readonly stream: http2.ClientHttp2Stream;
  headers: http2.IncomingHttpHeaders | null = null;
  trailers: http2.IncomingHttpHeaders | null = null;
  endedWithHead = false;
  body = '';
  bytes = 0;
  error: Error | null = null;
  isClosed = false;

  constructor(stream: http2.ClientHttp2Stream) {
    this.stream = stream;
    stream.on('response', (headers, flags) => {
      this.headers = headers;
      this.endedWithHead = (flags & 1) === 1;
    });
    stream.on('trailers', (trailers) => (this.trailers = trailers));
    stream.on('error', (error) => (this.error = error));
    stream.on('close', () => (this.isClosed = true));
  }

  /** Reads all that comes. */
  read(): this {
    this.stream.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.bytes < 10_000) this.body += chunk.toString('latin1');
    });
    return this;
  }

  async closed(): Promise<void> {
    await until(() => this.isClosed, 'the end of the call');
  }
}

function respond(stream: http2.ServerHttp2Stream, status: string): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': 'done' }));
}

test('a unary call: te, message and trailers', async () => {
  let te: unknown;
  using grpc = await callTo((stream, headers) => {
    te = headers.te;
    respond(stream, '0');
    stream.pipe(stream);
  });
  const call = grpc.call().read();
  call.stream.end('message');
  await call.closed();
  assert.deepEqual([te, call.body, call.trailers?.['grpc-status'], call.error], ['trailers', 'message', '0', null]);
  assert.equal(call.headers?.['content-length'], undefined);
});

test('an answer that is only trailers stays one HEADERS frame', async () => {
  using grpc = await callTo((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  const call = grpc.call().read();
  call.stream.end();
  await call.closed();
  assert.deepEqual([call.headers?.['grpc-status'], call.endedWithHead, call.trailers], ['12', true, null]);
  assert.equal(call.headers?.['content-length'], undefined);
});

test('a client stream: the answer comes after the half-close, and not before', async () => {
  let received = '';
  using grpc = await callTo((stream) => {
    stream.on('data', (chunk: Buffer) => (received += chunk.toString()));
    stream.on('end', () => {
      respond(stream, '0');
      stream.end(received.toUpperCase());
    });
  });
  const call = grpc.call().read();
  for (const part of ['a', 'b', 'c']) {
    call.stream.write(part);
    await until(() => received.endsWith(part), `part ${part} at the backend`);
  }
  assert.equal(call.headers, null);
  call.stream.end();
  await call.closed();
  assert.deepEqual([call.body, call.trailers?.['grpc-status']], ['ABC', '0']);
});

test('a server stream: messages come one by one, long after the half-close', async () => {
  const streams: http2.ServerHttp2Stream[] = [];
  using grpc = await callTo((stream) => {
    stream.resume();
    respond(stream, '0');
    streams.push(stream);
  });
  const call = grpc.call().read();
  call.stream.end('request');
  await until(() => call.headers !== null, 'the head before any message');
  for (const part of ['1', '2', '3']) {
    streams[0]!.write(part);
    await until(() => call.body.endsWith(part), `message ${part}`);
  }
  streams[0]!.end();
  await call.closed();
  assert.deepEqual([call.body, call.trailers?.['grpc-message']], ['123', 'done']);
});

test('a bidirectional stream: each message is answered while both sides are open', async () => {
  using grpc = await callTo((stream) => {
    respond(stream, '0');
    stream.on('data', (chunk: Buffer) => stream.write(`<${chunk.toString()}>`));
    stream.on('end', () => stream.end());
  });
  const call = grpc.call().read();
  for (const part of ['one', 'two', 'three']) {
    call.stream.write(part);
    await until(() => call.body.endsWith(`<${part}>`), `the answer to ${part}`);
  }
  call.stream.end();
  await call.closed();
  assert.deepEqual([call.body, call.trailers?.['grpc-status']], ['<one><two><three>', '0']);
});

/** Writes as much as the other side takes, and counts it; ends after `size`. */
class Filler {
  written = 0;

  async fill(stream: http2.Http2Stream, size: number): Promise<void> {
    const piece = Buffer.alloc(16 * 1024, 'x');
    while (this.written < size) {
      this.written += piece.length;
      if (!stream.write(piece)) await once(stream, 'drain');
    }
    stream.end();
  }

  /** Other calls go through meanwhile; after some of them nothing more was taken. */
  async standsStill(other: () => Promise<void>): Promise<void> {
    let before = -1;
    for (let quiet = 0; quiet < 3;) {
      await other();
      quiet = this.written === before ? quiet + 1 : 0;
      before = this.written;
    }
  }
}

const size = 8 * 1024 * 1024;
const most = 512 * 1024;

test('flow control: a client that does not read stops the backend, loses nothing and harms no other call', async () => {
  const filler = new Filler();
  using grpc = await callTo((stream, headers) => {
    respond(stream, '0');
    stream.resume();
    if (headers[':path'] === '/s/Quick') stream.end('quick');
    else void filler.fill(stream, size);
  });
  const slow = grpc.call();
  slow.stream.end();
  await until(() => slow.headers !== null, 'the head');
  await filler.standsStill(() => quickCall(grpc.call));
  assert.ok(filler.written < most, `the backend could write ${filler.written} bytes`);
  slow.read();
  await slow.closed();
  assert.deepEqual([slow.bytes, slow.trailers?.['grpc-status'], slow.error], [size, '0', null]);
});

test('flow control: a backend that does not read stops the client, loses nothing and harms no other call', async () => {
  const streams: http2.ServerHttp2Stream[] = [];
  using grpc = await callTo((stream, headers) => {
    respond(stream, '0');
    if (headers[':path'] === '/s/Quick') stream.end('quick');
    else streams.push(stream);
  });
  const filler = new Filler();
  const call = grpc.call().read();
  void filler.fill(call.stream, size);
  await until(() => streams.length === 1, 'the call');
  await filler.standsStill(() => quickCall(grpc.call));
  assert.ok(filler.written < most, `the client could write ${filler.written} bytes`);
  let received = 0;
  streams[0]!.on('data', (chunk: Buffer) => (received += chunk.length));
  streams[0]!.on('end', () => streams[0]!.end(String(received)));
  await call.closed();
  assert.deepEqual([call.body, call.trailers?.['grpc-status']], [String(size), '0']);
});

async function quickCall(call: (method: string) => Call): Promise<void> {
  const other = call('Quick').read();
  other.stream.end();
  await other.closed();
  assert.equal(other.body, 'quick');
}

test('a status before the end of the request ends the call for both', async () => {
  const streams: http2.ServerHttp2Stream[] = [];
  using grpc = await callTo((stream) => {
    streams.push(stream);
    stream.resume();
    stream.respond({ ':status': 200, 'grpc-status': '7' }, { endStream: true });
  });
  const call = grpc.call().read();
  call.stream.write('never ended');
  await call.closed();
  assert.deepEqual([call.headers?.['grpc-status'], call.error], ['7', null]);
  await until(() => streams[0]!.closed, 'the end at the backend');
});

test('a call that the client cancels is cancelled at the backend', async () => {
  const streams: http2.ServerHttp2Stream[] = [];
  using grpc = await callTo((stream) => {
    streams.push(stream);
    respond(stream, '0');
    stream.resume();
  });
  const call = grpc.call().read();
  call.stream.write('x');
  await until(() => call.headers !== null, 'the head');
  call.stream.close(8);
  await until(() => streams[0]!.closed, 'the end at the backend');
  assert.equal(streams[0]!.rstCode, 8);
});

test('a call that the backend resets ends with the status of its error code, what is no call as an error', async () => {
  using grpc = await callTo((stream) => {
    respond(stream, '0');
    stream.write('half', () => stream.close(2));
  });
  const call = grpc.call().read();
  call.stream.write('x');
  await call.closed();
  assert.deepEqual([call.headers?.[':status'], call.trailers?.['grpc-status'], call.stream.rstCode], [200, '13', 0]);
  const plain = grpc.call('M', 'text/plain').read();
  plain.stream.write('x');
  await plain.closed();
  assert.deepEqual([plain.headers?.[':status'], plain.trailers], [200, null]);
  assert.notEqual(plain.stream.rstCode, 0);
  assert.ok(plain.error !== null);
});

test('a call whose backend dies in silence ends, well before any time-out of a body', async () => {
  using backend = await new ScriptedBackend().listen();
  const limits = { http2PingIntervalMs: 100, http2PingTimeoutMs: 100 };
  using proxy = await startProxy({ backendPort: backend.port, limits });
  const session = await proxy.connect();
  const call = new Call(session.request({ ':method': 'POST', ':path': '/s/M' })).read();
  call.stream.write('x');
  await until(() => backend.connections[0]?.has(FrameType.headers, 1) === true, 'the call');
  await call.closed();
  assert.equal(call.headers?.[':status'], 502);
});

const REFUSED = Buffer.of(0, 0, 0, 7);

test('a call refused by the backend is made again, with what was sent of its message', async () => {
  using backend = await new ScriptedBackend().listen();
  using proxy = await startProxy({ backendPort: backend.port });
  const session = await proxy.connect();
  const call = new Call(session.request({ ':method': 'POST', ':path': '/s/M' })).read();
  call.stream.write('message');
  await until(() => backend.connections[0]?.has(FrameType.data, 1) === true, 'the message');
  const connection = backend.connections[0]!;
  connection.send(frame(FrameType.settings, 0, 0), frame(FrameType.rstStream, 0, 1, REFUSED));
  await until(() => connection.has(FrameType.data, 3), 'the message again');
  assert.equal(
    connection.frames.find((one) => one.type === FrameType.data && one.streamId === 3)!.payload.toString(),
    'message',
  );
  connection.send(frame(FrameType.headers, FrameFlag.endHeaders | FrameFlag.endStream, 3, Buffer.of(0x88)));
  await call.closed();
  assert.deepEqual([call.headers?.[':status'], call.error], [200, null]);
});

test('a backend that refuses for ever is asked a few times', async () => {
  using backend = await new ScriptedBackend().listen();
  using proxy = await startProxy({ backendPort: backend.port });
  const session = await proxy.connect();
  const call = new Call(session.request({ ':path': '/' })).read();
  for (const id of [1, 3, 5, 7]) {
    await until(() => backend.connections[0]?.has(FrameType.headers, id) === true, `try ${id}`);
    if (id === 1) backend.connections[0]!.send(frame(FrameType.settings, 0, 0));
    backend.connections[0]!.send(frame(FrameType.rstStream, 0, id, REFUSED));
  }
  await call.closed();
  assert.equal(call.headers?.[':status'], 503);
});
