/**
 * Finds the end of a head in what a socket reads, also when it comes in pieces. Bytes are kept only while a head is incomplete.
 * Knows the limits and the characters no head can hold, not what a head says.
 */
import { isFieldValueCode } from './head-grammar.ts';
import { readLatin1 } from './latin1.ts';

/** Nearly every head is found in this much, as one string. */
const QUICK_BYTES = 2048;
const ENDING = '\r\n\r\n';

/** Why a head can never become valid: too long, or bytes that no head holds. */
export type HeadProblem = 'LineTooLong' | 'HeadTooLarge' | 'BadBytes';

export interface HeadLimits {
  readonly headBytes: number;
  readonly requestLineBytes: number;
}

export class HeadReader {
  /** The head that `read` found, without the empty line that ends it. */
  text = '';
  problem: HeadProblem | null = null;
  readonly #limits: HeadLimits;
  #partial: Buffer | null = null;
  #length = 0;
  /** Everything before it was looked at. */
  #seen = 0;
  #hasLine = false;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Some bytes of a head wait for the rest. */
  get isPartial(): boolean {
    return this.#partial !== null;
  }

  /** The offset after the head (its text is in `text`); -1 where more is needed, or where `problem` is set. */
  read(buffer: Buffer, start: number, end: number): number {
    if (this.#partial !== null) return this.#join(buffer, start, end);
    const text = readLatin1(buffer, start, end - start > QUICK_BYTES ? start + QUICK_BYTES : end);
    const found = text.indexOf(ENDING);
    if (found >= 0) {
      this.text = text.slice(0, found);
      return start + found + ENDING.length;
    }
    this.#partial = Buffer.allocUnsafe(Math.max(1024, (end - start) * 2));
    return this.#join(buffer, start, end);
  }

  /** Forgets what was kept. */
  reset(): void {
    this.#partial = null;
    this.#length = 0;
    this.#seen = 0;
    this.#hasLine = false;
    this.text = '';
  }

  #join(buffer: Buffer, start: number, end: number): number {
    const before = this.#length;
    // One more than allowed is enough to see that it is too much.
    const taken = Math.min(end - start, this.#limits.headBytes + 1 - before);
    const partial = this.#grow(before + taken);
    buffer.copy(partial, before, start, start + taken);
    this.#length = before + taken;
    const head = this.#scan(partial);
    if (head < 0) {
      if (this.problem === null && this.#length > this.#limits.headBytes) {
        this.problem = this.#hasLine ? 'HeadTooLarge' : 'LineTooLong';
      }
      return -1;
    }
    this.reset();
    this.text = readLatin1(partial, 0, head - ENDING.length);
    return start + head - before;
  }

  #grow(length: number): Buffer {
    const partial = this.#partial!;
    if (length <= partial.length) return partial;
    const larger = Buffer.allocUnsafe(length * 2);
    partial.copy(larger, 0, 0, this.#length);
    this.#partial = larger;
    return larger;
  }

  /** The length of the head with its ending, or -1. Each byte is looked at once; a CR or LF alone, and control characters, end it all. */
  #scan(bytes: Buffer): number {
    for (let i = this.#seen; i < this.#length; i++) {
      const code = bytes[i]!;
      if (isFieldValueCode(code)) continue;
      const next = bytes[i + 1];
      if (code !== 0x0d || (i + 1 < this.#length && next !== 0x0a)) return this.#fail('BadBytes');
      if (i + 1 === this.#length) return this.#wait(i);
      if (!this.#hasLine && i > this.#limits.requestLineBytes) return this.#fail('LineTooLong');
      this.#hasLine = true;
      if (i >= 2 && bytes[i - 1] === 0x0a && bytes[i - 2] === 0x0d) return i + 2;
      i++;
    }
    if (!this.#hasLine && this.#length > this.#limits.requestLineBytes) return this.#fail('LineTooLong');
    return this.#wait(this.#length);
  }

  #wait(seen: number): number {
    this.#seen = seen;
    return -1;
  }

  #fail(problem: HeadProblem): number {
    this.problem = problem;
    return -1;
  }
}
