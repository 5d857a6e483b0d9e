/**
 * A header field as HPACK's tables hold it: the interned Field, what it means to HTTP/2, and whether its bytes are allowed.
 * Checked once, when it is made. Also the static table. Knows no connection.
 */
import { Field } from './fields.ts';
import { HeadCache } from './head-cache.ts';
import { isFieldValue, isToken, isWhitespace } from './head-grammar.ts';

/** What a field is to an HTTP/2 message. Only regular and cookie fields are passed on as they are. */
export const HpackRole = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  protocol: 6,
  unknownPseudo: 7,
  /** Connection, Transfer-Encoding and the like: RFC 9113 §8.2.2 forbids them. */
  connectionSpecific: 8,
  te: 9,
  contentLength: 10,
  host: 11,
  cookie: 12,
  expect: 13,
  malformed: 14,
  dropped: 15,
  /** A regular field but for white space at the ends of its value, which is gone from `field`: see `HpackEntry`. */
  padded: 16,
} as const;
export type HpackRole = (typeof HpackRole)[keyof typeof HpackRole];

const roles = new Map<string, HpackRole>([
  [':method', HpackRole.method],
  [':scheme', HpackRole.scheme],
  [':authority', HpackRole.authority],
  [':path', HpackRole.path],
  [':status', HpackRole.status],
  [':protocol', HpackRole.protocol],
  ['connection', HpackRole.connectionSpecific],
  ['keep-alive', HpackRole.connectionSpecific],
  ['proxy-connection', HpackRole.connectionSpecific],
  ['transfer-encoding', HpackRole.connectionSpecific],
  ['upgrade', HpackRole.connectionSpecific],
  ['te', HpackRole.te],
  ['content-length', HpackRole.contentLength],
  ['host', HpackRole.host],
  ['cookie', HpackRole.cookie],
  ['expect', HpackRole.expect],
  ['http2-settings', HpackRole.dropped],
  // A lenient HTTP/1 backend may take these for the real ones.
  ['content_length', HpackRole.malformed],
  ['transfer_encoding', HpackRole.malformed],
]);

/** RFC 7541 §4.1: what each entry counts besides its text. */
export const ENTRY_OVERHEAD = 32;

export class HpackEntry {
  readonly field: Field;
  readonly role: HpackRole;
  /** In the table and against the limit of a header list, in bytes. */
  readonly size: number;

  constructor(name: string, value: string) {
    this.role = roleOf(name, value);
    // A request or anything with a meaning of its own is malformed by it (RFC 9113 §8.2.1). gRPC servers send such messages, and
    // may have it stripped (grpc/grpc: doc/PROTOCOL-HTTP2.md, "Custom-Metadata").
    this.field = new Field(name, this.role === HpackRole.padded ? value.replace(/^[ \t]+|[ \t]+$/g, '') : value);
    this.size = name.length + value.length + ENTRY_OVERHEAD;
  }
}

/** RFC 9113 §8.2.1: lower-case tokens; no CR, LF, NUL or other controls, no white space at the ends. */
function roleOf(name: string, value: string): HpackRole {
  if (!isFieldValue(value)) return HpackRole.malformed;
  const padded = isPadded(value);
  const role = roles.get(name);
  if (role !== undefined) return padded ? HpackRole.malformed : role;
  if (name.charCodeAt(0) === 0x3a) return padded ? HpackRole.malformed : HpackRole.unknownPseudo;
  if (!isToken(name) || hasUpperCase(name)) return HpackRole.malformed;
  return padded ? HpackRole.padded : HpackRole.regular;
}

function isPadded(value: string): boolean {
  return value.length > 0 && (isWhitespace(value.charCodeAt(0)) || isWhitespace(value.charCodeAt(value.length - 1)));
}

function hasUpperCase(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return true;
  }
  return false;
}

const MAX_INTERNED_BYTES = 512;
const interned = new HeadCache<HpackEntry>(4096);

/** The entry of fields that are likely to come again, on whatever connection: one object, so that encoders know it by identity. */
export function internEntry(name: string, value: string): HpackEntry {
  if (name.length + value.length > MAX_INTERNED_BYTES) return new HpackEntry(name, value);
  const key = `${name}\0${value}`;
  let entry = interned.get(key);
  if (entry === undefined) {
    entry = new HpackEntry(name, value);
    interned.set(key, entry);
  }
  return entry;
}

/** RFC 7541 appendix A, entries 1 to 61. */
export const staticTable: readonly HpackEntry[] = (
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|' +
  ':status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|' +
  'accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|' +
  'content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|' +
  'last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|' +
  'server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'
)
  .split('|')
  .map((text) => {
    const [name, value = ''] = text.split('=');
    return new HpackEntry(name!, value);
  });

/** The index of the first static entry with that name. */
export const staticNames: ReadonlyMap<string, number> = new Map(
  staticTable.map((entry, i) => [entry.field.name, i + 1] as const).toReversed(),
);
