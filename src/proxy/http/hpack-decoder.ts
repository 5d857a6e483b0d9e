/** Header blocks to entries (RFC 7541 §6), bounded in size and number. Knows nothing of what the fields mean together. */
import { decodeHuffman } from './hpack-huffman.ts';
import { HpackEntry, internEntry, staticTable } from './hpack-entry.ts';
import { HpackTable, MAX_TABLE_BYTES } from './hpack-table.ts';
import { readLatin1 } from './latin1.ts';
import { markNeverIndexed } from './hpack-sensitive.ts';

export interface HpackLimits {
  /** Of the decoded list, with 32 bytes for each field. */
  readonly headBytes: number;
  /** Fields, those with a colon not counted, each cookie crumb counted. */
  readonly headFields: number;
}

/** What one block decoded to. */
export interface HeaderBlock {
  readonly entries: readonly HpackEntry[];
  /** The list is beyond a limit; `entries` is cut there. */
  readonly isTooLarge: boolean;
  /** The content-type where it stood beyond the cut: who is refused must still know the answer. Empty: none. */
  readonly lateContentType: string;
}

const DYNAMIC_BASE = staticTable.length + 1;
const none: readonly HpackEntry[] = [];

export class HpackDecoder implements HeaderBlock {
  entries: HpackEntry[] = [];
  isTooLarge = false;
  lateContentType = '';
  readonly #table = new HpackTable<HpackEntry>();
  readonly #limits: HpackLimits;
  #bytes = 0;
  #fields = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(limits: HpackLimits) {
    this.#limits = limits;
  }

  /** Decodes a whole block. Null: a compression error, which ends the connection. The result is valid until the next call. */
  decode(buffer: Buffer, start: number, end: number): HeaderBlock | null {
    this.entries = [];
    this.isTooLarge = false;
    this.lateContentType = '';
    this.#bytes = 0;
    this.#fields = 0;
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
    let isStart = true;
    while (this.#at < end) {
      const first = buffer[this.#at]!;
      let isValid: boolean;
      if (first >= 0x80) isValid = this.#indexed();
      else if (first >= 0x40) isValid = this.#literal(6);
      else if (first >= 0x20) isValid = isStart && this.#sizeUpdate();
      else isValid = this.#literal(4);
      if (!isValid) {
        this.entries = none as HpackEntry[];
        return null;
      }
      // A size update may only come first (RFC 7541 §4.2).
      if (first >= 0x40 || first < 0x20) isStart = false;
    }
    return this;
  }

  #indexed(): boolean {
    const entry = this.#lookUp(this.#integer(7));
    if (entry === undefined) return false;
    this.#push(entry);
    return true;
  }

  /** With incremental indexing (6 bits of index), or without (4 bits), or never to be indexed (4 bits, flagged). */
  #literal(bits: 6 | 4): boolean {
    const isNeverIndexed = bits === 4 && (this.#buffer[this.#at]! & 0x10) !== 0;
    const index = this.#integer(bits);
    let name: string | null;
    if (index === 0) name = this.#text();
    else name = this.#lookUp(index)?.field.name ?? null;
    if (name === null) return false;
    const value = this.#text();
    if (value === null) return false;
    if (bits === 6) {
      const entry = internEntry(name, value);
      this.#table.add(entry, entry.size);
      this.#push(entry);
      return true;
    }
    const entry = new HpackEntry(name, value);
    if (isNeverIndexed) markNeverIndexed(entry.field);
    this.#push(entry);
    return true;
  }

  #sizeUpdate(): boolean {
    const size = this.#integer(5);
    if (size < 0 || size > MAX_TABLE_BYTES) return false;
    this.#table.resize(size);
    return true;
  }

  #push(entry: HpackEntry): void {
    this.#bytes += entry.size;
    // Pseudo-fields are no fields of the message; there are few of them in what is accepted at all.
    if (entry.field.name.charCodeAt(0) !== 0x3a) this.#fields++;
    if (this.#bytes > this.#limits.headBytes || this.#fields > this.#limits.headFields) this.isTooLarge = true;
    if (!this.isTooLarge) this.entries.push(entry);
    else if (entry.field.name === 'content-type') this.lateContentType = entry.field.value;
  }

  #lookUp(index: number): HpackEntry | undefined {
    if (index <= 0) return undefined;
    return index < DYNAMIC_BASE ? staticTable[index - 1] : this.#table.at(index - DYNAMIC_BASE);
  }

  /** RFC 7541 §5.1. -1: not complete, or beyond what anything here can be. */
  #integer(bits: number): number {
    const mask = (1 << bits) - 1;
    let value = this.#buffer[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= this.#end) return -1;
      const byte = this.#buffer[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return -1;
  }

  #text(): string | null {
    if (this.#at >= this.#end) return null;
    const isHuffman = (this.#buffer[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length < 0 || start + length > this.#end) return null;
    this.#at = start + length;
    return isHuffman ? decodeHuffman(this.#buffer, start, this.#at) : readLatin1(this.#buffer, start, this.#at);
  }
}
