/** The ClientHello, however it is split and whatever else is in it; and everything that is none. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import * as fc from 'fast-check';
import {
  alpnExtension,
  extension,
  helloMessage,
  inRecords,
  serverNameExtension,
  tls13Extensions,
  vector16,
  vector8,
} from './client-hello.test-support.ts';
import { type HelloVerdict, MAX_HELLO_BYTES, readClientHello } from './client-hello.ts';

const GREASE = extension(0x0a0a, '') + extension(0x1a1a, 'x');
const ECH = extension(0xfe0d, 'e'.repeat(240));
const extensions =
  GREASE + serverNameExtension('A.Example.test.') + ECH + alpnExtension('h2', 'http/1.1') + tls13Extensions;
const message = helloMessage(extensions);
const wanted: HelloVerdict = { serverName: 'a.example.test', protocols: ['h2', 'http/1.1'] };

/** What is said about each prefix up to the first that decides. */
function verdictOfPrefixes(bytes: Buffer, cuts: readonly number[]): HelloVerdict {
  for (const cut of cuts.toSorted((a, b) => a - b)) {
    const verdict = readClientHello(bytes.subarray(0, cut));
    if (verdict !== 'needMore') return verdict;
  }
  return readClientHello(bytes);
}

describe('a ClientHello', () => {
  test('says server name and protocols', () => {
    assert.deepEqual(readClientHello(inRecords(message)), wanted);
  });

  test('is the same however it is split into packets and records', () => {
    const sizes = fc.integer({ min: 1, max: 700 });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(6 * message.length), { maxLength: 20 }), (size, cuts) => {
        assert.deepEqual(verdictOfPrefixes(inRecords(message, size), cuts), wanted);
      }),
    );
  });

  test('is not decided before its last byte, nor changed by what follows it', () => {
    const bytes = inRecords(message);
    for (let end = 0; end < bytes.length; end++) assert.equal(readClientHello(bytes.subarray(0, end)), 'needMore');
    assert.deepEqual(readClientHello(Buffer.concat([bytes, Buffer.from('\x14\x03\x03\0\x01\x01early data')])), wanted);
  });

  test('may lack extensions, names and protocols', () => {
    const none = { serverName: '', protocols: [] };
    assert.deepEqual(readClientHello(inRecords(helloMessage(null))), none);
    assert.deepEqual(readClientHello(inRecords(helloMessage(''))), none);
    assert.deepEqual(readClientHello(inRecords(helloMessage(tls13Extensions))), none);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`of OpenSSL is understood (${maxVersion})`, async () => {
      const server = net.createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      const ALPNProtocols = ['postgresql'];
      const client = tls.connect({ port, host: '127.0.0.1', servername: 'db.test', ALPNProtocols, maxVersion });
      client.on('error', () => {});
      const [accepted] = (await once(server, 'connection')) as [net.Socket];
      const [bytes] = (await once(accepted, 'data')) as [Buffer];
      assert.deepEqual(readClientHello(bytes), { serverName: 'db.test', protocols: ALPNProtocols });
      accepted.destroy();
      server.close();
    });
  }

  test('of 64 KiB is taken, a larger one is not even waited for', () => {
    const filler = (length: number) => extension(21, '\0'.repeat(length));
    const rest = MAX_HELLO_BYTES - helloMessage(serverNameExtension('a.test') + filler(0)).length;
    const largest = helloMessage(serverNameExtension('a.test') + filler(rest));
    assert.equal(largest.length, MAX_HELLO_BYTES);
    assert.deepEqual(readClientHello(inRecords(largest)), { serverName: 'a.test', protocols: [] });
    assert.equal(readClientHello(Buffer.from('\x16\x03\x01\x40\0\x01\x01\0\0', 'latin1')), 'malformed');
  });
});

describe('what is no ClientHello', () => {
  const rows: Readonly<Record<string, readonly [string | Buffer, HelloVerdict]>> = {
    'an HTTP request': ['GET / HTTP/1.1\r\n', 'notTls'],
    'SSL 2': ['\x80\x2e\x01\x03\x01', 'notTls'],
    'a record of another type': ['\x17\x03\x03\0\x01x', 'notTls'],
    'another major version': ['\x16\x02\x00', 'notTls'],
    'another handshake message': ['\x16\x03\x01\0\x04\x02\0\0\0', 'malformed'],
    'an empty record': ['\x16\x03\x01\0\0', 'malformed'],
    'a record above 16 KiB': ['\x16\x03\x01\x40\x01', 'malformed'],
    'another record in its middle': ['\x16\x03\x01\0\x04\x01\0\0\x50\x15\x03\x01\0\x02\x01\0', 'malformed'],
    'more records than anybody needs': [inRecords(helloMessage(extension(21, '\0'.repeat(2000))), 1), 'malformed'],
    'two server names': [inRecords(helloMessage(serverNameExtension('a') + serverNameExtension('b'))), 'malformed'],
    'two names in one list': [
      inRecords(helloMessage(extension(0, vector16(`\0${vector16('a')}\0${vector16('b')}`)))),
      'malformed',
    ],
    'an empty name': [inRecords(helloMessage(serverNameExtension(''))), 'malformed'],
    'a name with NUL': [inRecords(helloMessage(serverNameExtension('a.test\0.evil'))), 'malformed'],
    'a name that is not ASCII': [inRecords(helloMessage(serverNameExtension('b\xfccher.test'))), 'malformed'],
    'a name of 256 bytes': [inRecords(helloMessage(serverNameExtension('a'.repeat(256)))), 'malformed'],
    'two lists of protocols': [inRecords(helloMessage(alpnExtension('h2') + alpnExtension('h2'))), 'malformed'],
    'an empty protocol': [inRecords(helloMessage(alpnExtension('h2', ''))), 'malformed'],
    'no protocol at all': [inRecords(helloMessage(extension(16, '\0\0'))), 'malformed'],
    'bytes after the list of protocols': [
      inRecords(helloMessage(extension(16, `${vector16(vector8('h2'))}x`))),
      'malformed',
    ],
    'an extension that says to be longer': [inRecords(helloMessage('\0\0\xff\xffx')), 'malformed'],
    'a body that ends early': [inRecords('\x01\0\0\x04\x03\x03rr'), 'malformed'],
  };
  for (const [what, [bytes, verdict]] of Object.entries(rows)) {
    test(`${what}: ${verdict as string}`, () => {
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
      assert.equal(readClientHello(buffer), verdict);
    });
  }

  test('any bytes, and any damage to a good one, are decided without a throw', () => {
    const good = inRecords(message);
    const known = new Set<unknown>(['needMore', 'notTls', 'malformed']);
    const check = (bytes: Buffer) => {
      const verdict = readClientHello(bytes);
      assert.ok(known.has(verdict) || typeof verdict === 'object');
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => check(Buffer.from(bytes))),
      { numRuns: 2000 },
    );
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(good.length), (changes, end) => {
        const bytes = Buffer.from(good.subarray(0, end));
        for (const [at, value] of changes) if (at < end) bytes[at] = value;
        check(bytes);
      }),
      { numRuns: 5000 },
    );
  });
});
