/** What a gRPC client makes of our own answers: a status, whatever went wrong and wherever. */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { defineFilter } from '../../src/contract/filter.ts';
import type { LocalReply } from '../../src/contract/exchange.ts';
import { freePort } from '../headgate.ts';
import { until } from '../until.ts';
import { GrpcWire, type GrpcOptions, type UnaryOptions } from './grpc-harness.ts';
import { WireClient } from './wire-client.ts';

/** A filter that answers every request. */
function answering(reply: LocalReply) {
  const names = { type: 'Answering', spec: 'answering', supportedFeatures: [], summary: '' };
  return defineFilter({ ...names, compile: () => ({ config: {} }), create: () => ({ onRequest: () => reply }) });
}

interface Row {
  readonly name: string;
  readonly options?: GrpcOptions;
  readonly call?: UnaryOptions;
  readonly code: number;
  readonly reason: string;
  readonly details?: RegExp;
}

const unauthorized: LocalReply = {
  status: 401,
  reason: 'NoToken',
  headers: [
    ['www-authenticate', 'Bearer'],
    ['Content-Type', 'application/json'],
  ],
  body: 'a tokén is missing: 100 %\n',
};

const rows: readonly Row[] = [
  { name: 'no rule', call: { method: '/other.Service/M' }, code: status.UNIMPLEMENTED, reason: 'NoRoute' },
  { name: 'no endpoint', code: status.UNAVAILABLE, reason: 'NoEndpoint' },
  { name: 'no backend', options: { rule: { backends: [] } }, code: status.UNAVAILABLE, reason: 'NoBackend' },
  {
    name: 'a reference that is not resolved',
    options: { rule: { backends: [{ weight: 1, filters: [], problem: 'RefNotPermitted' }] } },
    code: status.UNAVAILABLE,
    reason: 'RefNotPermitted',
  },
  {
    name: 'a filter',
    options: { filters: [answering(unauthorized)] },
    code: status.UNAUTHENTICATED,
    reason: 'NoToken',
    details: /^a tokén is missing: 100 %$/,
  },
  {
    name: 'a filter with a code of its own',
    options: { filters: [answering({ status: 403, reason: 'Quota', grpcStatus: 8 })] },
    code: status.RESOURCE_EXHAUSTED,
    reason: 'Quota',
    details: /^Quota$/,
  },
  { name: 'a grpc-timeout of words', call: timeout('soon'), code: status.INTERNAL, reason: 'BadGrpcTimeout' },
  {
    name: 'a grpc-timeout of nine digits',
    call: timeout('123456789n'),
    code: status.INTERNAL,
    reason: 'BadGrpcTimeout',
  },
  {
    name: 'a grpc-timeout that is over',
    call: timeout('0S'),
    code: status.DEADLINE_EXCEEDED,
    reason: 'RequestTimeout',
  },
];

/** A field that the client itself only sends with a deadline. */
function timeout(text: string): UnaryOptions {
  return { metadata: { 'grpc-timeout': text } };
}

for (const { name, options, call, code, reason, details } of rows) {
  test(`${name}: ${status[code]}`, async () => {
    await using wire = await GrpcWire.start(options);
    const answer = await wire.unary('x', call);
    assert.deepEqual([answer.code, answer.message], [code, undefined], answer.details);
    if (details !== undefined) assert.match(answer.details, details);
    const [line] = wire.log();
    assert.deepEqual([line?.status, line?.grpcStatus, line?.reason], [200, code, reason]);
  });
}

test('a backend that cannot be reached: UNAVAILABLE', async () => {
  await using wire = await GrpcWire.start({ ports: [await freePort()] });
  const answer = await wire.unary('x');
  assert.deepEqual([answer.code, answer.details], [status.UNAVAILABLE, 'the backend cannot be reached']);
});

/** A backend that takes connections, and does this with each. */
async function backendThat(behave: (socket: net.Socket) => void) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    behave(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a backend that speaks no HTTP/2: UNAVAILABLE', async () => {
  using backend = await backendThat((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await using wire = await GrpcWire.start({ ports: [backend.port] });
  assert.equal((await wire.unary('x')).code, status.UNAVAILABLE);
});

test('the time-out of the rule: DEADLINE_EXCEEDED', async () => {
  using backend = await backendThat((socket) => socket.resume());
  await using wire = await GrpcWire.start({ ports: [backend.port], rule: { requestTimeoutMs: 60 } });
  const answer = await wire.unary('x', { timeoutMs: 60_000 });
  assert.deepEqual([answer.code, answer.details], [status.DEADLINE_EXCEEDED, 'the request took too long']);
});

test('a head beyond the limit: RESOURCE_EXHAUSTED', async () => {
  await using wire = await GrpcWire.start({ limits: { headBytes: 1000 } });
  const answer = await wire.unary('x', { metadata: { big: 'x'.repeat(1000) } });
  assert.deepEqual([answer.code, answer.details], [status.RESOURCE_EXHAUSTED, 'HeadTooLarge']);
});

/** What a client sees that looks at frames. */
async function rawAnswer(port: number, contentType: string) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': '/other/M', 'content-type': contentType });
  stream.end();
  const [headers, flags] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders, number];
  session.destroy();
  return { headers, isTrailersOnly: (flags & 1) === 1 };
}

test('it is a head only; other types, gRPC-Web among them, get plain HTTP', async () => {
  await using wire = await GrpcWire.start();
  for (const type of ['application/grpc', 'application/grpc+proto', 'Application/gRPC;x=1']) {
    const { headers, isTrailersOnly } = await rawAnswer(wire.clearPort, type);
    const { date, ...rest } = headers;
    assert.ok(isTrailersOnly && date !== undefined);
    assert.deepEqual(
      { ...rest, [http2.sensitiveHeaders]: undefined },
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': '12',
        'grpc-message': 'not found: no route matches this request',
        [http2.sensitiveHeaders]: undefined,
      },
    );
  }
  for (const type of ['application/grpc-web', 'application/grpcx', 'text/plain']) {
    assert.equal((await rawAnswer(wire.clearPort, type)).headers[':status'], 404);
  }
});

test('over HTTP/1.1: 505 where the status would be lost, a call where the client takes trailers', async () => {
  await using wire = await GrpcWire.start({ handlers: { unary: (call, reply) => reply(null, call.request) } });
  const head =
    'POST /test.Service/Unary HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 6\r\n';
  const message = '\0\0\0\0\x01x';
  const without = await WireClient.connect({ port: wire.clearPort });
  without.send(`${head}\r\n${message}`);
  assert.equal((await without.answer()).status, 505);
  without.close();
  const client = await WireClient.connect({ port: wire.clearPort });
  client.send(`${head}TE: trailers\r\nConnection: TE\r\n\r\n${message}`);
  await until(() => client.received.includes('grpc-status: 0'), 'the trailers');
  assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
  client.close();
});
