/** What an HTTP/1 client must not send: each input is refused alone, byte by byte and behind a good request, and nothing of it reaches a backend. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answerEcho, RawClient, RecordingBackend, TestProxy } from './http1-testing.ts';

const post = 'POST /bad HTTP/1.1\r\nHost: a.test\r\n';
const get = 'GET /bad HTTP/1.1\r\nHost: a.test\r\n';
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;

/** Input, and the statuses it may be answered with. */
type Row = readonly [name: string, input: string, statuses?: readonly number[]];

function lengths(): Row[] {
  const values = ['+1', '-1', '0x1', '1_0', '1e1', '1 0', '1.0', '1Z', '', '\xa01', '1\xa0', '9007199254740993'];
  values.push('9223372036854775808', '18446744073709551617', '1, 1', '1, 2', '1,');
  return values.map((value) => [`Content-Length ${JSON.stringify(value)}`, `${post}Content-Length: ${value}\r\n\r\nx`]);
}

function coding(value: string, statuses: number[]): Row {
  return [
    `Transfer-Encoding ${JSON.stringify(value)}`,
    `${post}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
    statuses,
  ];
}

function codings(): Row[] {
  const bad = [
    'chunked, chunked',
    'chunked, gzip',
    ',chunked',
    'chunked,',
    '',
    'chunked;x=1',
    '\x0bchunked',
    'chun\x00ked',
  ];
  bad.push('chunked\x0c', '\xffchunked', 'chun\xc5\xbfked', 'chunked\x7f', '"chunked"');
  const unknown = ['xchunked', 'identity', 'chunk', 'gzip, chunked'];
  return [...bad.map((value) => coding(value, [400])), ...unknown.map((value) => coding(value, [501]))];
}

function hosts(): Row[] {
  const bad = [
    '',
    'a,b',
    'u@x',
    'x/p',
    'x:99999',
    'x:8a',
    'x:-1',
    'x:',
    'a b',
    '[::1',
    '[zz]',
    'a\xe4',
    '[::1]x',
    '#',
    'a\\b',
  ];
  return bad.map((host) => [`Host ${JSON.stringify(host)}`, `GET /bad HTTP/1.1\r\nHost: ${host}\r\n\r\n`]);
}

function targets(): Row[] {
  const bad = [
    '/a#b',
    '/a b',
    '/a\x01',
    '/a\x7f',
    '/\xe4',
    '/a\\b',
    '/%zz',
    '/%',
    '/%4',
    '/%00',
    '',
    'bad',
    'ftp://x/',
    'http://',
  ];
  bad.push('http://u@x/', 'http:///x', '*', '/?a=%zz');
  return bad.map((target) => [`target ${JSON.stringify(target)}`, `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`]);
}

const rows: readonly Row[] = [
  [
    '1: Content-Length, then Transfer-Encoding',
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    '1: Transfer-Encoding, then Content-Length',
    `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  ],
  ['2: two different lengths', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`],
  ['3: two equal lengths', `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`],
  ...lengths(),
  ...codings(),
  [
    '9: two Transfer-Encoding lines',
    `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['12: Transfer-Encoding in HTTP/1.0', 'POST /bad HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['13: Transfer_Encoding', `${post}Transfer_Encoding: chunked\r\n\r\n`],
  ['13: Content_Length', `${post}Content_Length: 5\r\n\r\n`],
  ['13: Transfer Encoding', `${post}Transfer Encoding: chunked\r\n\r\n`],
  ['14: folded line', `${get}X: a\r\n b\r\n\r\n`],
  ['14: folded Transfer-Encoding', `${post}Transfer-Encoding:\r\n chunked\r\n\r\n`],
  ['15: space before the colon', `${get}X : a\r\n\r\n`],
  ['15: tab before the colon', `${get}X\t: a\r\n\r\n`],
  ['15: space before the first field', 'GET /bad HTTP/1.1\r\n Host: a.test\r\n\r\n'],
  ['16: bare LF', 'GET /bad HTTP/1.1\nHost: a.test\n\n'],
  ['16: one bare LF', `${get}X: a\nY: b\r\n\r\n`],
  ['17: bare CR', `${get}X: a\rb\r\n\r\n`],
  ['17: CR before the end', `${get}X: a\r\n\rX\r\n\r\n`],
  ['18: NUL in a value', `${get}X: a\x00b\r\n\r\n`],
  ['18: control in a value', `${get}X: a\x01b\r\n\r\n`],
  ['20: bad name', `${get}X(: a\r\n\r\n`],
  ['20: no colon', `${get}X\r\n\r\n`],
  ['20: empty name', `${get}: a\r\n\r\n`],
  ['21: no Host', 'GET /bad HTTP/1.1\r\nX: a\r\n\r\n'],
  ['21: no field at all', 'GET /bad HTTP/1.1\r\n\r\n'],
  ['21: two Hosts', `${get}Host: b.test\r\n\r\n`],
  ['21: two equal Hosts', `${get}Host: a.test\r\n\r\n`],
  ['22: absolute target, no Host', 'GET http://a.test/bad HTTP/1.1\r\n\r\n'],
  ...hosts(),
  ['24: CONNECT', 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\nGET /early HTTP/1.1\r\n', [501]],
  ...targets(),
  ['26: HTTP/0.9', 'GET /bad\r\n\r\n'],
  ['26: HTTP/2.0', 'GET /bad HTTP/2.0\r\nHost: a.test\r\n\r\n', [505]],
  ['26: lower case', 'GET /bad http/1.1\r\nHost: a.test\r\n\r\n'],
  ['26: HTTP/01.1', 'GET /bad HTTP/01.1\r\nHost: a.test\r\n\r\n'],
  ['26: HTTP/1.32', 'GET /bad HTTP/1.32\r\nHost: a.test\r\n\r\n'],
  ['27: bad method', 'G@T /bad HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  ['27: TRACE', 'TRACE /bad HTTP/1.1\r\nHost: a.test\r\n\r\n', [405]],
  ['37: unknown expectation', `${post}Expect: magic\r\nContent-Length: 1\r\n\r\nx`, [417]],
  ['42: too many fields', `${get}${'X: a\r\n'.repeat(100)}\r\n`, [431]],
  ['42: 64 KiB field', `${get}X: ${'a'.repeat(65536)}\r\n\r\n`, [431]],
  ['42: 64 KiB target', `GET /${'a'.repeat(65536)} HTTP/1.1\r\nHost: a.test\r\n\r\n`, [414]],
];

/** Refused in the body: some of the request is at the backend by then, but never a whole one. */
const bodyRows: readonly Row[] = [
  ['28: 64 KiB of extensions', `${chunked}1;${'a'.repeat(65536)}\r\nx\r\n0\r\n\r\n`],
  ['28: extensions of many chunks', `${chunked}${'1;aaaaaaaaa\r\nx\r\n'.repeat(500)}0\r\n\r\n`],
  ...['5;', '5 ;a', '5;a\x01b', '5;a\rb', '5;=a', '5;a="\x00"', '5;a="b'].map((size): Row => [
    `29: chunk ${JSON.stringify(size)}`,
    `${chunked}${size}\r\nhello\r\n0\r\n\r\n`,
  ]),
  ['29: size ended by LF', `${chunked}5\nhello\r\n0\r\n\r\n`],
  ['29: size ended by CR', `${chunked}5\rhello\r\n0\r\n\r\n`],
  ...['0x1', '+1', '-1', '1_0', ' 1', '1 ', '', '00000000000000001', 'fffffffffffffffff', '20000000000000'].map(
    (size): Row => [`30: size ${JSON.stringify(size)}`, `${chunked}${size}\r\nx\r\n0\r\n\r\n`],
  ),
  ['31: chunk longer than its size', `${chunked}1\r\nxyz\r\n0\r\n\r\n`],
  ['31: no CRLF behind a chunk', `${chunked}1\r\nx0\r\n\r\n`],
  ['32: bad trailer', `${chunked}0\r\nX : a\r\n\r\n`],
  ['32: trailers without end', `${chunked}0\r\nX: ${'a'.repeat(65536)}\r\n\r\n`],
];

const good = 'GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n';

for (const pieceBytes of [65536, 1]) {
  describe(`refused requests, read in pieces of ${pieceBytes}`, () => {
    const backend = new RecordingBackend(answerEcho);
    let proxy: TestProxy;
    before(async () => {
      await backend.start();
      proxy = new TestProxy({ backendPort: backend.port, pieceBytes });
      await proxy.start();
    });
    after(() => {
      proxy.close();
      backend.close();
    });

    for (const [name, input, statuses = [400]] of [...rows, ...bodyRows]) {
      it(name, async () => {
        const alone = await new RawClient(proxy.port).send(input).ended();
        assert.ok(statuses.includes(Number(alone.slice(9, 12))), alone);
        assert.match(alone, /connection: close\r\n/);

        const client = new RawClient(proxy.port).send(good + input);
        const behind = await client.ended();
        assert.match(behind, /^HTTP\/1\.1 200 OK\r\ncontent-length: 5\r\n\r\n\/goodHTTP\/1\.1 [45]\d\d /);
        assert.ok(statuses.includes(Number(behind.split('/good')[1]?.slice(9, 12))), behind);
      });
    }

    it('another protocol, or an HTTP/2 preface that is none, is closed without an answer', async () => {
      for (const input of ['INVALID CONNECTION PREFACE\r\n\r\n', 'GET / RTSP/1.0\r\n\r\n']) {
        assert.equal(await new RawClient(proxy.port).send(input).ended(), '');
      }
    });

    it('nothing of a refused head came to the backend, and no request without its end', async () => {
      const other = new RawClient(proxy.port).send(good);
      await other.receives('/good');
      other.socket.destroy();
      for (const { received } of backend.connections) {
        const [whole = '', part = ''] = received.split('POST /bad');
        assert.equal(whole.replaceAll(/GET \/good HTTP\/1\.1\r\nhost: a\.test\r\n\r\n/g, ''), '');
        if (part !== '') assert.ok(!part.includes('\r\n0\r\n'), part);
        assert.ok(!received.includes('early'));
      }
    });
  });
}
