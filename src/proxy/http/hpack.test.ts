import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  array,
  assert as check,
  integer,
  oneof,
  option,
  property,
  record,
  stringMatching,
  tuple,
  uint8Array,
} from 'fast-check';
import { Field } from './fields.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { HpackRole, staticTable } from './hpack-entry.ts';
import { markNeverIndexed } from './hpack-sensitive.ts';
import { decodeHuffman } from './hpack-huffman.ts';

const limits = { headBytes: 60 * 1024, headFields: 100 };

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function decode(decoder: HpackDecoder, bytes: Buffer): string[] | null {
  const block = decoder.decode(bytes, 0, bytes.length);
  return block === null ? null : block.entries.map(({ field }) => `${field.name}: ${field.value}`);
}

function encode(encoder: HpackEncoder, fields: readonly Field[]): Buffer {
  const buffer = Buffer.alloc(64 * 1024);
  let at = encoder.begin(buffer, 0);
  for (const field of fields) at = encoder.field(buffer, at, field);
  return buffer.subarray(0, at);
}

test('requests with Huffman coding (RFC 7541 C.4) share one dynamic table', () => {
  const decoder = new HpackDecoder(limits);
  assert.deepEqual(decode(decoder, hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')), [
    ':method: GET',
    ':scheme: http',
    ':path: /',
    ':authority: www.example.com',
  ]);
  assert.deepEqual(decode(decoder, hex('8286 84be 5886 a8eb 1064 9cbf'))?.slice(3), [
    ':authority: www.example.com',
    'cache-control: no-cache',
  ]);
  assert.deepEqual(decode(decoder, hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'))?.slice(1), [
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ]);
});

test('the static table has the 61 entries of RFC 7541 appendix A', () => {
  assert.equal(staticTable.length, 61);
  assert.equal(staticTable[15]!.field.value, 'gzip, deflate');
  assert.equal(staticTable[60]!.field.name, 'www-authenticate');
});

test('what is no valid block is refused', () => {
  for (const bytes of [
    '80',
    'be',
    'ff 80 80 80 80 80 80 01',
    '40',
    '40 01',
    '00 85 f2 b2 4a 84 ff',
    '82 3f e1 1f',
    '3f e2 1f',
    '40 01 61 84 00 00 00 3f ff ff',
  ]) {
    assert.equal(decode(new HpackDecoder(limits), hex(bytes)), null, bytes);
  }
});

test('Huffman padding must be the beginning of the end-of-string code, and shorter than a byte', () => {
  assert.equal(decodeHuffman(hex('1f'), 0, 1), 'a');
  assert.equal(decodeHuffman(hex('18'), 0, 1), null);
  assert.equal(decodeHuffman(hex('1f ff'), 0, 2), null);
});

test('a list beyond the limits is cut and named, and the table stays right', () => {
  const decoder = new HpackDecoder({ headBytes: 200, headFields: 3 });
  const big = hex(`40 01 61 7f 21 ${'62'.repeat(160)}`);
  const block = decoder.decode(big, 0, big.length)!;
  assert.ok(!block.isTooLarge);
  const twice = decoder.decode(hex('be be'), 0, 2)!;
  assert.ok(twice.isTooLarge);
  assert.equal(twice.entries.length, 1);
  const many = decoder.decode(Buffer.alloc(4, 0x90), 0, 4)!;
  assert.ok(many.isTooLarge);
  assert.deepEqual(decode(decoder, hex('be'))?.length, 1);
});

test('what cannot be passed on is marked', () => {
  const decoder = new HpackDecoder(limits);
  const entryOf = (name: string, value: string) => {
    const bytes = Buffer.from(
      `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`,
      'latin1',
    );
    return decoder.decode(bytes, 0, bytes.length)!.entries[0]!;
  };
  const role = (name: string, value: string) => entryOf(name, value).role;
  for (const [name, value] of [
    ['A', ''],
    ['', 'x'],
    ['a b', ''],
    ['a:b', ''],
    ['a', 'b\r\nc: d'],
    ['a', 'b\0'],
    ['content_length', '1'],
    ['content-length', ' 1'],
    [':path', '/ '],
  ] as const) {
    assert.equal(role(name, value), HpackRole.malformed, `${name}: ${value}`);
  }
  assert.equal(role('transfer-encoding', 'chunked'), HpackRole.connectionSpecific);
  assert.equal(role('a', '\xff\x80'), HpackRole.regular);
  for (const value of [' b', 'b\t', ' \tb ']) {
    const entry = entryOf('a', value);
    assert.deepEqual([entry.role, entry.field.value], [HpackRole.padded, 'b']);
  }
});

test('a field sent again takes one byte, found by identity or by its text; secrets never enter the table', () => {
  const encoder = new HpackEncoder();
  const field = new Field('x-team', 'red');
  assert.ok(encode(encoder, [field]).length > 5);
  assert.equal(encode(encoder, [field]).length, 1);
  assert.equal(encode(encoder, [new Field('x-team', 'red')]).length, 1);
  const marked = new Field('x-team', 'red');
  markNeverIndexed(marked);
  assert.equal(encode(encoder, [new Field('authorization', 'Bearer x')])[0], 0x1f);
  assert.equal(encode(encoder, [marked])[0], 0x10);
});

test('whatever is encoded decodes to the same, through evictions and changes of the table size', () => {
  const name = stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
  const value = oneof(stringMatching(/^[!-~]{0,60}$/), stringMatching(/^[!-~]{900,1100}$/));
  const step = record({
    fields: array(tuple(name, value), { maxLength: 12 }),
    size: option(integer({ min: 0, max: 5000 })),
  });
  check(
    property(array(step, { maxLength: 12 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(limits);
      for (const { fields, size } of steps) {
        if (size !== null) encoder.setMaxTableBytes(size);
        const bytes = encode(
          encoder,
          fields.map(([n, v]) => new Field(n, v)),
        );
        assert.deepEqual(
          decode(decoder, bytes),
          fields.map(([n, v]) => `${n}: ${v}`),
        );
      }
    }),
    { numRuns: 200 },
  );
});

test('arbitrary bytes decode or are refused, and never throw', () => {
  check(
    property(array(uint8Array({ maxLength: 300 }), { maxLength: 4 }), (blocks) => {
      const decoder = new HpackDecoder(limits);
      for (const bytes of blocks) if (decode(decoder, Buffer.from(bytes)) === null) return;
    }),
    { numRuns: 1000 },
  );
});
