/**
 * Header fields of both HTTP versions: one object a field, made and checked once, passed on by identity.
 * Knows no grammar; the codecs check bytes before they make a Field.
 */
import type { Headers } from '../../contract/headers.ts';

/** What a field means to forwarding. Framing and hop-by-hop fields never become part of a FieldList. */
export const FieldKind = { regular: 0, forwarded: 1, cookie: 2, setCookie: 3 } as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

/**
 * What a client says about where it comes from, or about what was asked before a rewrite: replaced at an edge. Names with `_` count
 * too, because many a backend reads `X_Forwarded_For` and `X-Forwarded-For` as one variable.
 */
function isForwarded(name: string): boolean {
  const plain = name.includes('_') ? name.replaceAll('_', '-') : name;
  if (plain === 'forwarded' || plain === 'x-real-ip' || plain === 'x-original-url') return true;
  return plain.startsWith('x-forwarded-') || plain.startsWith('x-envoy-');
}

function kindOf(name: string): FieldKind {
  if (name === 'cookie') return FieldKind.cookie;
  if (name === 'set-cookie') return FieldKind.setCookie;
  return isForwarded(name) ? FieldKind.forwarded : FieldKind.regular;
}

export class Field {
  /** Lower case. */
  readonly name: string;
  /** Latin1 text without surrounding white space. */
  readonly value: string;
  /** As HTTP/1.1 text with CRLF; keeps the name's case as it was received. */
  readonly line: string;
  readonly kind: FieldKind;

  constructor(name: string, value: string, line = `${name}: ${value}\r\n`) {
    this.name = name;
    this.value = value;
    this.line = line;
    this.kind = kindOf(name);
  }
}

const none: readonly Field[] = [];

/** Fields in order of arrival. The array it is made from is shared and never changed; changes copy it first. */
export class FieldList implements Headers {
  #fields: readonly Field[];
  /** Appended after #fields; kept apart so that appending to a cached list copies nothing. */
  #extra: readonly Field[] | null = null;
  /** The lines of #extra where it is a list that others share. */
  #extraText: string | null = null;
  /** HTTP/1.1 text of #fields (without #extra); null: to be made. */
  #text: string | null;
  /** Some field of kind `forwarded` may be there. */
  #hasForwarded: boolean;

  /** `text`, where known, must be the lines of `fields`. */
  constructor(fields: readonly Field[] = none, text: string | null = null, hasForwarded = true) {
    this.#fields = fields;
    this.#text = text;
    this.#hasForwarded = hasForwarded;
  }

  /** All fields; not to be changed. */
  get fields(): readonly Field[] {
    if (this.#extra !== null) {
      this.#fields = this.#fields.concat(this.#extra);
      this.#text = null;
      this.#extra = null;
      this.#extraText = null;
    }
    return this.#fields;
  }

  /** All fields as HTTP/1.1 text, each line ended by CRLF. */
  get text(): string {
    let text = this.#text ?? (this.#text = textOf(this.#fields));
    if (this.#extraText !== null) return text + this.#extraText;
    if (this.#extra !== null) for (const field of this.#extra) text += field.line;
    return text;
  }

  /** The fast way to add a field that exists already. */
  append(field: Field): void {
    this.#extra = this.#extra === null ? [field] : [...this.#extra, field];
    this.#extraText = null;
  }

  /** Adds fields that many messages share: neither list nor text is copied. `text` must be their lines; there is no cookie among them. */
  appendAll(fields: readonly Field[], text: string): void {
    if (this.#extra === null) {
      this.#extra = fields;
      this.#extraText = text;
    } else {
      this.#extra = this.#extra.concat(fields);
      this.#extraText = null;
    }
  }

  /** Removes what a client claims about itself: `Forwarded`, `X-Real-IP`, `X-Forwarded-*`. */
  removeForwarded(): void {
    if (!this.#hasForwarded) return;
    this.#hasForwarded = false;
    if (this.fields.some((field) => field.kind === FieldKind.forwarded)) {
      this.#replace(this.fields.filter((field) => field.kind !== FieldKind.forwarded));
    }
  }

  /** Does not merge what was appended: the text of both stays as it is. */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const value = addValues(undefined, this.#fields, wanted);
    return this.#extra === null ? value : addValues(value, this.#extra, wanted);
  }

  getAll(name: string): readonly string[] {
    const wanted = name.toLowerCase();
    return this.fields.filter((field) => field.name === wanted).map((field) => field.value);
  }

  has(name: string): boolean {
    const wanted = name.toLowerCase();
    return this.fields.some((field) => field.name === wanted);
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  add(name: string, value: string): void {
    this.append(new Field(name.toLowerCase(), value, `${name}: ${value}\r\n`));
  }

  remove(name: string): void {
    const wanted = name.toLowerCase();
    if (this.has(wanted)) this.#replace(this.fields.filter((field) => field.name !== wanted));
  }

  *entries(): Iterable<readonly [name: string, value: string]> {
    for (const field of this.fields) yield [field.name, field.value];
  }

  /** A list of its own with the same fields. */
  clone(): FieldList {
    const copy = new FieldList(this.fields, this.#text, this.#hasForwarded);
    return copy;
  }

  #replace(fields: readonly Field[]): void {
    this.#fields = fields;
    this.#text = null;
  }
}

/** Values of one name are one list (RFC 9110 §5.3). `before` are those of earlier fields. */
function addValues(before: string | undefined, fields: readonly Field[], wanted: string): string | undefined {
  let value = before;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (field.name !== wanted) continue;
    if (value === undefined) value = field.value;
    else value += (field.kind === FieldKind.cookie ? '; ' : ', ') + field.value;
  }
  return value;
}

/** Cookies that HTTP/2 had split become one line again, which is all that HTTP/1 knows (RFC 9113 §8.2.3). */
function textOf(fields: readonly Field[]): string {
  let text = '';
  let cookie = '';
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (field.kind !== FieldKind.cookie) text += field.line;
    else if (cookie === '') cookie = field.value;
    else cookie += `; ${field.value}`;
  }
  return cookie === '' ? text : `${text}cookie: ${cookie}\r\n`;
}
