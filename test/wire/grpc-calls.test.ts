/** Calls of every kind through the proxy, between the client and the server of another gRPC implementation. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { until } from '../until.ts';
import { asBytes, certificate, GrpcWire, key, startServer, statusOf, type Handlers } from './grpc-harness.ts';

const { status } = grpc;
const none = new grpc.Metadata();

function bidirectional(wire: GrpcWire, options: grpc.CallOptions = {}) {
  return wire.client.makeBidiStreamRequest('/test.Service/Bidirectional', asBytes, asBytes, none, options);
}

function serverStream(wire: GrpcWire, message = 'x', options: grpc.CallOptions = {}) {
  const path = '/test.Service/ServerStream';
  return wire.client.makeServerStreamRequest(path, asBytes, asBytes, Buffer.from(message), none, options);
}

const echo: Handlers = {
  unary(call, reply) {
    const [size] = call.metadata.get('answer-size');
    const trailers = new grpc.Metadata();
    trailers.set('seen', String(call.metadata.get('sent')));
    trailers.set('raw-bin', Buffer.of(0, 1, 255));
    reply(null, size === undefined ? call.request : Buffer.alloc(Number(size), 'x'), trailers);
  },
};

test('unary calls, in the clear and over TLS by ALPN: metadata and binary trailers pass', async () => {
  await using wire = await GrpcWire.start({ handlers: echo });
  const secure = wire.connectTls();
  for (const client of [wire.client, secure]) {
    const answer = await wire.unary('hello', { client, metadata: { sent: 'yes' } });
    assert.deepEqual([answer.code, String(answer.message), answer.trailers.get('seen')], [0, 'hello', ['yes']]);
    assert.deepEqual(answer.trailers.get('raw-bin'), [Buffer.of(0, 1, 255)]);
  }
  secure.close();
  const lines = wire.log();
  assert.deepEqual(
    lines.map((line) => [line.scheme, line.status, line.grpcStatus, line.version]),
    [
      ['http', 200, 0, '2'],
      ['https', 200, 0, '2'],
    ],
  );
});

test('messages of megabytes, both ways at once', async () => {
  await using wire = await GrpcWire.start({ handlers: echo });
  const message = Buffer.alloc(5 * 1024 * 1024, 'abcdefg');
  const answers = await Promise.all([1, 2, 3].map(() => wire.unary(message)));
  for (const { code, message: received } of answers) assert.ok(code === 0 && received?.equals(message));
});

test('more calls at once than a connection of either side takes streams', async () => {
  await using wire = await GrpcWire.start({ handlers: echo });
  const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => wire.unary(String(i))));
  assert.deepEqual(
    answers.map(({ code, message }) => [code, String(message)]),
    answers.map((_, i) => [0, String(i)]),
  );
});

test('errors of the service pass as they are, with their text', async () => {
  const codes = [status.CANCELLED, status.INVALID_ARGUMENT, status.NOT_FOUND, status.INTERNAL, status.UNAUTHENTICATED];
  const unary: Handlers['unary'] = (call, reply) =>
    reply({ code: codes[Number(call.request.toString())]!, details: 'not ½ of it: 50 %' });
  await using wire = await GrpcWire.start({ handlers: { unary } });
  for (const [i, code] of codes.entries()) {
    const answer = await wire.unary(String(i));
    assert.deepEqual([answer.code, answer.details], [code, 'not ½ of it: 50 %']);
  }
  assert.deepEqual(
    wire.log().map(({ grpcStatus, reason }) => [grpcStatus, reason]),
    [1, 3, 5, 13, 16].map((code) => [code, '']),
  );
});

test('white space at the ends of what a service says is no reason to lose its answer', async () => {
  const unary: Handlers['unary'] = (call, reply) => {
    const trailers = new grpc.Metadata();
    trailers.set('padded', ' x ');
    if (call.request.length > 1) reply({ code: status.NOT_FOUND, details: 'not found: ', metadata: trailers });
    else reply(null, call.request, trailers);
  };
  await using wire = await GrpcWire.start({ handlers: { unary } });
  for (const [message, code, details] of [
    ['x', 0, 'OK'],
    ['xx', 5, 'not found: '],
  ] as const) {
    const answer = await wire.unary(message);
    assert.deepEqual([answer.code, answer.details, answer.trailers.get('padded')], [code, details, ['x']]);
  }
});

test('a method that the service does not have: UNIMPLEMENTED, of the service', async () => {
  await using wire = await GrpcWire.start({ handlers: echo });
  const answer = await wire.unary('x', { method: '/test.Service/None' });
  assert.equal(answer.code, status.UNIMPLEMENTED);
  assert.equal(wire.log()[0]!.reason, '');
});

test('a client stream is answered after its half-close', async () => {
  const clientStream: Handlers['clientStream'] = (call, reply) => {
    const parts: string[] = [];
    call.on('data', (part: Buffer) => parts.push(part.toString()));
    call.on('end', () => reply(null, Buffer.from(parts.join('+'))));
  };
  await using wire = await GrpcWire.start({ handlers: { clientStream } });
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    const path = '/test.Service/ClientStream';
    const call = wire.client.makeClientStreamRequest(path, asBytes, asBytes, (error, value) =>
      error ? reject(error) : resolve(value),
    );
    for (const part of ['a', 'b', 'c']) call.write(Buffer.from(part));
    call.end();
  });
  assert.equal(String(answer), 'a+b+c');
});

test('a bidirectional stream: each message is answered while both sides are open, and the half-close arrives', async () => {
  let isHalfClosed = false;
  const handler: Handlers['bidirectional'] = (call) => {
    call.on('data', (part: Buffer) => call.write(Buffer.from(`<${part.toString()}>`)));
    call.on('end', () => {
      isHalfClosed = true;
      call.write(Buffer.from('last'));
      call.end();
    });
  };
  await using wire = await GrpcWire.start({ handlers: { bidirectional: handler } });
  const call = bidirectional(wire);
  const received: string[] = [];
  call.on('data', (part: Buffer) => received.push(part.toString()));
  const ended = statusOf(call);
  for (const part of ['1', '2', '3']) {
    call.write(Buffer.from(part));
    await until(() => received.at(-1) === `<${part}>`, `the answer to ${part}`);
  }
  assert.equal(isHalfClosed, false);
  call.end();
  assert.equal((await ended).code, 0);
  assert.deepEqual(received, ['<1>', '<2>', '<3>', 'last']);
});

test('a client that does not read stops the server; nothing is lost once it reads', async () => {
  const total = 400;
  let written = 0;
  const writeAll = async (call: grpc.ServerWritableStream<Buffer, Buffer>): Promise<void> => {
    while (written < total) {
      written++;
      if (!call.write(Buffer.alloc(64 * 1024, written % 256))) await once(call, 'drain');
    }
    call.end();
  };
  await using wire = await GrpcWire.start({ handlers: { ...echo, serverStream: (call) => void writeAll(call) } });
  const call = serverStream(wire);
  await once(call, 'readable');
  // Other calls go through meanwhile, and after some of them nothing more was taken.
  for (let before = -1, quiet = 0; quiet < 3;) {
    assert.equal((await wire.unary('x')).code, 0);
    quiet = written === before ? quiet + 1 : 0;
    before = written;
  }
  assert.ok(written < total / 2, `${written} messages were written`);
  let received = 0;
  const ended = statusOf(call);
  call.on('data', (part: Buffer) => (received += part.length));
  assert.equal((await ended).code, 0);
  assert.equal(received, total * 64 * 1024);
});

test('a call that the client cancels is cancelled at the server', async () => {
  let isCancelled = false;
  const handler: Handlers['serverStream'] = (call) => {
    call.write(Buffer.from('first'));
    call.on('cancelled', () => (isCancelled = true));
  };
  await using wire = await GrpcWire.start({ handlers: { serverStream: handler } });
  const call = serverStream(wire);
  const ended = statusOf(call);
  await once(call, 'data');
  call.cancel();
  assert.equal((await ended).code, status.CANCELLED);
  await until(() => isCancelled, 'the server hears of it');
});

test('a deadline: passed on as it came, and the end of the call at the server', async () => {
  let left = 0;
  let isCancelled = false;
  const handler: Handlers['serverStream'] = (call) => {
    left = (call.getDeadline() as number) - Date.now();
    call.write(Buffer.from('first'));
    call.on('cancelled', () => (isCancelled = true));
  };
  await using wire = await GrpcWire.start({ handlers: { serverStream: handler } });
  const ended = await statusOf(serverStream(wire, 'x', { deadline: Date.now() + 1500 }).resume());
  assert.equal(ended.code, status.DEADLINE_EXCEEDED);
  await until(() => isCancelled, 'the server hears of it');
  assert.ok(left > 0 && left <= 1500, `${left} ms were left`);
});

test('a call that has begun and lasts too long ends with DEADLINE_EXCEEDED in its trailers', async () => {
  const handler: Handlers['serverStream'] = (call) => call.write(Buffer.from('first'));
  await using wire = await GrpcWire.start({ handlers: { serverStream: handler }, rule: { requestTimeoutMs: 150 } });
  const call = serverStream(wire);
  const ended = await statusOf(call.resume());
  assert.deepEqual([ended.code, ended.details], [status.DEADLINE_EXCEEDED, 'the request took too long']);
  assert.deepEqual([wire.log()[0]!.grpcStatus, wire.log()[0]!.reason], [4, 'RequestTimeout']);
});

test('a server that dies in mid-stream: UNAVAILABLE after what it had sent; the next calls find another', async () => {
  const hit: number[] = [];
  const starting = [0, 1].map((i) => {
    return startServer({ ...echo, serverStream: (call) => (hit.push(i), call.write(Buffer.from('first'))) });
  });
  const [first, second] = await Promise.all(starting);
  const servers = [first!, second!];
  await using wire = await GrpcWire.start({ ports: servers.map(({ port }) => port) });
  try {
    const call = serverStream(wire);
    const received: Buffer[] = [];
    const ended = statusOf(call);
    call.on('data', (part: Buffer) => {
      received.push(part);
      servers[hit[0]!]!.server.forceShutdown();
    });
    assert.equal((await ended).code, status.UNAVAILABLE);
    assert.equal(received.length, 1);
    for (let i = 0; i < 4; i++) assert.equal((await wire.unary('x')).code, 0);
  } finally {
    for (const { server } of servers) server.forceShutdown();
  }
});

test('a server that shuts down ends its calls in peace; no call is lost', async () => {
  const taken: (readonly [server: number, stream: grpc.ServerWritableStream<Buffer, Buffer>])[] = [];
  const starting = [0, 1].map((i) => startServer({ ...echo, serverStream: (stream) => taken.push([i, stream]) }));
  const servers = await Promise.all(starting);
  await using wire = await GrpcWire.start({ ports: servers.map(({ port }) => port) });
  try {
    // Both have a connection.
    for (let i = 0; i < 4; i++) assert.equal((await wire.unary('x')).code, 0);
    const stream = serverStream(wire);
    const ended = statusOf(stream);
    await until(() => taken.length === 1, 'the stream at its server');
    const [i, call] = taken[0]!;
    const isDown = new Promise<void>((resolve) => servers[i]!.server.tryShutdown(() => resolve()));
    const answers = await Promise.all(Array.from({ length: 50 }, () => wire.unary('x')));
    assert.deepEqual(new Set(answers.map(({ code }) => code)), new Set([0]));
    const received: string[] = [];
    stream.on('data', (part: Buffer) => received.push(part.toString()));
    call.write(Buffer.from('late'));
    call.end();
    assert.equal((await ended).code, 0);
    assert.deepEqual(received, ['late']);
    await isDown;
  } finally {
    for (const { server } of servers) server.forceShutdown();
  }
});

test('a server behind TLS, by ALPN; one that cannot prove its name is unavailable', async () => {
  const credentials = grpc.ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) },
  ]);
  const { server, port } = await startServer(echo, credentials);
  try {
    const rows = [
      ['grpc.test', 0],
      ['other.test', status.UNAVAILABLE],
    ] as const;
    for (const [serverName, code] of rows) {
      const backend = { protocol: 'h2-tls', tls: { serverName, ca: certificate } } as const;
      await using wire = await GrpcWire.start({ ports: [port], backend });
      assert.equal((await wire.unary('x')).code, code);
    }
  } finally {
    server.forceShutdown();
  }
});

test('retry codes of the rule fit the gRPC status of an answer without a message', async () => {
  let calls = 0;
  const unary: Handlers['unary'] = (call, reply) => {
    calls++;
    if (calls < 3) reply({ code: status.UNAVAILABLE, details: 'not yet' });
    else reply(null, call.request);
  };
  const retry = { codes: [503], attempts: 2, backoffMs: 0, connectionErrors: true };
  await using wire = await GrpcWire.start({ handlers: { unary }, rule: { retry } });
  const answer = await wire.unary('again');
  assert.deepEqual([answer.code, String(answer.message), calls], [0, 'again', 3]);
  calls = 0;
  await using strict = await GrpcWire.start({ handlers: { unary }, rule: { retry: { ...retry, codes: [429] } } });
  assert.deepEqual([(await strict.unary('x')).code, calls], [status.UNAVAILABLE, 1]);
});
