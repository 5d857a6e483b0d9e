/** Reliability rows of HTTP/2 through the whole proxy: what is malformed or a flood never becomes bytes at an HTTP/1 backend. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ErrorCode, FrameFlag, FrameType } from '../../src/proxy/http/frame.ts';
import { block, frame } from '../../src/proxy/http/http2-testing.ts';
import { startWire, type Wire } from './harness.ts';
import { WireClient } from './wire-client.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const END = FrameFlag.endStream | FrameFlag.endHeaders;
type Fields = readonly (readonly [name: string, value: string])[];
const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a.test'],
  [':path', '/bad'],
];
const post: Fields = [[':method', 'POST'], ...get.slice(1)];
const replaced = (name: string, value: string): Fields =>
  get.map((field) => (field[0] === name ? [name, value] : field));
const without = (name: string): Fields => get.filter(([other]) => other !== name);

let wire: Wire;
before(async () => {
  wire = await startWire({ limits: { bodyIdleTimeoutMs: 500 } });
});
after(() => wire.close());

interface Frame {
  readonly type: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

function framesOf({ received }: WireClient): readonly Frame[] {
  const bytes = Buffer.from(received, 'latin1');
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({ type: bytes[at + 3]!, streamId: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

async function connect(via: 'clear' | 'tls', settings = Buffer.alloc(0)): Promise<WireClient> {
  const client = await WireClient.connect(
    via === 'clear' ? { port: wire.clearPort } : { port: wire.tlsPort, serverName: 'a.test', protocols: ['h2'] },
  );
  client.send(preface);
  client.socket.write(frame(FrameType.settings, 0, 0, settings));
  return client;
}

/** `reset`, `goaway`, `closed`, or the index octet or literal of a status. */
const isRefusal = ({ type, streamId, payload }: Frame) =>
  (type === FrameType.rstStream && streamId === 1) ||
  (type === FrameType.goaway && payload.readUInt32BE(4) !== 0) ||
  (type === FrameType.headers && streamId === 1 && isError(payload));

/** The status is the first field: indexed (8 to 14: 200 204 206 304 400 404 500) or a literal whose text begins with 4 or 5. */
function isError(payload: Buffer): boolean {
  const first = payload[0]!;
  return first >= 0x80 ? first >= 0x8c : payload[2] === 0x34 || payload[2] === 0x35;
}

const one = (fields: Fields) => frame(FrameType.headers, END, 1, block(...fields));
const opened = (fields: Fields) => frame(FrameType.headers, FrameFlag.endHeaders, 1, block(...fields));
const data = (text: string, flags: number = FrameFlag.endStream) => frame(FrameType.data, flags, 1, text);
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';

const malformed: Readonly<Record<string, Buffer>> = {
  'H2.TE': Buffer.concat([opened([...post, ['transfer-encoding', 'chunked']]), data(`0\r\n\r\n${smuggled}`)]),
  'H2.TE by a name with CR LF': one([...get, ['x: y\r\ntransfer-encoding', 'chunked']]),
  'H2.CL, two': Buffer.concat([opened([...post, ['content-length', '0'], ['content-length', '40']]), data(smuggled)]),
  'H2.CL, a list': Buffer.concat([opened([...post, ['content-length', '0, 40']]), data(smuggled)]),
  ...Object.fromEntries(
    ['+1', '-1', '0x1', '', '1 ', '18446744073709551617'].map((value) => [
      `content-length ${JSON.stringify(value)}`,
      Buffer.concat([opened([...post, ['content-length', value]]), data('x')]),
    ]),
  ),
  'CR LF in a value': one([...get, ['x', 'a\r\nTransfer-Encoding: chunked']]),
  'LF in a value': one([...get, ['x', 'a\nb']]),
  'CR in a value': one([...get, ['x', 'a\rb']]),
  'NUL in a value': one([...get, ['x', 'a\0b']]),
  'SP around a value': one([...get, ['x', ' a']]),
  ...Object.fromEntries(
    ['X', '', 'a b', 'a:b', 'a\r\nb', 'a\nb', 'a\0', 'a\x7f', 'a\xe9', ':', ':x', 'a('].map((name) => [
      `name ${JSON.stringify(name)}`,
      one([...get, [name, 'v']]),
    ]),
  ),
  ...Object.fromEntries(
    [
      '/a b',
      '/a\r\nX: y',
      '/a HTTP/1.1\r\nHost: x\r\n\r\nGET /b',
      '/a\0',
      '',
      'bad',
      '*',
      '/a#b',
      '/\x80',
      'http://a.test/',
      '/a\\b',
      '/%00',
    ].map((path) => [`:path ${JSON.stringify(path)}`, one(replaced(':path', path))]),
  ),
  ...Object.fromEntries(
    ['GET /smuggled HTTP/1.1\r\nX:', 'G T', '', 'GET\0', 'TRACE', 'G\r\n', 'CONNECT'].map((method) => [
      `:method ${JSON.stringify(method)}`,
      one(replaced(':method', method)),
    ]),
  ),
  ...Object.fromEntries(
    ['a.test\r\nX: y', 'a b', 'u@a.test', 'a/b', '', 'a.test:x', 'a\0', 'a,b', `${'a'.repeat(100)}\xff`].map(
      (authority) => [`:authority ${JSON.stringify(authority)}`, one(replaced(':authority', authority))],
    ),
  ),
  ...Object.fromEntries(
    ['http\r\nX: y', 'ht tp', '', 'http://x/?'].map((scheme) => [
      `:scheme ${JSON.stringify(scheme)}`,
      one(replaced(':scheme', scheme)),
    ]),
  ),
  ...Object.fromEntries([':method', ':path', ':scheme'].map((name) => [`without ${name}`, one(without(name))])),
  ...Object.fromEntries(get.map((field) => [`${field[0]} twice`, one([...get, field])])),
  'neither :authority nor host': one(without(':authority')),
  'a pseudo field behind others': one([...without(':path'), ['x', 'y'], [':path', '/bad']]),
  'an unknown pseudo field': one([[':x', 'y'], ...get]),
  ':status in a request': one([[':status', '200'], ...get]),
  'Host differs': one([...get, ['host', 'b.test']]),
  ...Object.fromEntries(
    ['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'transfer-encoding'].map((name) => [
      name,
      one([...get, [name, 'x']]),
    ]),
  ),
  'te gzip': one([...get, ['te', 'gzip']]),
  'less DATA than content-length': Buffer.concat([opened([...post, ['content-length', '5']]), data('x')]),
  'more DATA than content-length': Buffer.concat([opened([...post, ['content-length', '1']]), data('xyz')]),
  'no DATA for content-length': one([...post, ['content-length', '5']]),
  'trailers without END_STREAM': Buffer.concat([
    opened(post),
    frame(FrameType.headers, FrameFlag.endHeaders, 1, block(['a', 'b'])),
  ]),
  'a pseudo field in trailers': Buffer.concat([opened(post), frame(FrameType.headers, END, 1, block([':path', '/x']))]),
  '101 fields': one([...get, ...Array.from({ length: 101 }, () => ['a', 'b'] as const)]),
  'an HPACK bomb': frame(
    FrameType.headers,
    END,
    1,
    // One field of 4,000 bytes goes into the table, then 5,000 times by one byte each.
    Buffer.concat([
      block(...get),
      Buffer.from('\x40\x01x\x7f\xa1\x1e', 'latin1'),
      Buffer.alloc(4000, 'a'),
      Buffer.alloc(5000, 0xbe),
    ]),
  ),
  'crumbs of cookies': frame(FrameType.headers, END, 1, Buffer.concat([block(...get), Buffer.alloc(8000, 0x80 | 32)])),
  'a table size beyond ours': frame(
    FrameType.headers,
    END,
    1,
    Buffer.concat([Buffer.from([0x3f, 0xff, 0xff, 0x03]), block(...get)]),
  ),
  'a table size in the middle': frame(FrameType.headers, END, 1, Buffer.concat([block(...get), Buffer.from([0x20])])),
  'an index of nothing': frame(FrameType.headers, END, 1, Buffer.concat([block(...get), Buffer.from([0xff, 0x7f])])),
};

for (const via of ['clear', 'tls'] as const) {
  describe(`malformed, ${via}`, () => {
    it('where nothing is, the request is forwarded', async () => {
      const client = await connect(via);
      client.socket.write(one(replaced(':path', '/fine')));
      await client.until(() => framesOf(client).some(({ type }) => type === FrameType.data), 'the answer');
      assert.ok(!framesOf(client).some(isRefusal));
      assert.equal(wire.backend.requests.at(-1)!.target, '/fine');
      client.close();
    });

    for (const [name, bytes] of Object.entries(malformed)) {
      it(name, async () => {
        const since = wire.backend.mark();
        const requests = wire.backend.requests.length;
        const client = await connect(via);
        client.socket.write(bytes);
        await client.until(() => framesOf(client).some(isRefusal) || client.isClosed, 'a refusal');
        client.close();
        await wire.bystander();
        const whole = wire.backend.requests.slice(requests).filter(({ target }) => !target.startsWith('/bystander'));
        assert.deepEqual(whole, []);
        // A body that turns out wrong only later may have begun; nothing else reaches the backend.
        const forwarded = since().replace(/GET \/bystander\/\d+ HTTP\/1\.1\r\n.*?\r\n\r\n/gs, '');
        if (!/DATA than|trailers/.test(name)) assert.equal(forwarded, '');
        assert.deepEqual(wire.backend.faults, []);
      });
    }
  });
}

it('trailers of HTTP/2 never become fields, and those that mean something are left out', async () => {
  const since = wire.backend.mark();
  const client = await connect('clear');
  const names = ['x-sum', 'authorization', 'cookie', 'x-forwarded-for', 'x_forwarded_for', 'content-length', 'host'];
  const trailers = block(...names.map((name) => [name, name === 'content-length' ? '4' : `of ${name}`] as const));
  client.socket.write(Buffer.concat([opened(post), data('body', 0), frame(FrameType.headers, END, 1, trailers)]));
  await client.until(() => framesOf(client).some(({ type }) => type === FrameType.data), 'the answer');
  client.close();
  assert.match(since(), /\r\n\r\n4\r\nbody\r\n0\r\nx-sum: of x-sum\r\n\r\n$/);
  assert.equal(since().match(/ of /g)?.length, 1);
});

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const many = (times: number, piece: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: times }, (_, i) => piece(i)));
const request = (i: number) => frame(FrameType.headers, END, 2 * i + 1, block(...replaced(':path', '/flood')));

describe('floods', () => {
  const floods: Readonly<Record<string, Buffer>> = {
    'rapid reset': many(20_000, (i) => Buffer.concat([request(i), frame(FrameType.rstStream, 0, 2 * i + 1, u32(8))])),
    'made to reset': many(20_000, (i) =>
      Buffer.concat([request(i), frame(FrameType.windowUpdate, 0, 2 * i + 1, u32(0))]),
    ),
    CONTINUATION: Buffer.concat([
      frame(FrameType.headers, 0, 1, block(...get)),
      many(5000, () => frame(FrameType.continuation, 0, 1, block(['a', 'b'.repeat(100)]))),
    ]),
    'empty CONTINUATION': Buffer.concat([
      frame(FrameType.headers, 0, 1, block(...get)),
      many(5000, () => frame(FrameType.continuation, 0, 1)),
    ]),
    SETTINGS: many(20_000, () => frame(FrameType.settings, 0, 0)),
    PING: many(100_000, () => frame(FrameType.ping, 0, 0, Buffer.alloc(8))),
    'empty DATA': Buffer.concat([opened(post), many(5000, () => data('', 0))]),
    PRIORITY: many(20_000, () => frame(FrameType.priority, 0, 1, Buffer.alloc(5))),
    WINDOW_UPDATE: many(20_000, () => frame(FrameType.windowUpdate, 0, 0, u32(1))),
  };
  for (const [name, bytes] of Object.entries(floods)) {
    for (const via of ['clear', 'tls'] as const) {
      it(`${name}, ${via}: the connection ends, upstream requests are bounded, memory is not ours to lose`, async () => {
        const start = { requests: wire.backend.requests.length, rss: process.memoryUsage.rss() };
        const client = await connect(via);
        client.socket.write(bytes);
        const ended = client.closed(60_000);
        await wire.bystander();
        await ended;
        const goaway = framesOf(client).findLast(({ type }) => type === FrameType.goaway);
        assert.equal(goaway?.payload.readUInt32BE(4), ErrorCode.enhanceYourCalm);
        assert.ok(wire.backend.requests.length - start.requests <= 1000 + 10);
        assert.ok(process.memoryUsage.rss() - start.rss < 64 * 1024 * 1024);
        await wire.bystander();
      });
    }
  }

  /** How much a stream may get, and all together. */
  const windows: Readonly<Record<string, readonly [initial: Buffer, most: number]>> = {
    'no window': [u32(0), 0],
    'a window of one byte': [u32(1), 100],
    'a large window of their own, and none left of the connection': [u32(0x7fffffff), 65_535],
  };
  for (const [name, [initial, most]] of Object.entries(windows)) {
    it(`a hundred streams with ${name}: reset in time, others unharmed`, async () => {
      wire.backend.scripts.set('/large', (_request, { socket }) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`);
      });
      const client = await connect('clear', Buffer.concat([Buffer.from([0, 4]), initial]));
      client.socket.write(
        many(100, (i) => frame(FrameType.headers, END, 2 * i + 1, block(...replaced(':path', '/large')))),
      );
      await wire.bystander();
      const resets = () => framesOf(client).filter(({ type }) => type === FrameType.rstStream).length;
      await client.until(() => resets() === 100 || client.isClosed, 'the streams are reset');
      const bodies = framesOf(client).filter(({ type }) => type === FrameType.data);
      assert.equal(
        bodies.reduce((sum, { payload }) => sum + payload.length, 0),
        most,
      );
      assert.equal(resets(), 100);
      await wire.bystander();
      client.close();
    });
  }
});
