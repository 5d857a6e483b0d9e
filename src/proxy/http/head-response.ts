/** From the text of an HTTP/1 response head to its facts, or to why it is refused. Pure; knows no socket and no request. */
import { FieldList } from './fields.ts';
import { HeadCache } from './head-cache.ts';
import { parseLines } from './head-fields.ts';
import { type HeadFacts, readFacts } from './head-framing.ts';
import { isFieldValue } from './head-grammar.ts';

/** A response head as it arrived. Shared by all responses with the same text: never changed. */
export interface ResponseHead {
  readonly status: number;
  readonly isOld: boolean;
  readonly facts: HeadFacts;
  /** The fields that are passed on, as lines. */
  readonly text: string;
  /** Why it cannot be used; empty where it can. */
  readonly problem: string;
}

const MAX_CACHED_HEAD = 2048;
const heads = new HeadCache<ResponseHead>(512);

/** `text` is the head without the two CRLF that end it. */
export function parseResponseHead(text: string, maxFields: number): ResponseHead {
  const known = heads.get(text);
  if (known !== undefined) return known;
  const head = parse(text, maxFields);
  if (text.length <= MAX_CACHED_HEAD && head.problem === '') heads.set(text, head);
  return head;
}

/** A list of its own for one exchange; the fields and their text are shared. */
export function headersOf(head: ResponseHead): FieldList {
  return new FieldList(head.facts.fields, head.text, head.facts.hasForwarded);
}

function parse(text: string, maxFields: number): ResponseHead {
  let end = text.indexOf('\r\n');
  if (end < 0) end = text.length;
  const status = parseStatusLine(text, end);
  if (status === 0) return refuse('bad status line');
  const lines = parseLines(text.slice(end + 2), maxFields);
  if (lines === 'BadField') return refuse('bad header field');
  if (lines === 'TooManyFields') return refuse('too many header fields');
  const facts = readFacts(lines);
  if (facts.rejection !== null) return refuse(`bad framing: ${facts.rejection.reason}`);
  const isOld = text.charCodeAt(7) === 0x30;
  // RFC 9112 §6.1: in HTTP/1.0 the framing is faulty.
  if (facts.isChunked && isOld) return refuse('Transfer-Encoding in HTTP/1.0');
  let fields = '';
  for (const field of facts.fields) fields += field.line;
  return { status, isOld, facts, text: fields, problem: '' };
}

/** The status, or 0. RFC 9112 §4; the space before an empty reason may be missing, as it often is. */
function parseStatusLine(text: string, end: number): number {
  if (!text.startsWith('HTTP/1.') || end < 12 || text.charCodeAt(8) !== 0x20) return 0;
  const minor = text.charCodeAt(7) - 0x30;
  if (minor !== 0 && minor !== 1) return 0;
  let status = 0;
  for (let i = 9; i < 12; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  if (status < 100 || (end > 12 && text.charCodeAt(12) !== 0x20) || !isFieldValue(text, 12, end)) return 0;
  return status;
}

function refuse(problem: string): ResponseHead {
  return { status: 0, isOld: false, facts: readFacts([]), text: '', problem };
}
