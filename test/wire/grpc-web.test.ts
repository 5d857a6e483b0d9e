/** gRPC-Web through the whole proxy: what a browser's client sends and gets, before a real gRPC server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { grpcWeb } from '../../src/filters/grpc-web/grpc-web.ts';
import { until } from '../until.ts';
import { GrpcWire, type Handlers } from './grpc-harness.ts';
import { WireClient } from './wire-client.ts';

const filters = [grpcWeb];

const handlers: Handlers = {
  unary(call, reply) {
    const text = call.request.toString();
    if (text === 'refuse') return reply({ code: grpc.status.FAILED_PRECONDITION, details: 'not now' });
    const trailers = new grpc.Metadata();
    trailers.set('seen', `by ${String(call.metadata.get('x-user'))}`);
    reply(null, Buffer.from(text.toUpperCase()), trailers);
  },
  serverStream(call) {
    for (const part of ['one', 'two', 'three']) call.write(Buffer.from(part));
    call.end();
  },
};

function messageOf(text: string): Buffer {
  const frame = Buffer.alloc(5 + text.length);
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5);
  return frame;
}

/** Padded pieces, one after another. */
function decode(text: string): Buffer {
  return Buffer.concat((text.match(/[^=]+={0,2}/g) ?? []).map((part) => Buffer.from(part, 'base64')));
}

interface WebAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly headers: Headers;
  readonly messages: readonly string[];
  /** Of the last frame. */
  readonly trailers: string;
}

/** Takes the frames of a body apart. */
function framesOf(body: Buffer): Pick<WebAnswer, 'messages' | 'trailers'> {
  const messages: string[] = [];
  let trailers = '';
  for (let at = 0; at < body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const content = body.toString('latin1', at + 5, end);
    assert.equal(trailers, '', 'nothing comes after the trailers');
    if (body[at] === 0x80) trailers = content;
    else messages.push(content);
    at = end;
  }
  return { messages, trailers };
}

interface WebCall {
  readonly wire: GrpcWire;
  readonly method?: string;
  readonly body?: Buffer | string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function webCall({
  wire,
  method = 'Unary',
  body = messageOf('hi'),
  type,
  headers = {},
}: WebCall): Promise<WebAnswer> {
  const answer = await fetch(`http://127.0.0.1:${wire.clearPort}/test.Service/${method}`, {
    method: 'POST',
    headers: { 'content-type': type ?? 'application/grpc-web+proto', 'x-user': 'me', ...headers },
    body: new Uint8Array(Buffer.from(body)),
  });
  const answerType = answer.headers.get('content-type');
  const bytes = Buffer.from(await answer.arrayBuffer());
  const isText = answerType?.startsWith('application/grpc-web-text') === true;
  const frames = framesOf(isText ? decode(bytes.toString()) : bytes);
  return { status: answer.status, type: answerType, headers: answer.headers, ...frames };
}

test('binary: a message, and the trailers as the last frame', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  const { status, type, messages, trailers } = await webCall({ wire });
  assert.deepEqual([status, type, messages], [200, 'application/grpc-web+proto', ['HI']]);
  assert.match(trailers, /^grpc-status: 0\r\n/m);
  assert.match(trailers, /^seen: by me\r\n/m);
  assert.deepEqual([wire.log()[0]!.grpcStatus, wire.log()[0]!.requestBytes], [0, 7]);
});

test('text: the request in padded pieces, the answer too', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  const frame = messageOf('hello');
  for (const cut of [1, 2, 3, 5, frame.length]) {
    const body = frame.toString('base64', 0, cut) + frame.toString('base64', cut);
    const { type, messages, trailers } = await webCall({ wire, body, type: 'application/grpc-web-text' });
    assert.deepEqual([type, messages], ['application/grpc-web-text+proto', ['HELLO']]);
    assert.match(trailers, /^grpc-status: 0\r\n/m);
  }
});

test('the answer is in the encoding that Accept asks for', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  const asText = await webCall({ wire, headers: { accept: 'application/grpc-web-text' } });
  assert.deepEqual([asText.type, asText.messages], ['application/grpc-web-text+proto', ['HI']]);
  const body = messageOf('hi').toString('base64');
  const headers = { accept: 'application/grpc-web+proto' };
  const asBytes = await webCall({ wire, body, headers, type: 'application/grpc-web-text+proto' });
  assert.deepEqual([asBytes.type, asBytes.messages], ['application/grpc-web+proto', ['HI']]);
});

test('a stream of messages', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  for (const type of ['application/grpc-web', 'application/grpc-web-text']) {
    const body = type.endsWith('text') ? messageOf('go').toString('base64') : messageOf('go');
    const { messages, trailers } = await webCall({ wire, method: 'ServerStream', body, type });
    assert.deepEqual(messages, ['one', 'two', 'three']);
    assert.match(trailers, /^grpc-status: 0\r\n/m);
  }
});

test('an error of the service without a message, and one of our own, stand in the head', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  const refused = await webCall({ wire, body: messageOf('refuse') });
  assert.deepEqual(
    [refused.status, refused.type, refused.headers.get('grpc-status'), refused.headers.get('grpc-message')],
    [200, 'application/grpc-web+proto', '9', 'not%20now'],
  );
  await using empty = await GrpcWire.start({ filters });
  const unavailable = await webCall({ wire: empty });
  assert.deepEqual([unavailable.status, unavailable.headers.get('grpc-status')], [200, '14']);
});

test('a call that is cut while it runs ends with the status in its last frame', async () => {
  const serverStream: Handlers['serverStream'] = (stream) => stream.write(Buffer.from('first'));
  await using wire = await GrpcWire.start({ handlers: { serverStream }, filters, rule: { requestTimeoutMs: 150 } });
  const { messages, trailers } = await webCall({ wire, method: 'ServerStream' });
  assert.deepEqual(messages, ['first']);
  assert.match(trailers, /^grpc-status: 4\r\n/m);
});

test('what is no base64 is refused; other types pass untouched', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  for (const body of ['AAAA*AAA', 'AAAAA', 'AA=A', '====']) {
    const { headers } = await webCall({ wire, body, type: 'application/grpc-web-text' });
    assert.equal(headers.get('grpc-status'), '13', body);
  }
  assert.deepEqual(new Set(wire.log().map(({ reason }) => reason)), new Set(['BadBody']));
  assert.equal((await wire.unary('plain')).code, 0);
});

test('a message arrives although the rest of the stream is open, and a piece that ends within a group waits', async () => {
  await using wire = await GrpcWire.start({ handlers, filters });
  const client = await WireClient.connect({ port: wire.clearPort });
  const text = messageOf('hello').toString('base64');
  client.send(
    'POST /test.Service/Unary HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web-text\r\n' +
      `Content-Length: ${text.length}\r\n\r\n`,
  );
  await client.sendPieces([...text]);
  await until(() => client.received.endsWith('0\r\n\r\n'), 'the end of the answer');
  assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
  client.close();
});

const MIB = 1024 * 1024;
/** What kernel buffers of loopback and ours can hold, on both sides of the proxy; far below what is sent. */
const BUFFERED_BYTES = 24 * MIB;
const LARGE_BYTES = 96 * MIB;

/** Resolves once the number stays as it is. */
async function standsStill(count: () => number): Promise<number> {
  let last = -1;
  let times = 0;
  await until(() => {
    times = count() > 0 && count() === last ? times + 1 : 0;
    last = count();
    return times > 50;
  }, 'nothing moves any more');
  return last;
}

for (const type of ['application/grpc-web+proto', 'application/grpc-web-text+proto']) {
  const head = `Host: a\r\nContent-Type: ${type}\r\n`;
  const encode = (message: Buffer) => (type.includes('text') ? message.toString('base64') : message.toString('latin1'));

  test(`${type}: a client that does not read stops the service, and nothing is lost`, async () => {
    let sent = 0;
    const piece = Buffer.alloc(64 * 1024, 'x');
    await using wire = await GrpcWire.start({
      handlers: {
        serverStream(call) {
          const pump = () => {
            while (sent < LARGE_BYTES) {
              sent += piece.length;
              if (!call.write(piece)) return;
            }
            call.end();
          };
          call.on('drain', pump);
          pump();
        },
      },
      filters,
    });
    const client = await WireClient.connect({ port: wire.clearPort });
    const ask = encode(messageOf(''));
    let received = 0;
    let end = '';
    client.socket.removeAllListeners('data');
    client.socket.on('data', (data: Buffer) => {
      received += data.length;
      end = (end + data.toString('latin1')).slice(-7);
    });
    client.socket.pause();
    client.send(
      `POST /test.Service/ServerStream HTTP/1.1\r\n${head}Content-Length: ${ask.length}\r\nConnection: close\r\n\r\n${ask}`,
    );
    const taken = await standsStill(() => sent);
    assert.ok(taken < BUFFERED_BYTES, `${taken} bytes were taken from the service`);
    client.socket.resume();
    await client.closed();
    assert.ok(end.endsWith('\r\n0\r\n\r\n') && received > LARGE_BYTES, `${received} bytes`);
  });

  test(`${type}: a service that does not read stops the client, and gets everything when it reads`, async () => {
    let got = 0;
    let read = () => {};
    await using wire = await GrpcWire.start({
      handlers: {
        clientStream(call, reply) {
          read = () => call.on('data', (message: Buffer) => (got += message.length));
          call.on('end', () => reply(null, Buffer.from('all of it')));
        },
      },
      filters,
    });
    const client = await WireClient.connect({ port: wire.clearPort });
    const text = encode(messageOf('x'.repeat(64 * 1024)));
    const count = Math.ceil(LARGE_BYTES / text.length);
    client.send(
      `POST /test.Service/ClientStream HTTP/1.1\r\n${head}Content-Length: ${count * text.length}\r\nConnection: close\r\n\r\n`,
    );
    const start = client.socket.bytesWritten;
    for (let i = 0; i < count; i++) client.send(text);
    const taken = await standsStill(() => client.socket.bytesWritten - start - client.socket.writableLength);
    assert.ok(taken < BUFFERED_BYTES, `${taken} bytes were taken from the client`);
    read();
    await client.closed();
    assert.equal(got, count * 64 * 1024);
    assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
  });
}
