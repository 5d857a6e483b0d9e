/** Reliability rows of requests that must be refused: the answer, the end of the connection, and not one byte at the backend. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { send, startWire, variants, type Wire } from './harness.ts';

const post = 'POST /bad HTTP/1.1\r\nHost: a.test\r\n';
const get = 'GET /bad HTTP/1.1\r\nHost: a.test\r\n';
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';
const chunkedBody = `0\r\n\r\n${smuggled}`;

/** Input, and the statuses that it may have (400 where absent). */
type Row = readonly [name: string, bytes: string, statuses?: readonly number[]];

const shown = (value: string) => JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}… ${value.length}` : value);

const lengths = [
  '+1',
  '-1',
  '0x1',
  '1_0',
  '1e1',
  '"1"',
  '1 0',
  '1.0',
  '1Z',
  '',
  '\xa01',
  '1\xa0',
  '\xef\xbb\xbf1',
  '1;',
  '1,',
];
const hugeLengths = ['9007199254740993', '9223372036854775808', '18446744073709551617', '9'.repeat(400)];
const codings: readonly (readonly [value: string, number: string, statuses: readonly number[]])[] = [
  ...['xchunked', 'identity', '"chunked"', 'chunk'].map((value) => [value, '7', [400, 501]] as const),
  ['gzip, chunked', '8', [501]],
  ...['chunked, chunked', 'chunked, gzip', 'chunked,chunked,identity'].map((value) => [value, '9', [400]] as const),
  ...[',chunked', 'chunked,', '', 'chunked;x=1', ', ,chunked'].map((value) => [value, '10', [400]] as const),
  ...['\x0bchunked', 'chunked\x0c', 'chu\x00nked', '\x1fchunked', 'chunked\x7f', '\x80chunked', 'chunked\xff'].map(
    (value) => [value, '11', [400]] as const,
  ),
  // chun\u212aed and chunked with a long s or a dotless i in it: what case folding by Unicode would take for ASCII.
  ...['chun\xe2\x84\xaaed', '\xc5\xbfchunked', 'chunked\xc4\xb1'].map((value) => [value, '11', [400]] as const),
];
const hosts = [
  '',
  'a,b',
  'a.test, a.test',
  'u@x',
  'u:p@x',
  'x/p',
  'x?q',
  'x#f',
  'x:99999',
  'x:8a',
  'x:-1',
  'a b',
  '[::1',
  '::1]',
  '[zz]',
];
const targets = [
  '/a#b',
  '/#',
  '/a b',
  '/a\tb',
  '/a\x01',
  '/a\x7f',
  '/\x80',
  '/caf\xc3\xa9',
  '/a\\b',
  '/%zz',
  '/%4',
  '/%',
  '/%00',
  '/a%00b',
  '/.%00.',
  'bad',
  '//\x00',
  '?a',
];
const targetsOfOthers = [
  'ftp://a.test/',
  'http:///bad',
  'http://u@a.test/bad',
  'http://a.test:x/bad',
  'http://a.test/b#d',
  '*',
];
const names = ['X(', 'X@', 'X[', 'X/', 'X"', 'X\x00', 'X\x01', 'X\x7f', 'X\xe9', '\xef\xbb\xbfX', 'X Y', ''];
const sizes = [
  '0x1',
  '+1',
  '-1',
  '1_0',
  ' 1',
  '1 ',
  '\t1',
  '',
  'g',
  '11111111111111111',
  'fffffffffffffffff',
  '1\x00',
  '1\xa0',
];
const extensions = [';', ';a\x01', ';a="\x00"', ' ;a', ';a=\x7f', ';a\rb', ';a\nb', ';a="b', ';=b'];

const inHead: readonly Row[] = [
  ['1: CL, then TE', `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedBody}`],
  ['1: TE, then CL', `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n${chunkedBody}`],
  ['1: TE, CL 0', `${post}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${chunkedBody}`],
  ['2: two lengths that differ', `${post}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['2: a list that differs', `${post}Content-Length: 0, ${smuggled.length}\r\n\r\n${smuggled}`],
  ['2: differ by a zero', `${post}Content-Length: 1\r\nContent-Length: 01\r\n\r\nx`],
  ['3: the same twice', `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`],
  ['3: the same as a list', `${post}Content-Length: 1, 1\r\n\r\nx`],
  ...lengths.map((value): Row => [`4: CL ${shown(value)}`, `${post}Content-Length: ${value}\r\n\r\n${smuggled}`]),
  ...hugeLengths.map((value): Row => [`6: CL ${shown(value)}`, `${post}Content-Length: ${value}\r\n\r\nx`, [400, 413]]),
  ...codings.map(([value, number, statuses]): Row => [
    `${number}: TE ${shown(value)}`,
    `${post}Transfer-Encoding: ${value}\r\n\r\n${chunkedBody}`,
    statuses,
  ]),
  ['9: two lines', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedBody}`],
  [
    '9: two lines, identity',
    `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunkedBody}`,
    [400, 501],
  ],
  ['11: a name of Unicode', `${post}Tran\xc5\xbffer-Encoding: chunked\r\n\r\n${chunkedBody}`],
  ['11: VT in the name', `${post}\x0bTransfer-Encoding: chunked\r\n\r\n${chunkedBody}`],
  ['11: 0x80 in the name', `${post}Transfer-Encoding\x80: chunked\r\n\r\n${chunkedBody}`],
  ['12: TE in HTTP/1.0', `POST /bad HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedBody}`],
  ...['Transfer_Encoding: chunked', 'Content_Length: 5', 'TRANSFER_ENCODING: x', 'Transfer Encoding: chunked'].map(
    (field): Row => [`13: ${field}`, `${post}${field}\r\n\r\n${chunkedBody}`],
  ),
  ['14: a folded field', `${get}X: a\r\n b\r\n\r\n`],
  ['14: folded by a tab', `${get}X: a\r\n\tb\r\n\r\n`],
  ['14: folded TE', `${post}Transfer-Encoding:\r\n chunked\r\n\r\n${chunkedBody}`],
  ['14: folded into TE', `${post}X: a\r\n Transfer-Encoding: chunked\r\n\r\n${chunkedBody}`],
  ['15: SP before the colon', `${post}Transfer-Encoding : chunked\r\n\r\n${chunkedBody}`],
  ['15: HTAB before the colon', `${post}Content-Length\t: 5\r\n\r\nhello`],
  ['15: SP before the first field', 'GET /bad HTTP/1.1\r\n Host: a.test\r\n\r\n'],
  ['15: HTAB before the first field', 'GET /bad HTTP/1.1\r\n\tX: y\r\nHost: a.test\r\n\r\n'],
  ['16: bare LF everywhere', 'GET /bad HTTP/1.1\nHost: a.test\n\n'],
  ['16: bare LF behind the line', 'GET /bad HTTP/1.1\nHost: a.test\r\n\r\n'],
  ['16: bare LF behind a field', `${get}X: a\nY: b\r\n\r\n`],
  ['16: bare LF at the end', `${get}X: a\r\n\n${smuggled}`],
  ['16: LF LF', `${get}X: a\n\n${smuggled}`],
  ['17: bare CR in a value', `${get}X: a\rY: b\r\n\r\n`],
  ['17: bare CR in the line', 'GET /bad\r HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  ['17: CR CR LF', `${get}X: a\r\r\n\r\n`],
  ['17: CR LF CR X', `${get}X: a\r\n\rX${smuggled}`],
  ['17: a head that ends in CR CR LF', `${get}X: a\r\n\r\r\n`],
  ...[0, 1, 8, 11, 12, 27, 31, 127].map((code): Row => [
    `18: ${code} in a value`,
    `${get}X: a${String.fromCharCode(code)}b\r\n\r\n`,
  ]),
  ...names.map((name): Row => [`20: name ${shown(name)}`, `${get}${name}: a\r\n\r\n`]),
  ['20: no colon', `${get}X\r\n\r\n`],
  ['20: an empty name hides what follows', `${get}: a\r\nContent-Length: 5\r\n\r\nhello`],
  ['21: no Host', 'GET /bad HTTP/1.1\r\nX: a\r\n\r\n'],
  ['21: two Hosts', `${get}Host: b.test\r\n\r\n`],
  ['21: the same Host twice', `${get}Host: a.test\r\n\r\n`],
  ...hosts.map((host): Row => [`21: Host ${shown(host)}`, `GET /bad HTTP/1.1\r\nHost: ${host}\r\n\r\n`]),
  ['23: GET *', 'GET * HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  ['24: CONNECT', `CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n${smuggled}`, [501]],
  ['24: CONNECT with a path', 'CONNECT /bad HTTP/1.1\r\nHost: a.test\r\n\r\n', [400, 501]],
  ...[...targets, ...targetsOfOthers].map((target): Row => [
    `25: target ${shown(target)}`,
    `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  ]),
  ['26: HTTP/0.9', 'GET /bad\r\n\r\n'],
  ['26: HTTP/2.0', 'GET /bad HTTP/2.0\r\nHost: a.test\r\n\r\n', [505]],
  ['26: HTTP/3.0', 'GET /bad HTTP/3.0\r\nHost: a.test\r\n\r\n', [505]],
  ...['http/1.1', 'HTTP/01.1', 'HTTP/1.32', 'HTTP/1.', 'HTTP/1.1 ', 'HTTP/1.1x', 'HTTP/+1.1'].map((version): Row => [
    `26: ${shown(version)}`,
    `GET /bad ${version}\r\nHost: a.test\r\n\r\n`,
  ]),
  ['26: two spaces', 'GET  /bad HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  ['26: a tab', 'GET\t/bad HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  ...['G@T', 'G\x00T', '', 'G(T', 'G\xc9T', '"GET"'].map((method): Row => [
    `27: method ${shown(method)}`,
    `${method} /bad HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  ]),
  ['27: TRACE', 'TRACE /bad HTTP/1.1\r\nHost: a.test\r\n\r\n', [405]],
  ['37: unknown expectation', `${post}Expect: magic\r\nContent-Length: 1\r\n\r\nx`, [417]],
  ['42: 101 fields', `${get}${'X: a\r\n'.repeat(100)}\r\n`, [431]],
  ['42: 1,001 fields', `${get}${'X: a\r\n'.repeat(1000)}\r\n`, [431]],
  ['42: a field of 64 KiB', `${get}X: ${'a'.repeat(65536)}\r\n\r\n`, [431]],
  ['42: a target of 64 KiB', `GET /${'a'.repeat(65536)} HTTP/1.1\r\nHost: a.test\r\n\r\n`, [414]],
];

/** The head is good, so it may reach the backend; a whole request must not, and its connection must go. */
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
const inBody: readonly Row[] = [
  ['28: an extension of 64 KiB', `${chunked}1;${'a'.repeat(65536)}\r\nx\r\n0\r\n\r\n`],
  ['28: extensions of many chunks', `${chunked}${'1;aaaaaaaaa\r\nx\r\n'.repeat(500)}0\r\n\r\n`],
  ...extensions.map((extension): Row => [
    `29: extension ${shown(extension)}`,
    `${chunked}5${extension}\r\nhello\r\n${chunkedBody}`,
  ]),
  ...['\n', '\r', '\rX', '\r\r\n', '\n\r\n'].map((end): Row => [
    `29: size ended by ${shown(end)}`,
    `${chunked}5${end}hello\r\n${chunkedBody}`,
  ]),
  ...sizes.map((size): Row => [`30: size ${shown(size)}`, `${chunked}${size}\r\nx\r\n${chunkedBody}`]),
  ['31: a chunk longer than its size', `${chunked}1\r\nxyz\r\n${chunkedBody}`],
  ['31: no CRLF behind a chunk', `${chunked}1\r\nx${chunkedBody}`],
  ['31: LF behind a chunk', `${chunked}1\r\nx\n${chunkedBody}`],
  ['31: XX behind a chunk', `${chunked}1\r\nxXX${chunkedBody}`],
  ['32: a bad trailer', `${chunked}0\r\nX : a\r\n\r\n${smuggled}`],
  ['32: a folded trailer', `${chunked}0\r\nX: a\r\n b\r\n\r\n${smuggled}`],
  ['32: a trailer of 64 KiB', `${chunked}0\r\nX: ${'a'.repeat(65536)}\r\n\r\n${smuggled}`, [400, 431]],
];

let wire: Wire;
before(async () => {
  wire = await startWire();
});
after(() => wire.close());

for (const variant of variants) {
  describe(`refused, ${variant.name}`, () => {
    for (const [name, bytes, statuses = [400]] of inHead) {
      it(name, async () => {
        const { client, forwarded } = await send(wire, { bytes, variant, settle: (one) => one.closed() });
        const refusal = client.answers().slice(variant.before === 'good' ? 1 : 0);
        assert.equal(refusal.length, 1, JSON.stringify(client.received));
        assert.ok(statuses.includes(refusal[0]!.status), client.received);
        assert.equal(refusal[0]!.headers.get('connection'), 'close');
        assert.equal(refusal[0]!.isWhole, true);
        assert.equal(forwarded, '');
      });
    }
  });
  describe(`refused in the body, ${variant.name}`, () => {
    for (const [name, bytes, statuses = [400]] of inBody) {
      it(name, async () => {
        const requests = wire.backend.requests.length;
        const { client, forwarded } = await send(wire, { bytes, variant, settle: (one) => one.closed() });
        const refusal = client.answers().slice(variant.before === 'good' ? 1 : 0);
        assert.equal(refusal.length, 1, JSON.stringify(client.received));
        assert.ok(statuses.includes(refusal[0]!.status), client.received);
        assert.ok(!forwarded.includes('/smuggled'), forwarded);
        const whole = wire.backend.requests.slice(requests).filter(({ target }) => target === '/bad');
        assert.deepEqual(whole, [], 'no whole request');
        const torn = wire.backend.connections.filter(({ rest, isClosed }) => rest !== '' && !isClosed);
        assert.equal(torn.length, 0, 'a connection with half a request is closed');
      });
    }
  });
}
