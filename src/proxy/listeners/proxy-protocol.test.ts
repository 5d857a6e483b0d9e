import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { proxyHeader, readProxyHeader, type ProxyHeaderVerdict } from './proxy-protocol.ts';

const port = fc.integer({ min: 0, max: 0xffff });
const end = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port });
const version = fc.constantFrom('V1' as const, 'V2' as const);
const v2Start = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

const canonical = (address: string) =>
  net.isIPv4(address) ? address : new net.SocketAddress({ address, family: 'ipv6' }).address;

/** How an address is read that was written beside one of the other family. */
const mapped = (address: string, other: string) =>
  net.isIPv4(address) && net.isIPv6(other) ? `::ffff:${address}` : address;

test('what is written is read, however it is split, and what follows is left alone', () => {
  fc.assert(
    fc.property(version, end, end, fc.uint8Array(), (written, client, server, rest) => {
      const header = proxyHeader(written, { client, server });
      const bytes = Buffer.concat([header, rest]);
      const verdict = readProxyHeader(bytes);
      assert.ok(typeof verdict === 'object');
      assert.equal(verdict.length, header.length);
      assert.equal(verdict.client?.port, client.port);
      // An IPv6 address that is a mapped IPv4 one is written as that.
      const from = plain(client.address);
      const wanted = canonical(mapped(from, plain(server.address)));
      assert.equal(canonical(verdict.client?.address ?? ''), wanted);
      for (let cut = 0; cut < header.length; cut++) assert.equal(readProxyHeader(bytes.subarray(0, cut)), 'needMore');
    }),
  );
});

function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

test('no bytes at all break the reader, and a verdict stands whatever follows', () => {
  const start = fc.constantFrom(Buffer.alloc(0), Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '), v2Start);
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), fc.uint8Array(), (head, tail, more) => {
      const bytes = Buffer.concat([head, tail]);
      const verdict = readProxyHeader(bytes);
      if (typeof verdict === 'object') assert.ok(verdict.length <= bytes.length);
      if (verdict !== 'needMore') assert.deepEqual(readProxyHeader(Buffer.concat([bytes, more])), verdict);
    }),
  );
});

const v2 = (hex: string) => Buffer.concat([v2Start, Buffer.from(hex.replaceAll(' ', ''), 'hex')]);

const cases: readonly (readonly [string, Buffer | string, ProxyHeaderVerdict])[] = [
  [
    'version 1',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nGET',
    { length: 45, client: { address: '192.0.2.7', port: 56324 } },
  ],
  [
    'version 1 over IPv6',
    'PROXY TCP6 2001:db8::7 ::1 1 2\r\n',
    { length: 32, client: { address: '2001:db8::7', port: 1 } },
  ],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', { length: 15, client: null }],
  ['UNKNOWN with anything', 'PROXY UNKNOWN ffff:: x 1\r\n', { length: 26, client: null }],
  ['a request', 'GET / HTTP/1.1\r\n', 'none'],
  ['another word', 'PROXIES\r\n', 'none'],
  ['lower case', 'proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n', 'none'],
  ['LF alone', `PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n${'x'.repeat(80)}`, 'malformed'],
  ['a line too long', `PROXY UNKNOWN ${'x'.repeat(93)}\r\n`, 'malformed'],
  ['another family', 'PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n', 'malformed'],
  ['two families', 'PROXY TCP4 192.0.2.7 ::1 1 2\r\n', 'malformed'],
  ['an address that is none', 'PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n', 'malformed'],
  ['a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', 'malformed'],
  ['a port too large', 'PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n', 'malformed'],
  ['a port with a zero before it', 'PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n', 'malformed'],
  ['a field too many', 'PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n', 'malformed'],
  ['two spaces', 'PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n', 'malformed'],
  [
    'version 2',
    v2('21 11 000c c0000207 c6336401 dc04 01bb'),
    { length: 28, client: { address: '192.0.2.7', port: 56324 } },
  ],
  [
    'version 2 with TLVs',
    v2('21 11 0010 c0000207 c6336401 dc04 01bb 04000100'),
    { length: 32, client: { address: '192.0.2.7', port: 56324 } },
  ],
  ['LOCAL', v2('20 00 0000'), { length: 16, client: null }],
  ['LOCAL with a block', v2('20 11 0003 000000'), { length: 19, client: null }],
  ['a Unix socket', v2('21 31 0002 0000'), { length: 18, client: null }],
  ['a block too short', v2('21 11 000b c0000207 c6336401 dc04 01'), 'malformed'],
  ['a block too long', v2('21 11 1001'), 'malformed'],
  ['another version', v2('31 11 000c'), 'malformed'],
  ['another command', v2('22 11 000c'), 'malformed'],
];

for (const [name, bytes, wanted] of cases) {
  test(`${name}: ${typeof wanted === 'string' ? wanted : 'read'}`, () => {
    assert.deepEqual(readProxyHeader(Buffer.from(bytes as string, 'latin1')), wanted);
  });
}

test('a connection of our own names nobody', () => {
  for (const written of ['V1', 'V2'] as const) {
    const header = proxyHeader(written, null);
    assert.deepEqual(readProxyHeader(header), { length: header.length, client: null });
  }
});

test('an IPv4 client of a dual-stack socket is written as IPv4', () => {
  const header = proxyHeader('V1', {
    client: { address: '::ffff:192.0.2.7', port: 1 },
    server: { address: '192.0.2.1', port: 2 },
  });
  assert.equal(header.toString(), 'PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n');
});
