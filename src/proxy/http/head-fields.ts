/**
 * From the lines of a head or a trailer section to fields. Lines seen before are found in a cache, so that the same line
 * is checked once and is the same Field everywhere. Knows which names frame a message or belong to one hop, not what they say.
 */
import { Field } from './fields.ts';
import { HeadCache, ownText } from './head-cache.ts';
import { isFieldValue, isToken, isWhitespace, trimWhitespace } from './head-grammar.ts';

/** What a field is to a codec. Only regular ones are passed on as they are. */
export const FieldRole = {
  regular: 0,
  contentLength: 1,
  transferEncoding: 2,
  host: 3,
  connection: 4,
  te: 5,
  upgrade: 6,
  expect: 7,
  /** Of one hop, without meaning to us. */
  dropped: 8,
  /** An alias of a framing field that a lenient peer may take for the real one. */
  forbidden: 9,
} as const;
export type FieldRole = (typeof FieldRole)[keyof typeof FieldRole];

const roles = new Map<string, FieldRole>([
  ['content-length', FieldRole.contentLength],
  ['transfer-encoding', FieldRole.transferEncoding],
  ['host', FieldRole.host],
  ['connection', FieldRole.connection],
  ['te', FieldRole.te],
  ['upgrade', FieldRole.upgrade],
  ['expect', FieldRole.expect],
  ['keep-alive', FieldRole.dropped],
  ['proxy-connection', FieldRole.dropped],
  ['http2-settings', FieldRole.dropped],
  ['content_length', FieldRole.forbidden],
  ['transfer_encoding', FieldRole.forbidden],
]);

/** Never removed because Connection names them: what routing, framing, identity or authorization rests on. */
const protectedNames = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'authorization',
  'cookie',
]);

export function isNominable(name: string): boolean {
  return !protectedNames.has(name) && !name.startsWith('x-forwarded-') && name !== 'forwarded' && name !== 'x-real-ip';
}

export interface HeadLine {
  readonly field: Field;
  readonly role: FieldRole;
}

const MAX_CACHED_LINE = 256;
const lines = new HeadCache<HeadLine>(4096);

/** The lines of `block` (joined by CRLF, no CRLF at its end), or why it is refused. */
export function parseLines(block: string, maxFields: number): HeadLine[] | 'BadField' | 'TooManyFields' {
  const parsed: HeadLine[] = [];
  let start = 0;
  while (start < block.length) {
    let end = block.indexOf('\r\n', start);
    if (end < 0) end = block.length;
    if (parsed.length === maxFields) return 'TooManyFields';
    const line = findLine(block.slice(start, end));
    if (line === null) return 'BadField';
    parsed.push(line);
    start = end + 2;
  }
  return parsed;
}

function findLine(text: string): HeadLine | null {
  if (text.length > MAX_CACHED_LINE) return parseLine(text);
  const known = lines.get(text);
  if (known !== undefined) return known;
  const line = parseLine(text);
  if (line !== null) lines.set(text, line);
  return line;
}

/** RFC 9112 §5. White space before the colon, folded lines and control characters are refused, never repaired. */
function parseLine(text: string): HeadLine | null {
  const colon = text.indexOf(':');
  if (!isToken(text, 0, colon) || !isFieldValue(text, colon + 1)) return null;
  let start = colon + 1;
  while (start < text.length && isWhitespace(text.charCodeAt(start))) start++;
  const value = trimWhitespace(text, start);
  const line = ownText(`${text.slice(0, colon)}: ${value}\r\n`);
  const field = new Field(line.slice(0, colon).toLowerCase(), line.slice(colon + 2, -2), line);
  return { field, role: roles.get(field.name) ?? FieldRole.regular };
}

/** The list of tokens in a Connection field, lower case; null where it is malformed. */
export function parseTokens(value: string, into: string[]): boolean {
  for (const member of value.toLowerCase().split(',')) {
    const token = trimWhitespace(member);
    if (token === '') continue;
    if (!isToken(token)) return false;
    into.push(token);
  }
  return true;
}
