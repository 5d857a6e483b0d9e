/** What an authorization server may send: right messages by another protobuf implementation, and all kinds of wrong ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { decodeCheckResponse } from './check-messages.ts';
import { decodeMessage, encodeMessage } from '../../lib/protobuf.ts';

type Part = readonly [field: number, value: string | number | Uint8Array];

function message(...parts: readonly Part[]): Buffer {
  const writer = new BinaryWriter();
  for (const [field, value] of parts) {
    if (typeof value === 'number') writer.tag(field, WireType.Varint).int64(value);
    else if (typeof value === 'string') writer.tag(field, WireType.LengthDelimited).string(value);
    else writer.tag(field, WireType.LengthDelimited).bytes(value);
  }
  return Buffer.from(writer.finish());
}

const option = (name: string, value: string, ...more: readonly Part[]) =>
  message([1, message([1, name], [2, value])], ...more);
const okWith = (...parts: readonly Part[]) => decodeCheckResponse(message([3, message(...parts)]));

test('an empty answer lets pass: status OK is what is left out', () => {
  const expected = { isAllowed: true, headers: [], responseHeaders: [], remove: [] };
  assert.deepEqual(decodeCheckResponse(Buffer.alloc(0)), expected);
  assert.deepEqual(decodeCheckResponse(message([1, message([1, 0])], [9, 'unknown'], [10, 5])), expected);
});

test('what is done with headers', () => {
  const headers: readonly Part[] = [
    [2, option('X-A', ' 1 ')],
    [2, option('x-a', '2', [2, message([1, 1])])],
    [2, option('x-b', 'ü', [3, 1])],
    [2, option('x-c', '', [3, 3])],
    [2, message([1, message([1, 'x-raw'], [3, Buffer.from([0xff])])])],
    [2, option(':path', '/evil')],
    [2, option('Content-Length', '1')],
    [5, 'X-Old'],
    [5, ':authority'],
  ];
  const response = okWith(...headers);
  assert.ok(response?.isAllowed);
  assert.deepEqual(response.remove, ['x-old']);
  assert.deepEqual(
    response.headers.map(({ name, value, action }) => [name, value, action]),
    [
      ['x-a', '1', 'Overwrite'],
      ['x-a', '2', 'Append'],
      ['x-b', 'Ã¼', 'AddIfAbsent'],
      ['x-c', '', 'OverwriteIfExists'],
      ['x-raw', 'ÿ', 'Overwrite'],
    ],
  );
});

test('a denial is one whatever else is said, and has a code that can be sent', () => {
  const denied = (...parts: readonly Part[]) => decodeCheckResponse(message(...parts));
  assert.equal(denied([1, message([1, 16])])?.isAllowed, false);
  assert.equal(denied([2, message()])?.isAllowed, false);
  for (const [code, status] of [
    [0, 403],
    [401, 401],
    [99, 403],
    [600, 403],
    [-1, 403],
    [2 ** 40, 403],
  ] as const) {
    const response = denied([1, message([1, 7])], [2, message([1, message([1, code])])]);
    assert.ok(response && !response.isAllowed);
    assert.equal(response.status, status);
  }
});

test('a header that would begin a line of its own makes the whole answer void', () => {
  assert.equal(okWith([2, option('x-a', 'b\r\nx-evil: 1')]), null);
  assert.equal(okWith([2, option('x a', 'b')]), null);
  assert.equal(okWith([6, option('x-a', 'b\nc')]), null);
});

test('no bytes break it, and what is cut off is void', () => {
  const whole = message([1, message([1, 7])], [2, message([1, message([1, 401])], [3, 'no'])]);
  for (let end = 1; end < whole.length; end++) {
    const cut = decodeCheckResponse(whole.subarray(0, end));
    // At the end of the first field it is whole again, and a denial still.
    assert.ok(cut === null || !cut.isAllowed, String(end));
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeCheckResponse(Buffer.from(bytes))));
});

test('what is encoded reads the same elsewhere, and here', () => {
  const parts = fc.array(
    fc.tuple(
      fc.integer({ min: 1, max: 40 }),
      fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), fc.nat()),
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(parts, (given) => {
      const bytes = encodeMessage(given);
      const reader = new BinaryReader(bytes);
      const read: (readonly [number, string | number])[] = [];
      while (reader.pos < reader.len) {
        const [field, type] = reader.tag();
        read.push([field, type === WireType.Varint ? Number(reader.int64()) : reader.string()]);
      }
      assert.deepEqual(
        read,
        given.filter(([, value]) => value !== 0),
      );
      const own = decodeMessage(bytes);
      for (const [field, value] of new Map(given)) {
        if (typeof value === 'number' && value > 0) assert.equal(own?.integer(field), value);
      }
    }),
  );
  assert.equal(Number(new BinaryReader(encodeMessage([[9, -1]]).subarray(1)).int64()), -1);
});
