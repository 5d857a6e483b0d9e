/** The protobuf wire format, as far as a handful of messages needs it. Knows bytes, not what they mean. */

/** What a field holds: text, bytes (of a message too), or an integer of up to 53 bits; -1 is the only negative one. */
export type FieldValue = string | Uint8Array | number;

/** Fields in order; a number that repeats is a repeated field. Those that hold nothing are left out. */
export function encodeMessage(fields: readonly (readonly [number: number, value: FieldValue])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [number, value] of fields) {
    if (value === 0 || value === '') continue;
    if (typeof value === 'number') {
      parts.push(varint(number * 8), varint(value));
      continue;
    }
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    parts.push(varint(number * 8 + 2), varint(bytes.length), Buffer.from(bytes));
  }
  return Buffer.concat(parts);
}

/** Of a 64-bit integer, -1 is all ones: ten bytes. */
function varint(value: number): Buffer {
  if (value === -1) return Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A message as it was received. Of a field that is not there: no values. */
export interface Message {
  /** The last value counts, as protobuf says. */
  integer(field: number): number;
  text(field: number): string;
  bytes(field: number): Buffer | undefined;
  all(field: number): readonly Buffer[];
}

/** Null where the bytes are no message. Fields of types that are not needed are passed over. */
export function decodeMessage(bytes: Buffer): Message | null {
  const integers = new Map<number, number>();
  const blocks = new Map<number, Buffer[]>();
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = readVarint(reader);
    if (tag === null) return null;
    const field = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === 0) {
      const value = readVarint(reader);
      if (value === null) return null;
      integers.set(field, value);
      continue;
    }
    const length = type === 2 ? readVarint(reader) : fixedLengths[type];
    if (length === null || length === undefined || reader.at + length > bytes.length) return null;
    if (type === 2) blocks.set(field, [...(blocks.get(field) ?? []), bytes.subarray(reader.at, reader.at + length)]);
    reader.at += length;
  }
  const all = (field: number): readonly Buffer[] => blocks.get(field) ?? [];
  return {
    integer: (field) => integers.get(field) ?? 0,
    text: (field) => all(field).at(-1)?.toString('utf8') ?? '',
    bytes: (field) => all(field).at(-1),
    all,
  };
}

/** By wire type: 64 and 32 bits. */
const fixedLengths: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** Null: it does not end. Above 53 bits a value is not exact, which no field here needs. */
function readVarint(reader: { readonly bytes: Buffer; at: number }): number | null {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  return null;
}
