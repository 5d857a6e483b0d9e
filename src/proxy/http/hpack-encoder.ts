/**
 * Fields to header blocks (RFC 7541 §6). A field that was sent before is found by its identity, which is one lookup;
 * one that was made anew by its text. Texts are not Huffman-coded: the time saved is worth more than the bytes.
 */
import type { Field } from './fields.ts';
import { ENTRY_OVERHEAD, staticNames, staticTable } from './hpack-entry.ts';
import { LiteralKind, literalKindOf } from './hpack-sensitive.ts';
import { HpackTable, MAX_TABLE_BYTES } from './hpack-table.ts';
import { writeLatin1At } from './latin1.ts';

const FIRST_DYNAMIC = staticTable.length + 1;
/** Larger ones would push out half the table. */
const MAX_INDEXED_BYTES = 1024;

/** Room that a field takes at most: two lengths and one first byte beside its text. */
export const FIELD_OVERHEAD = 12;
/** Room for size updates at the start of a block. */
export const BLOCK_OVERHEAD = 12;

export class HpackEncoder {
  readonly #table = new HpackTable<Field>();
  /** Absolute numbers of what is in the table. */
  readonly #numbers = new Map<Field, number>();
  readonly #byLine = new Map<string, number>();
  /** The smallest size since the last block, and the one now; -1: nothing to tell. */
  #smallestSize = -1;

  constructor() {
    this.#table.onEvict = (field, number) => {
      if (this.#numbers.get(field) === number) this.#numbers.delete(field);
      if (this.#byLine.get(field.line) === number) this.#byLine.delete(field.line);
    };
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableBytes(bytes: number): void {
    const size = Math.min(bytes, MAX_TABLE_BYTES);
    if (size === this.#table.maxBytes) return;
    this.#table.resize(size);
    this.#smallestSize = this.#smallestSize < 0 ? size : Math.min(this.#smallestSize, size);
  }

  /** Must be called before the first field of a block. Returns the offset after what it wrote, as all of these do. */
  begin(buffer: Buffer, at: number): number {
    if (this.#smallestSize < 0) return at;
    if (this.#smallestSize < this.#table.maxBytes)
      at = writeInteger(buffer, at, { first: 0x20, bits: 5, value: this.#smallestSize });
    this.#smallestSize = -1;
    return writeInteger(buffer, at, { first: 0x20, bits: 5, value: this.#table.maxBytes });
  }

  status(buffer: Buffer, at: number, status: number): number {
    const index = staticStatus(status);
    if (index !== 0) {
      buffer[at] = 0x80 | index;
      return at + 1;
    }
    buffer[at] = 0x08;
    buffer[at + 1] = 3;
    buffer[at + 2] = 0x30 + Math.floor(status / 100);
    buffer[at + 3] = 0x30 + (Math.floor(status / 10) % 10);
    buffer[at + 4] = 0x30 + (status % 10);
    return at + 5;
  }

  field(buffer: Buffer, at: number, field: Field): number {
    const number = this.#numbers.get(field);
    if (number !== undefined) return this.#reference(buffer, at, number);
    const kind = literalKindOf(field);
    if (kind !== LiteralKind.indexed) return this.literal(buffer, at, { kind, name: field.name, value: field.value });
    const twin = this.#byLine.get(field.line);
    if (twin !== undefined) return this.#reference(buffer, at, twin);
    return this.#remember(buffer, at, field);
  }

  /** A field that is not looked up. */
  literal(buffer: Buffer, at: number, literal: { kind: LiteralKind; name: string; value: string }): number {
    const { kind, name, value } = literal;
    const index = staticNames.get(name);
    const bits = kind === LiteralKind.indexed ? 6 : 4;
    if (index !== undefined) at = writeInteger(buffer, at, { first: kind, bits, value: index });
    else {
      buffer[at] = kind;
      at = writeText(buffer, at + 1, name);
    }
    return writeText(buffer, at, value);
  }

  #remember(buffer: Buffer, at: number, field: Field): number {
    const { name, value, line } = field;
    const size = name.length + value.length + ENTRY_OVERHEAD;
    const isIndexed = size <= MAX_INDEXED_BYTES && size <= this.#table.maxBytes;
    at = this.literal(buffer, at, { kind: isIndexed ? LiteralKind.indexed : LiteralKind.plain, name, value });
    if (!isIndexed) return at;
    this.#table.add(field, size);
    this.#numbers.set(field, this.#table.inserted - 1);
    this.#byLine.set(line, this.#table.inserted - 1);
    return at;
  }

  #reference(buffer: Buffer, at: number, number: number): number {
    const index = this.#table.inserted - 1 - number + FIRST_DYNAMIC;
    if (index < 0x7f) {
      buffer[at] = 0x80 | index;
      return at + 1;
    }
    return writeInteger(buffer, at, { first: 0x80, bits: 7, value: index });
  }
}

function staticStatus(status: number): number {
  switch (status) {
    case 200:
      return 8;
    case 204:
      return 9;
    case 206:
      return 10;
    case 304:
      return 11;
    case 400:
      return 12;
    case 404:
      return 13;
    case 500:
      return 14;
    default:
      return 0;
  }
}

function writeInteger(
  buffer: Buffer,
  at: number,
  { first, bits, value }: { first: number; bits: number; value: number },
): number {
  const mask = (1 << bits) - 1;
  if (value < mask) {
    buffer[at] = first | value;
    return at + 1;
  }
  buffer[at++] = first | mask;
  value -= mask;
  while (value > 0x7f) {
    buffer[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  buffer[at++] = value;
  return at;
}

/** Below this a loop beats the call. */
const SHORT_TEXT = 24;

function writeText(buffer: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length < 0x7f) buffer[at++] = length;
  else at = writeInteger(buffer, at, { first: 0, bits: 7, value: length });
  if (length < SHORT_TEXT) for (let i = 0; i < length; i++) buffer[at + i] = text.charCodeAt(i);
  else writeLatin1At(buffer, text, at);
  return at + length;
}
