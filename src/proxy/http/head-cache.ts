/**
 * A bounded memory of texts that were parsed before. Keys are whole texts, so an entry can only ever serve the very same bytes;
 * values must be immutable. Two generations: what is still used when the young one is full survives, the rest is forgotten.
 */
import { readLatin1 } from './latin1.ts';

/** Texts of heads, of blocks of fields or of single lines. */
export class HeadCache<Value> {
  readonly #max: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** Holds between `max` and twice as many entries. */
  constructor(max: number) {
    this.#max = max;
  }

  get(text: string): Value | undefined {
    const value = this.#young.get(text);
    if (value !== undefined) return value;
    const older = this.#old.get(text);
    if (older !== undefined) this.set(text, older);
    return older;
  }

  set(text: string, value: Value): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(ownText(text), value);
  }
}

/** The same latin1 text in memory of its own: a slice would keep alive the whole text it was cut from. */
export function ownText(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  return readLatin1(bytes, 0, bytes.length);
}
