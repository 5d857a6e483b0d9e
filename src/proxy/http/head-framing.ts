/** What the framing and hop-by-hop fields of a head say, for requests and responses alike (RFC 9112 §6). Decides nothing about either. */
import { type Field, FieldKind } from './fields.ts';
import { FieldRole, isNominable, parseTokens, type HeadLine } from './head-fields.ts';
import { isToken, parseDecimal, splitList } from './head-grammar.ts';

/** Why a head is refused: the status for a client, and a word for logs. */
export interface Rejection {
  readonly status: number;
  readonly reason: string;
}

/** The facts of a block of fields. */
export class HeadFacts {
  /** What is passed on. */
  fields: readonly Field[] = [];
  hasForwarded = false;
  /** -1: none. */
  contentLength = -1;
  isChunked = false;
  /** Of Host; null: none. Grammar unchecked. */
  host: string | null = null;
  isClose = false;
  isKeepAlive = false;
  hasUpgradeOption = false;
  takesTrailers = false;
  /** Of Upgrade and Expect, lower case, empty without one. */
  upgrade = '';
  expect = '';
  rejection: Rejection | null = null;
}

export const rejections = {
  badField: { status: 400, reason: 'BadField' },
  tooManyFields: { status: 431, reason: 'TooManyFields' },
  badContentLength: { status: 400, reason: 'BadContentLength' },
  badTransferEncoding: { status: 400, reason: 'BadTransferEncoding' },
  unknownTransferEncoding: { status: 501, reason: 'UnsupportedTransferEncoding' },
  conflictingFraming: { status: 400, reason: 'ConflictingFraming' },
  badHost: { status: 400, reason: 'BadHost' },
} as const satisfies Record<string, Rejection>;

/** Sorts the lines into facts and fields that are passed on. */
export function readFacts(lines: readonly HeadLine[]): HeadFacts {
  const facts = new HeadFacts();
  const nominated: string[] = [];
  const fields: Field[] = [];
  for (const { field, role } of lines) {
    if (role === FieldRole.regular) {
      fields.push(field);
      if (field.kind === FieldKind.forwarded) facts.hasForwarded = true;
    } else {
      facts.rejection ??= readControl(facts, { field, role }, nominated);
    }
  }
  readOptions(facts, nominated);
  if (facts.isChunked && facts.contentLength >= 0) facts.rejection ??= rejections.conflictingFraming;
  facts.fields = isAnyNominated(fields, nominated)
    ? fields.filter((field) => !nominated.includes(field.name) || !isNominable(field.name))
    : fields;
  return facts;
}

function isAnyNominated(fields: readonly Field[], nominated: readonly string[]): boolean {
  return nominated.length > 0 && fields.some((field) => nominated.includes(field.name));
}

function readControl(facts: HeadFacts, { field, role }: HeadLine, nominated: string[]): Rejection | null {
  switch (role) {
    case FieldRole.contentLength: {
      const length = parseDecimal(field.value);
      if (length < 0 || facts.contentLength >= 0) return rejections.badContentLength;
      facts.contentLength = length;
      return null;
    }
    case FieldRole.transferEncoding:
      if (facts.isChunked) return rejections.badTransferEncoding;
      facts.isChunked = true;
      return judgeTransferEncoding(field.value.toLowerCase());
    case FieldRole.host:
      if (facts.host !== null) return rejections.badHost;
      facts.host = field.value;
      return null;
    case FieldRole.connection:
      return parseTokens(field.value, nominated) ? null : rejections.badField;
    case FieldRole.te:
      if (splitList(field.value.toLowerCase()).includes('trailers')) facts.takesTrailers = true;
      return null;
    case FieldRole.upgrade:
      if (facts.upgrade === '') facts.upgrade = field.value.toLowerCase();
      return null;
    case FieldRole.expect:
      facts.expect = facts.expect === '' ? field.value.toLowerCase() : `${facts.expect}, ${field.value}`;
      return null;
    case FieldRole.forbidden:
      return rejections.badField;
    default:
      return null;
  }
}

/** Only `chunked`, once, last, alone. RFC 9112 §6.1, §7: what is no such list is malformed, what we cannot decode is not implemented. */
function judgeTransferEncoding(value: string): Rejection | null {
  if (value === 'chunked') return null;
  const codings = splitList(value);
  if (!codings.every((coding) => isToken(coding))) return rejections.badTransferEncoding;
  const first = codings.indexOf('chunked');
  if (first >= 0 && first !== codings.length - 1) return rejections.badTransferEncoding;
  return rejections.unknownTransferEncoding;
}

function readOptions(facts: HeadFacts, options: readonly string[]): void {
  for (const option of options) {
    if (option === 'close') facts.isClose = true;
    else if (option === 'keep-alive') facts.isKeepAlive = true;
    else if (option === 'upgrade') facts.hasUpgradeOption = true;
  }
}
