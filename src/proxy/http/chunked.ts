/** The chunked transfer coding (RFC 9112 §7.1), decoded byte-exactly with limits. Extensions are checked and dropped. */
import { FieldList, type Field } from './fields.ts';
import { parseLines, FieldRole } from './head-fields.ts';
import { hexValue, isFieldValueCode, isTokenCode } from './head-grammar.ts';

/** Where decoded bytes go. */
export interface BodyTarget {
  onBodyData(buffer: Buffer, start: number, end: number): void;
}

export interface ChunkLimits {
  readonly chunkExtensionBytes: number;
  readonly trailerBytes: number;
  readonly headFields: number;
}

const State = {
  size: 0,
  extensionStart: 1,
  extensionName: 2,
  extensionValueStart: 3,
  extensionValue: 4,
  quoted: 5,
  quotedPair: 6,
  afterQuoted: 7,
  sizeLf: 8,
  data: 9,
  dataCr: 10,
  dataLf: 11,
  trailers: 12,
  done: 13,
  failed: 14,
} as const;
type State = (typeof State)[keyof typeof State];

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class ChunkedDecoder {
  trailers: FieldList | null = null;
  readonly #limits: ChunkLimits;
  #state: State = State.size;
  #digits = 0;
  #remaining = 0;
  #extensionBytes = 0;
  #trailerText = '';

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
  }

  get isDone(): boolean {
    return this.#state === State.done;
  }

  get isFailed(): boolean {
    return this.#state === State.failed;
  }

  /** Decodes until the end of the bytes or of the body; returns the offset it came to. */
  decode(buffer: Buffer, range: { start: number; end: number }, target: BodyTarget): number {
    let { start } = range;
    const { end } = range;
    while (start < end && this.#state < State.done) {
      if (this.#state === State.data) {
        const next = Math.min(end, start + this.#remaining);
        this.#remaining -= next - start;
        if (this.#remaining === 0) this.#state = State.dataCr;
        target.onBodyData(buffer, start, next);
        start = next;
      } else {
        this.#state = this.#step(buffer[start++]!);
      }
    }
    return start;
  }

  #step(code: number): State {
    switch (this.#state) {
      case State.size:
        return this.#stepSize(code);
      case State.sizeLf:
        return code === LF ? this.#beginChunk() : State.failed;
      case State.dataCr:
        return code === CR ? State.dataLf : State.failed;
      case State.dataLf:
        return code === LF ? State.size : State.failed;
      case State.trailers:
        return this.#stepTrailers(code);
      default:
        return ++this.#extensionBytes > this.#limits.chunkExtensionBytes ? State.failed : this.#stepExtension(code);
    }
  }

  #stepSize(code: number): State {
    const digit = hexValue(code);
    if (digit >= 0) {
      // 16 digits at most, and no size that a double rounds.
      if (++this.#digits > 16) return State.failed;
      this.#remaining = this.#remaining * 16 + digit;
      return this.#remaining <= Number.MAX_SAFE_INTEGER ? State.size : State.failed;
    }
    if (this.#digits === 0) return State.failed;
    if (code === CR) return State.sizeLf;
    return code === SEMICOLON ? State.extensionStart : State.failed;
  }

  /** `;` name [ `=` ( token / quoted-string ) ], without the white space a sender must not make. */
  #stepExtension(code: number): State {
    switch (this.#state) {
      case State.extensionStart:
        return isTokenCode(code) ? State.extensionName : State.failed;
      case State.extensionName:
        if (isTokenCode(code)) return State.extensionName;
        return code === EQUALS ? State.extensionValueStart : this.#endExtension(code);
      case State.extensionValueStart:
        if (code === QUOTE) return State.quoted;
        return isTokenCode(code) ? State.extensionValue : State.failed;
      case State.extensionValue:
        return isTokenCode(code) ? State.extensionValue : this.#endExtension(code);
      case State.quoted:
        if (code === QUOTE) return State.afterQuoted;
        if (code === BACKSLASH) return State.quotedPair;
        return isFieldValueCode(code) ? State.quoted : State.failed;
      case State.quotedPair:
        return isFieldValueCode(code) ? State.quoted : State.failed;
      default:
        return this.#endExtension(code);
    }
  }

  #endExtension(code: number): State {
    if (code === CR) return State.sizeLf;
    return code === SEMICOLON ? State.extensionStart : State.failed;
  }

  #beginChunk(): State {
    this.#digits = 0;
    return this.#remaining === 0 ? State.trailers : State.data;
  }

  #stepTrailers(code: number): State {
    this.#trailerText += String.fromCharCode(code);
    const text = this.#trailerText;
    if (code === LF) {
      if (text === '\r\n') return State.done;
      if (text.endsWith('\r\n\r\n')) return this.#endTrailers(text.slice(0, -4));
    }
    return text.length > this.#limits.trailerBytes ? State.failed : State.trailers;
  }

  #endTrailers(text: string): State {
    const lines = parseLines(text, this.#limits.headFields);
    if (typeof lines === 'string') return State.failed;
    const fields: Field[] = [];
    for (const { field, role } of lines) if (role === FieldRole.regular && isTrailer(field.name)) fields.push(field);
    if (fields.length > 0) this.trailers = new FieldList(fields);
    return State.done;
  }
}

/** RFC 9110 §6.5.1: what frames, routes, authenticates or describes the content means nothing behind it, and may do harm. */
const neverTrailers = new Set([
  'authorization',
  'proxy-authorization',
  'proxy-authenticate',
  'www-authenticate',
  'cookie',
  'set-cookie',
  'cache-control',
  'trailer',
  'location',
  'date',
  'age',
  'expires',
  'range',
  'max-forwards',
  'forwarded',
  'x-real-ip',
]);

export function isTrailer(name: string): boolean {
  return !neverTrailers.has(name) && !/^(?:content[-_]|x[-_]forwarded[-_]|if-)/.test(name);
}
