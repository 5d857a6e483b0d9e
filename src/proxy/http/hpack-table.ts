/** HPACK's dynamic table (RFC 7541 §2.3.2, §4): a ring, newest entry first. Knows no wire format. */
import { ENTRY_OVERHEAD } from './hpack-entry.ts';

/** Table sizes above this are never agreed to. */
export const MAX_TABLE_BYTES = 4096;
const CAPACITY = 128;
const MASK = CAPACITY - 1;
// The smallest entry is 32 bytes: the ring is never too short.
if (CAPACITY * ENTRY_OVERHEAD < MAX_TABLE_BYTES) throw new Error('the ring is too short for the largest table');

/** `T` carries the field; its size is told when it is added. */
export class HpackTable<T> {
  /** Told when an entry leaves, with its absolute number. */
  onEvict: ((item: T, number: number) => void) | null = null;
  /** Entries that ever were in the table; the absolute number of the next one. */
  inserted = 0;
  length = 0;
  maxBytes = MAX_TABLE_BYTES;
  #bytes = 0;
  readonly #items: (T | undefined)[] = [];
  readonly #sizes = new Uint32Array(CAPACITY);

  /** False: it is larger than the whole table, which is empty now. */
  add(item: T, size: number): boolean {
    if (size > this.maxBytes) {
      this.#shrinkTo(0);
      return false;
    }
    this.#shrinkTo(this.maxBytes - size);
    const slot = this.inserted & MASK;
    this.#items[slot] = item;
    this.#sizes[slot] = size;
    this.inserted++;
    this.length++;
    this.#bytes += size;
    return true;
  }

  /** 0 is the newest. */
  at(index: number): T | undefined {
    return index < this.length ? this.#items[(this.inserted - 1 - index) & MASK] : undefined;
  }

  resize(maxBytes: number): void {
    this.maxBytes = maxBytes;
    this.#shrinkTo(maxBytes);
  }

  #shrinkTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const number = this.inserted - this.length;
      const slot = number & MASK;
      const item = this.#items[slot]!;
      this.#items[slot] = undefined;
      this.#bytes -= this.#sizes[slot]!;
      this.length--;
      if (this.onEvict !== null) this.onEvict(item, number);
    }
  }
}
