/** Reliability rows of requests that are taken: what exactly the backend gets, and that the connection goes on (or does not). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../until.ts';
import { send, startWire, variants, type Wire } from './harness.ts';
import { okay, type WireRequest } from './recording-backend.ts';
import type { WireClient } from './wire-client.ts';

interface Row {
  readonly name: string;
  readonly bytes: string;
  /** Of the answer to `/row`. */
  readonly status?: number;
  readonly method?: string;
  /** The fields at the backend, by name: what they must be; undefined: they must not be there. */
  readonly fields?: Readonly<Record<string, readonly string[] | undefined>>;
  /** Text that must, and that must not, be in what the backend got of it, byte for byte. */
  readonly has?: readonly string[];
  readonly lacks?: readonly string[];
  readonly body?: string;
  readonly target?: string;
}

const get = 'GET /row HTTP/1.1\r\nHost: a.test\r\n';
const post = 'POST /row HTTP/1.1\r\nHost: a.test\r\n';
const allBytes = String.fromCharCode(...Array.from({ length: 128 }, (_, i) => 128 + i));
const nominated = 'Connection: Host, Content-Length, X-Forwarded-For, Authorization';

const rows: readonly Row[] = [
  { name: '5: CL 01', bytes: `${post}Content-Length: 01\r\n\r\nx`, fields: { 'content-length': ['1'] }, body: 'x' },
  {
    name: '5: CL 010 is decimal',
    bytes: `${post}Content-Length: 010\r\n\r\n0123456789`,
    fields: { 'content-length': ['10'] },
    body: '0123456789',
  },
  { name: '19: all of 0x80-0xFF in a value', bytes: `${get}X: a${allBytes}\r\n\r\n`, has: [`X: a${allBytes}\r\n`] },
  { name: '19: not valid as UTF-8', bytes: `${get}X: \xc3\x28\xff\r\n\r\n`, has: ['X: \xc3\x28\xff\r\n'] },
  {
    name: '22: an absolute target',
    bytes: 'GET http://a.test/row HTTP/1.1\r\nHost: a.test\r\n\r\n',
    fields: { host: ['a.test'] },
    target: '/row',
  },
  { name: '26: HTTP/1.2 is 1.1', bytes: 'GET /row HTTP/1.2\r\nHost: a.test\r\n\r\n', has: ['GET /row HTTP/1.1\r\n'] },
  ...['get', 'PROPFIND', 'X-y.z!', 'M-SEARCH'].map((method) => ({
    name: `27: method ${method}`,
    bytes: `${method} /row HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    has: [`${method} /row HTTP/1.1\r\n`],
  })),
  {
    name: '28: extensions are stripped',
    bytes: `${post}Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d e"\r\nhello\r\n0;z\r\n\r\n`,
    lacks: [';'],
    has: ['hello'],
  },
  {
    name: '32: trailers never become fields',
    bytes:
      `${post}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: evil\r\n` +
      'Authorization: evil\r\nCookie: evil\r\nX-Forwarded-For: evil\r\nX_Forwarded_For: evil\r\n\r\n',
    lacks: ['evil', 'gzip', 'Content-Length'],
  },
  {
    name: '33: nominated and hop-by-hop fields',
    bytes: `${get}Connection: X-A, keep-alive\r\nX-A: secret\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\nX-B: b\r\n\r\n`,
    fields: { 'x-a': undefined, 'keep-alive': undefined, 'proxy-connection': undefined, te: undefined, 'x-b': ['b'] },
    lacks: ['X-A'],
  },
  { name: '33: TE trailers', bytes: `${get}TE: gzip, trailers\r\nConnection: TE\r\n\r\n`, lacks: ['gzip'] },
  {
    name: '34: fields that nobody can strip',
    bytes: `${post}${nominated}\r\nAuthorization: me\r\nContent-Length: 2\r\nX-Forwarded-For: 6.6.6.6\r\n\r\nhi`,
    fields: { host: ['a.test'], authorization: ['me'], 'content-length': ['2'], 'x-forwarded-for': ['127.0.0.1'] },
    body: 'hi',
  },
  {
    name: '35: an upgrade to h2c',
    bytes: `${get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    fields: { upgrade: undefined, 'http2-settings': undefined },
  },
  ...['GET', 'OPTIONS', 'DELETE'].flatMap((method) => [
    {
      name: `38: ${method} with CL`,
      bytes: `${method} /row HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody`,
      fields: { 'content-length': ['4'] },
      body: 'body',
    },
    {
      name: `38: ${method} with chunks`,
      bytes: `${method} /row HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
      fields: { 'transfer-encoding': ['chunked'], 'content-length': undefined },
      has: ['body'],
    },
  ]),
  {
    name: '38: HEAD with CL',
    method: 'HEAD',
    bytes: 'HEAD /row HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody',
    body: 'body',
  },
  {
    name: '42: 100 fields',
    bytes: `${get}${'X: a\r\n'.repeat(99)}\r\n`,
    fields: { x: Array.from({ length: 99 }, () => 'a') },
  },
  {
    name: '42: a line of 8,000 bytes',
    bytes: `GET /row${'a'.repeat(8000 - 'GET /row HTTP/1.1'.length)} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    target: `/row${'a'.repeat(8000 - 'GET /row HTTP/1.1'.length)}`,
  },
  { name: 'an empty line before', bytes: `\r\n${get}\r\n`, has: ['GET /row HTTP/1.1\r\n'] },
];

let wire: Wire;
before(async () => {
  wire = await startWire();
});
after(() => wire.close());

const probe = 'GET /probe HTTP/1.1\r\nHost: a.test\r\n\r\n';
const rowsAtBackend = () => wire.backend.requests.filter(({ target }) => target.startsWith('/row'));

function check(row: Row, got: WireRequest, forwarded: string): void {
  for (const [name, values] of Object.entries(row.fields ?? {}))
    assert.deepEqual(got.headers.get(name), values, got.head);
  for (const text of row.has ?? []) assert.ok(forwarded.includes(text), forwarded);
  const own = got.head + got.body;
  for (const text of row.lacks ?? []) assert.ok(!own.includes(text), own);
  assert.equal(got.target, row.target ?? '/row');
  if (row.body !== undefined) assert.equal(got.body, row.body);
}

for (const variant of variants) {
  describe(`forwarded, ${variant.name}`, () => {
    for (const row of rows) {
      it(row.name, async () => {
        const first = variant.before === 'good' ? 2 : 1;
        const settle = async (client: WireClient) => {
          // The connection goes on exactly where the request ends.
          client.received = first === 2 ? client.received : '';
          client.send(probe);
          await client.until(() => client.received.endsWith('/probe'), 'the probe is answered');
        };
        const earlier = rowsAtBackend().length;
        const { client, forwarded } = await send(wire, { bytes: row.bytes, variant, settle });
        const statuses = [...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
        assert.deepEqual(
          statuses,
          Array.from({ length: first + 1 }, () => row.status ?? 200),
        );
        const got = rowsAtBackend().slice(earlier);
        assert.equal(got.length, 1);
        check(row, got[0]!, forwarded);
      });
    }
  });
}

describe('requests that end otherwise', () => {
  it('22: an absolute target of another host: routing and Host both are its, or 400', async () => {
    const client = await wire.connect();
    client.send('GET http://b.test/other HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const { status } = await client.answer();
    const got = wire.backend.requests.find(({ target }) => target === '/other');
    if (status === 400) assert.equal(got, undefined);
    else assert.deepEqual(got?.headers.get('host'), ['b.test']);
    client.close();
  });

  it('23: OPTIONS * is answered here', async () => {
    const client = await wire.connect();
    const since = wire.backend.mark();
    client.send('OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await client.answer()).status, 204);
    await wire.bystander();
    assert.ok(!since().includes('OPTIONS'));
    client.close();
  });

  const torn: Readonly<Record<string, string>> = {
    '39: a body shorter than CL': 'Content-Length: 10\r\n\r\nhello',
    '31: half a chunk': 'Transfer-Encoding: chunked\r\n\r\n9\r\nhello',
    '31: half a size': 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1',
    '31: no last chunk': 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    '31: no end of the last chunk': 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n',
    '31: no end of the trailers': 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: a\r\n',
  };
  for (const [name, bytes] of Object.entries(torn)) {
    for (const via of ['clear', 'tls'] as const) {
      it(`${name}, then FIN, ${via}: 400, and the upstream request is aborted`, async () => {
        const client = await wire.connect(via);
        client.send(`POST /torn HTTP/1.1\r\nHost: a.test\r\n${bytes}`);
        const used = () => wire.backend.connections.findLast(({ rest }) => rest.includes('/torn '));
        await until(() => used()?.rest.includes('hello') ?? false, 'some of the body is there');
        const connection = used()!;
        client.socket.end();
        await client.closed();
        assert.equal(client.answers()[0]?.status, 400, client.received);
        await until(() => connection.isClosed, 'the upstream connection is closed');
        assert.ok(!wire.backend.requests.some(({ target }) => target === '/torn'));
      });
    }
  }

  it('39: a body that is cut off: the upstream request is aborted', async () => {
    const client = await wire.connect();
    client.send('POST /short HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello');
    const used = () => wire.backend.connections.find(({ received }) => received.includes('/short '));
    await until(() => used()?.received.endsWith('hello') ?? false, 'half the body is there');
    client.socket.resetAndDestroy();
    await until(() => used()!.isClosed, 'the upstream connection is closed');
    assert.ok(!wire.backend.requests.some(({ target }) => target === '/short'));
  });

  it('39: what comes behind a body is the next request, never more body', async () => {
    const client = await wire.connect();
    client.send(`POST /long HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi${probe}`);
    assert.equal((await client.answer(1)).body, '/long');
    assert.equal((await client.answer(2)).body, '/probe');
    assert.equal(wire.backend.requests.findLast(({ target }) => target === '/long')?.body, 'hi');
    client.close();
  });

  it('40: an answer before the body has come: the upstream connection is not used again', async () => {
    wire.backend.onHead = ({ target }, { socket }) => {
      if (target === '/early') socket.write(okay('early'));
    };
    const client = await wire.connect();
    client.send('POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nGET /smuggled HTTP/1.1\r\n');
    assert.equal((await client.answer()).body, 'early');
    const used = wire.backend.connections.find(({ received }) => received.includes('/early'))!;
    for (let i = 0; i < 5; i++) await wire.bystander();
    wire.backend.onHead = null;
    assert.ok(!used.received.slice(used.received.indexOf('/early')).includes('/bystander'));
    client.send(`${'x'.repeat(100 - 'GET /smuggled HTTP/1.1\r\n'.length)}${probe}`);
    // Either is right: the rest of the body was read and left out, or the connection is over.
    await client.until(
      () => client.isClosed || client.received.endsWith('/probe'),
      'the next request begins behind the body',
    );
    client.close();
    assert.ok(!wire.backend.requests.some(({ target }) => target.startsWith('/smuggled')));
  });

  it('41: a hundred pipelined are answered in order', async () => {
    const client = await wire.connect();
    client.send(Array.from({ length: 100 }, (_, i) => `GET /n/${i} HTTP/1.1\r\nHost: a.test\r\n\r\n`).join(''));
    await client.answer(100);
    assert.deepEqual(
      client.answers().map(({ body }) => body),
      Array.from({ length: 100 }, (_, i) => `/n/${i}`),
    );
    client.close();
  });

  for (const via of ['clear', 'tls'] as const) {
    for (const [what, text] of Object.entries({
      forwarded: 'GET /n HTTP/1.1\r\nHost: a.test\r\n\r\n',
      'answered here': 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n',
    })) {
      it(`41: a client that has said all it will say gets every answer, ${what}, ${via}`, async () => {
        const client = await wire.connect(via);
        client.socket.end(text.repeat(50), 'latin1');
        await client.closed();
        assert.equal(client.answers().length, 50);
        assert.equal(client.answers().at(-1)!.isWhole, true);
      });
    }
    it(`41: a client that ends in its second request gets the first answer, at once, ${via}`, async () => {
      const client = await wire.connect(via);
      client.socket.end(`${probe}${probe.slice(0, 20)}`, 'latin1');
      await client.closed(5000);
      assert.deepEqual(
        client.answers().map(({ body }) => body),
        ['/probe'],
      );
    });
  }

  it('41: nothing behind Connection: close', async () => {
    const client = await wire.connect();
    const since = wire.backend.mark();
    client.send(`GET /last HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n${probe}`);
    await client.closed();
    assert.equal(client.answers().length, 1);
    assert.equal(client.answers()[0]!.body, '/last');
    await wire.bystander();
    assert.ok(!since().includes('/probe'));
  });

  it('36: bytes before the 101 are held, then part of the tunnel', async () => {
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
    let answer101 = () => {};
    wire.backend.scripts.set('/ws-yes', (_request, { socket }) => {
      answer101 = () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
    const client = await wire.connect();
    client.send(`GET /ws-yes HTTP/1.1\r\nHost: a.test\r\n${upgrade}EARLY`);
    const at = () => wire.backend.connections.find(({ received }) => received.includes('/ws-yes'))!;
    await until(() => wire.backend.requests.some(({ target }) => target === '/ws-yes'), 'the upgrade is asked for');
    await wire.bystander();
    assert.ok(!at().received.includes('EARLY'));
    answer101();
    await until(() => at().received.endsWith('EARLY'), 'the bytes arrive in the tunnel');
    client.close();
    await until(() => at().isClosed, 'the tunnel ends');
  });

  it('36: without a 101 they are discarded, and the upstream connection with them', async () => {
    const client = await wire.connect();
    wire.backend.scripts.set('/ws-no', (_request, { socket }) => socket.write(okay('no')));
    client.send(
      `GET /ws-no HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nGET /smuggled-ws HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    );
    assert.equal((await client.answer()).body, 'no');
    const used = wire.backend.connections.find(({ received }) => received.includes('/ws-no'))!;
    for (let i = 0; i < 5; i++) await wire.bystander();
    assert.ok(used.received.endsWith('\r\n\r\n') && !used.received.includes('/smuggled-ws'));
    assert.ok(!used.received.slice(used.received.indexOf('/ws-no')).includes('/bystander'));
    client.close();
  });

  it('37: 100-continue goes end to end', async () => {
    wire.backend.onHead = ({ headers }, { socket }) => {
      if (headers.has('expect')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    };
    const client = await wire.connect();
    client.send('POST /expect HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    await client.until(() => client.received.includes('100 Continue\r\n\r\n'), '100 comes');
    client.send('body');
    assert.equal((await client.answer()).body, '/expect');
    wire.backend.onHead = null;
    assert.equal(wire.backend.requests.findLast(({ target }) => target === '/expect')?.body, 'body');
    client.close();
  });

  it('37: a final answer in place of 100: no reuse on either side unless the body is drained', async () => {
    wire.backend.onHead = ({ headers }, { socket }) => {
      if (headers.has('expect')) socket.write(okay('final'));
    };
    const client = await wire.connect();
    client.send('POST /expect-no HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n');
    assert.equal((await client.answer()).body, 'final');
    client.send('GET /smuggled-100 HTTP/1.1\r\nHost: a.test\r\n\r\n');
    for (let i = 0; i < 3; i++) await wire.bystander();
    wire.backend.onHead = null;
    assert.ok(!wire.backend.requests.some(({ target }) => target.startsWith('/smuggled-100')));
    const used = wire.backend.connections.find(({ received }) => received.includes('/expect-no'))!;
    assert.ok(!used.received.slice(used.received.indexOf('/expect-no')).includes('/bystander'));
    client.close();
  });
});
