import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import { array, assert as check, integer, nat, property, tuple } from 'fast-check';
import { Field, FieldList } from './fields.ts';
import { clientPreface, ErrorCode, FrameFlag, FrameType } from './frame.ts';
import { block, frame, get, RawClient, TestServer, until } from './http2-testing.ts';
import { BODY_TUNNEL, BODY_UNKNOWN } from './streams.ts';

const { headers, data, rstStream, settings, ping, goaway, windowUpdate, priority, continuation } = FrameType;
const END = FrameFlag.endStream;
const END_BOTH = FrameFlag.endStream | FrameFlag.endHeaders;
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

test('a client of another implementation: body, trailers, informational response', async () => {
  await using server = await new TestServer().listen();
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const stream = session.request(
    { ':method': 'POST', 'x-a': '1', cookie: ['a=1', 'b=2'], te: 'trailers' },
    {
      waitForTrailers: true,
    },
  );
  const informed = once(stream, 'headers');
  const trailed = once(stream, 'trailers');
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }));
  stream.end('hello');
  await until(() => server.requests[0]?.isEnded === true, 'the request');
  const request = server.requests[0]!;
  assert.deepEqual(
    [request.head.bodyLength, request.body, request.trailers?.get('x-end')],
    [BODY_UNKNOWN, 'hello', 'yes'],
  );
  assert.deepEqual([request.head.headers.get('x-a'), request.head.headers.get('cookie')], ['1', 'a=1; b=2']);
  assert.equal(request.head.takesTrailers, true);
  request.downstream.sendInformational(103, new FieldList([new Field('link', '</x>')]));
  request.downstream.sendHead(200, new FieldList(), BODY_UNKNOWN, -1);
  request.downstream.sendData(Buffer.from('answer'), 0, 6);
  request.downstream.sendEnd(new FieldList([new Field('x-sum', '9')]));
  let body = '';
  stream.setEncoding('utf8').on('data', (text: string) => (body += text));
  await once(stream, 'end');
  assert.equal(body, 'answer');
  assert.equal((await informed)[0][':status'], 103);
  assert.equal((await trailed)[0]['x-sum'], '9');
  session.close();
});

test('a WebSocket by extended CONNECT becomes an upgrade (RFC 8441)', async () => {
  await using server = await new TestServer().listen();
  const client = await RawClient.connect(server.port);
  client.send(
    frame(headers, FrameFlag.endHeaders, 1, block([':method', 'CONNECT'], [':protocol', 'websocket'], ...get.slice(1))),
  );
  await until(() => server.requests.length === 1, 'the request');
  const { head, downstream } = server.requests[0]!;
  assert.deepEqual([head.method, head.upgrade, head.bodyLength], ['GET', 'websocket', BODY_TUNNEL]);
  assert.equal(Buffer.from(head.headers.get('sec-websocket-key')!, 'base64').length, 16);
  downstream.sendHead(101, new FieldList(), BODY_TUNNEL, -1);
  client.send(frame(data, 0, 1, 'ping'));
  await until(() => server.requests[0]!.body === 'ping', 'the bytes');
  downstream.sendData(Buffer.from('pong'), 0, 4);
  await until(() => client.find(data, 1) !== undefined, 'the answer');
  assert.equal(client.find(headers, 1)!.payload[0], 0x88);
  assert.equal(client.find(data, 1)!.payload.toString(), 'pong');
  client.close();
});

const h = (name: string, value: string) => block(...get, [name, value]);
const without = (name: string) => block(...get.filter(([other]) => other !== name));
const withPseudo = (name: string, value: string) => block(...get.filter(([other]) => other !== name), [name, value]);
const malformed: Record<string, Buffer> = {
  'transfer-encoding': h('transfer-encoding', 'chunked'),
  connection: h('connection', 'x'),
  'upper case': h('X-A', '1'),
  'empty name': h('', '1'),
  'space in a name': h('a b', '1'),
  'colon in a name': h('a:b', '1'),
  'CR LF in a value': h('a', 'b\r\nc: d'),
  'NUL in a value': h('a', '\0'),
  'te: gzip': h('te', 'gzip'),
  'two lengths': block(...get, ['content-length', '1'], ['content-length', '1']),
  'length +1': h('content-length', '+1'),
  'length without body': h('content-length', '5'),
  'late pseudo-field': block(get[0], get[1], get[2], ['a', '1'], get[3]),
  'double :path': block(...get, [':path', '/']),
  'unknown pseudo-field': block(...get, [':x', '1']),
  'response pseudo-field': block(...get, [':status', '200']),
  'no :method': without(':method'),
  'no :scheme': without(':scheme'),
  'no :path': without(':path'),
  'empty :path': withPseudo(':path', ''),
  'path without slash': withPseudo(':path', 'x'),
  '* of a GET': withPseudo(':path', '*'),
  'CR LF in :path': withPseudo(':path', '/ HTTP/1.1\r\na: b'),
  'space in :method': withPseudo(':method', 'GET /x'),
  'CR LF in :authority': withPseudo(':authority', 'a\r\nb: c'),
  'other scheme': withPseudo(':scheme', 'ftp'),
  ':protocol of a GET': block(...get, [':protocol', 'websocket']),
};

test('a malformed request is reset and never becomes an exchange (RFC 9113 §8.2, §8.3)', async () => {
  await using server = await new TestServer().listen();
  const client = await RawClient.connect(server.port);
  let id = 1;
  for (const [what, bytes] of Object.entries(malformed)) {
    client.send(frame(headers, END_BOTH, id, bytes));
    assert.equal(await client.error(rstStream, id), ErrorCode.protocolError, what);
    id += 2;
  }
  assert.equal(server.requests.length, 0);
  client.close();
});

const refused: Record<string, readonly [number, Buffer]> = {
  'Host that differs': [400, h('host', 'b.example')],
  'no host at all': [400, without(':authority')],
  'bad authority': [400, withPseudo(':authority', 'u@a.example')],
  fragment: [400, withPseudo(':path', '/a#b')],
  'space in :path': [400, withPseudo(':path', '/a b')],
  TRACE: [405, withPseudo(':method', 'TRACE').subarray(0)],
  CONNECT: [501, block([':method', 'CONNECT'], [':authority', 'a.example:1'])],
  'extended CONNECT of something else': [501, block([':method', 'CONNECT'], [':protocol', 'x'], ...get.slice(1))],
  'unknown expectation': [417, h('expect', 'x')],
  'too many fields': [431, block(...get, ...Array.from({ length: 101 }, () => ['a', ''] as const))],
  'too many cookie crumbs': [431, block(...get, ...Array.from({ length: 101 }, () => ['cookie', 'a'] as const))],
};

test('a request we do not serve is answered by the codec', async () => {
  await using server = await new TestServer().listen();
  const client = await RawClient.connect(server.port);
  let id = 1;
  for (const [what, [status, bytes]] of Object.entries(refused)) {
    const fields = what === 'TRACE' ? block([':method', 'TRACE'], ...get.slice(1)) : bytes;
    client.send(frame(headers, END_BOTH, id, fields));
    await until(() => client.find(headers, id) !== undefined || client.find(rstStream, id) !== undefined, what);
    assert.match(server.rejections.at(-1)!, new RegExp(`^${status} `), what);
    assert.ok(client.find(headers, id) !== undefined, what);
    id += 2;
  }
  assert.equal(server.requests.length, 0);
  client.close();
});

test('a body that does not fit its content-length is a reset, and the exchange is told', async () => {
  await using server = await new TestServer().listen();
  const client = await RawClient.connect(server.port);
  client.send(frame(headers, FrameFlag.endHeaders, 1, h('content-length', '3')), frame(data, 0, 1, 'abcd'));
  client.send(frame(headers, FrameFlag.endHeaders, 3, h('content-length', '3')), frame(data, END, 3, 'ab'));
  client.send(
    frame(headers, FrameFlag.endHeaders, 5, h('content-length', '3')),
    frame(headers, END_BOTH, 5, block(['a', 'b'])),
  );
  for (const id of [1, 3, 5]) assert.equal(await client.error(rstStream, id), ErrorCode.protocolError);
  assert.deepEqual(
    server.requests.map((one) => [one.isEnded, one.closed]),
    Array.from({ length: 3 }, () => [false, 'ContentLengthMismatch']),
  );
  client.close();
});

interface Flood {
  readonly piece: (i: number) => Buffer;
  readonly first?: Buffer;
  readonly times: number;
  readonly code: number;
}

const open = frame(headers, FrameFlag.endHeaders, 1, block(...get));
const floods: Record<string, Flood> = {
  'rapid reset': {
    piece: (i) =>
      Buffer.concat([frame(headers, END_BOTH, 2 * i + 1, block(...get)), frame(rstStream, 0, 2 * i + 1, u32(8))]),
    times: 3000,
    code: 11,
  },
  'made to reset': {
    piece: (i) =>
      Buffer.concat([frame(headers, END_BOTH, 2 * i + 1, block(...get)), frame(windowUpdate, 0, 2 * i + 1, u32(0))]),
    times: 3000,
    code: 11,
  },
  'made to reset by a window too large': {
    piece: (i) =>
      Buffer.concat([
        frame(headers, END_BOTH, 2 * i + 1, block(...get)),
        frame(windowUpdate, 0, 2 * i + 1, u32(0x7fffffff)),
      ]),
    times: 3000,
    code: 11,
  },
  'made to reset by a PRIORITY of a wrong size': {
    piece: (i) =>
      Buffer.concat([
        frame(headers, END_BOTH, 2 * i + 1, block(...get)),
        frame(priority, 0, 2 * i + 1, Buffer.alloc(4)),
      ]),
    times: 3000,
    code: 11,
  },
  'made to reset by a stream that depends on itself': {
    piece: (i) =>
      Buffer.concat([
        frame(headers, END_BOTH, 2 * i + 1, block(...get)),
        frame(priority, 0, 2 * i + 1, Buffer.concat([u32(2 * i + 1), Buffer.of(0)])),
      ]),
    times: 3000,
    code: 11,
  },
  CONTINUATION: {
    first: frame(headers, 0, 1, block(...get)),
    piece: () => frame(continuation, 0, 1, block(['a', 'b'])),
    times: 12,
    code: 11,
  },
  'empty CONTINUATION': { first: frame(headers, 0, 1), piece: () => frame(continuation, 0, 1), times: 12, code: 11 },
  'empty HEADERS': { piece: (i) => frame(headers, END_BOTH, 2 * i + 1), times: 3000, code: 11 },
  'requests refused by their answer': {
    piece: (i) => frame(headers, END_BOTH, 2 * i + 1, block(...get, ['expect', 'x'])),
    times: 3000,
    code: 11,
  },
  'DATA on a stream that ended': {
    first: frame(headers, END_BOTH, 1, block(...get.slice(1))),
    piece: (i) => Buffer.concat([frame(headers, END_BOTH, 2 * i + 3, block(...get)), frame(data, 0, 2 * i + 3, 'x')]),
    times: 3000,
    code: 11,
  },
  'unknown frames': { piece: () => frame(0x42, 0, 0, 'x'), times: 20_000, code: 11 },
  settings: { piece: () => frame(settings, 0, 0), times: 3000, code: 11 },
  'many settings in one frame': {
    piece: () => frame(settings, 0, 0, Buffer.concat(Array.from({ length: 40 }, () => Buffer.of(0, 9, 0, 0, 0, 0)))),
    times: 1,
    code: 11,
  },
  'empty DATA': { first: open, piece: () => frame(data, 0, 1), times: 20, code: 11 },
  PRIORITY: { first: open, piece: () => frame(priority, 0, 1, Buffer.alloc(5)), times: 300, code: 11 },
  WINDOW_UPDATE: { first: open, piece: () => frame(windowUpdate, 0, 1, u32(1)), times: 50, code: 11 },
  ping: { piece: () => frame(ping, 0, 0, Buffer.alloc(8)), times: 20_000, code: 11 },
};

for (const [what, { piece, first, times, code }] of Object.entries(floods)) {
  test(`flood: ${what} ends in GOAWAY`, async () => {
    await using server = await new TestServer().listen();
    const client = await RawClient.connect(server.port);
    if (first !== undefined) client.send(first);
    client.send(...Array.from({ length: times }, (_, i) => piece(i)));
    assert.equal(await client.error(goaway, 0), code);
    assert.ok(server.requests.length <= 1100);
    await until(() => server.requests.every((one) => one.closed !== null), 'the exchanges to be told');
    await until(() => client.isClosed, 'the close');
    const other = await RawClient.connect(server.port);
    other.send(open);
    const count = server.requests.length;
    await until(() => server.requests.length > count, 'another client');
    client.close();
    other.close();
  });
}

test('a client that asks and never reads is cut off', async () => {
  await using server = await new TestServer({ http2Glitches: 1e9 }).listen();
  const client = await RawClient.connect(server.port);
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(ping, 0, 0, Buffer.alloc(8))));
  for (let i = 0; i < 1000 && server.rejections.length === 0; i++) {
    if (!client.socket.write(pings))
      await Promise.race([once(client.socket, 'drain'), until(() => server.rejections.length > 0, 'the end')]);
  }
  await until(() => server.rejections.length > 0, 'the end');
  assert.equal(server.rejections[0], '0 ControlFrameFlood');
  client.close();
});

test('streams beyond the limit are refused, and those below live on', async () => {
  await using server = await new TestServer({ http2Streams: 2 }).listen();
  const client = await RawClient.connect(server.port);
  for (const id of [1, 3, 5]) client.send(frame(headers, END_BOTH, id, block(...get)));
  assert.equal(await client.error(rstStream, 5), ErrorCode.refusedStream);
  server.requests[0]!.answer(200, 'x');
  await until(() => client.find(data, 1) !== undefined, 'the answer');
  client.close();
});

test('a closed window holds one stream for its time, then it is reset; others go on', async () => {
  await using server = await new TestServer({ bodyIdleTimeoutMs: 300 }).listen();
  // Streams begin without any window.
  const client = await RawClient.connect(server.port, Buffer.of(0, 4, 0, 0, 0, 0));
  server.onRequest = (request) => request.answer(200, 'x'.repeat(4000));
  client.send(frame(headers, END_BOTH, 1, block(...get)), frame(headers, END_BOTH, 3, block(...get)));
  client.send(frame(windowUpdate, 0, 3, u32(4000)));
  assert.equal(await client.error(rstStream, 1), ErrorCode.cancel);
  assert.equal(client.find(data, 3)!.payload.length, 4000);
  assert.equal(client.find(rstStream, 3), undefined);
  client.close();
});

test('the connection window is given back at once, a paused stream gets none', async () => {
  await using server = await new TestServer().listen();
  server.onRequest = (request) => {
    if (server.requests.length === 1) request.downstream.pauseRequest();
  };
  const client = await RawClient.connect(server.port);
  const piece = 'x'.repeat(16_000);
  client.send(frame(headers, FrameFlag.endHeaders, 1, block(...get)));
  client.send(...Array.from({ length: 4 }, () => frame(data, 0, 1, piece)));
  client.send(frame(headers, FrameFlag.endHeaders, 3, block(...get)));
  client.send(...Array.from({ length: 4 }, () => frame(data, 0, 3, piece)));
  await until(() => client.find(windowUpdate, 3) !== undefined, 'window of the other stream');
  assert.equal(client.find(windowUpdate, 1), undefined);
  client.send(frame(data, 0, 1, piece));
  assert.equal(await client.error(rstStream, 1), ErrorCode.flowControlError);
  client.close();
});

test('a frame, a preface and a header block that do not go on end the connection', async () => {
  await using server = await new TestServer({ headTimeoutMs: 100 }).listen();
  for (const bytes of [
    frame(headers, END_BOTH, 1, block(...get)).subarray(0, 20),
    frame(headers, 0, 1, block(...get)),
  ]) {
    const client = await RawClient.connect(server.port);
    client.send(bytes);
    await until(() => client.isClosed, 'the end');
  }
  assert.equal(server.requests.length, 0);
});

test('the same bytes mean the same, however they are split', async () => {
  await using server = await new TestServer().listen();
  const list = h('content-length', '5');
  const bytes = Buffer.concat([
    clientPreface,
    frame(settings, 0, 0),
    frame(headers, 0, 1, list.subarray(0, 10)),
    frame(continuation, FrameFlag.endHeaders, 1, list.subarray(10)),
    frame(data, 0, 1, 'he'),
    frame(data, END | FrameFlag.padded, 1, '\x02llo\0\0'),
  ]);
  check(
    property(array(integer({ min: 1, max: bytes.length - 1 }), { maxLength: 8 }), (cuts) => {
      feed(server, bytes, cuts);
      const { body, isEnded, head } = server.requests.at(-1)!;
      assert.deepEqual([body, isEnded, head.bodyLength, server.requests.length], ['hello', true, 5, 1]);
      server.requests.length = 0;
    }),
    { numRuns: 300 },
  );
});

test('mutated frames never throw', async () => {
  await using server = await new TestServer().listen();
  const start = Buffer.concat([clientPreface, frame(settings, 0, 0)]);
  const good = Buffer.concat([
    open,
    frame(data, 0, 1, 'abc'),
    frame(headers, END_BOTH, 3, block(...get)),
    frame(windowUpdate, 0, 1, u32(5)),
  ]);
  const change = tuple(nat(good.length - 1), integer({ min: 0, max: 255 }));
  check(
    property(
      array(change, { minLength: 1, maxLength: 6 }),
      array(nat(good.length), { maxLength: 3 }),
      (changes, cuts) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        const codec = feed(server, start, []);
        feedTo(codec, bytes, cuts);
        for (const request of server.requests.splice(0)) if (request.closed === null) request.answer(200, 'ok');
        codec.close();
      },
    ),
    { numRuns: 2000 },
  );
});

type Codec = ReturnType<TestServer['detached']>;

function feed(server: TestServer, bytes: Buffer, cuts: readonly number[]): Codec {
  const codec = server.detached();
  feedTo(codec, bytes, cuts);
  return codec;
}

function feedTo(codec: Codec, bytes: Buffer, cuts: readonly number[]): void {
  let start = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    codec.receive(bytes, start, cut);
    start = cut;
  }
}
