/** From the fields of an HTTP/2 request to a RequestHead, or to why it is refused (RFC 9113 §8.2, §8.3). Pure; knows no stream. */
import { randomBytes } from 'node:crypto';
import { Field, FieldKind, FieldList } from './fields.ts';
import { isAuthority, isTarget, isToken, parseDecimal } from './head-grammar.ts';
import type { Rejection } from './head-framing.ts';
import type { HeaderBlock } from './hpack-decoder.ts';
import { type HpackEntry, HpackRole } from './hpack-entry.ts';
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN, type RequestHead } from './streams.ts';

export class Http2RequestHead implements RequestHead {
  method = '';
  target = '';
  authority = '';
  scheme: 'http' | 'https' = 'http';
  readonly version = '2';
  headers: FieldList = noHeaders;
  bodyLength = BODY_NONE;
  upgrade = '';
  expectsContinue = false;
  takesTrailers = false;
  /** -1: none. */
  contentLength = -1;
}

const noHeaders = new FieldList();

const refusals = {
  tooLarge: { status: 431, reason: 'HeadTooLarge' },
  badHost: { status: 400, reason: 'BadHost' },
  badTarget: { status: 400, reason: 'BadTarget' },
  connect: { status: 501, reason: 'ConnectNotSupported' },
  trace: { status: 405, reason: 'TraceNotAllowed' },
  protocol: { status: 501, reason: 'ProtocolNotSupported' },
  expectation: { status: 417, reason: 'ExpectationFailed' },
} as const satisfies Record<string, Rejection>;

/** What the pseudo-fields and the fields that are not passed on say. */
class Facts {
  method: string | null = null;
  scheme: string | null = null;
  authority: string | null = null;
  path: string | null = null;
  protocol: string | null = null;
  host: string | null = null;
  expect = '';
  contentLength = -1;
  takesTrailers = false;
  hasForwarded = false;
  fields: Field[] = [];
  cookies: Field[] | null = null;
}

export interface Http2RequestOptions {
  /** How the client really speaks, whatever `:scheme` says. */
  readonly scheme: 'http' | 'https';
  readonly isEnd: boolean;
}

/** Null: malformed, which is a stream error. */
export function readRequestHead(block: HeaderBlock, options: Http2RequestOptions): Http2RequestHead | Rejection | null {
  if (block.isTooLarge) return refusals.tooLarge;
  const facts = new Facts();
  if (!readFacts(block.entries, facts)) return null;
  const { method } = facts;
  if (method === null || !isToken(method)) return null;
  if (method === 'CONNECT') {
    const refusal = judgeConnect(facts);
    if (refusal !== undefined) return refusal;
  } else if (facts.protocol !== null) return null;
  if (facts.scheme === null || facts.path === null || facts.path === '') return null;
  if (facts.scheme !== 'http' && facts.scheme !== 'https') return null;
  if (method === 'TRACE') return refusals.trace;
  return judge(facts, method, options);
}

/** RFC 9113 §8.5, RFC 8441 §4. Undefined: go on. */
function judgeConnect(facts: Facts): Rejection | null | undefined {
  if (facts.protocol === null) {
    if (facts.authority === null || facts.path !== null || facts.scheme !== null) return null;
    return refusals.connect;
  }
  if (facts.authority === null || facts.path === null || facts.scheme === null) return null;
  return facts.protocol === 'websocket' ? undefined : refusals.protocol;
}

function judge(
  facts: Facts,
  method: string,
  { scheme, isEnd }: Http2RequestOptions,
): Http2RequestHead | Rejection | null {
  const target = facts.path!;
  if (target.charCodeAt(0) !== 0x2f && (target !== '*' || method !== 'OPTIONS')) return null;
  if (!isTarget(target, 0, target.length)) return refusals.badTarget;
  const authority = facts.authority ?? facts.host;
  if (authority === null || !isAuthority(authority)) return refusals.badHost;
  if (facts.host !== null && facts.authority !== null && !isSameHost(facts.host, facts.authority))
    return refusals.badHost;
  if (facts.expect !== '' && facts.expect !== '100-continue') return refusals.expectation;
  if (isEnd && facts.contentLength > 0) return null;
  const head = new Http2RequestHead();
  head.target = target;
  head.authority = authority;
  head.scheme = scheme;
  head.takesTrailers = facts.takesTrailers;
  if (facts.protocol === null) {
    head.method = method;
    head.contentLength = facts.contentLength;
    head.bodyLength = isEnd ? BODY_NONE : facts.contentLength < 0 ? BODY_UNKNOWN : facts.contentLength;
    head.expectsContinue = facts.expect !== '' && head.bodyLength !== BODY_NONE;
  } else {
    if (isEnd || facts.contentLength >= 0) return null;
    head.method = 'GET';
    head.bodyLength = BODY_TUNNEL;
    head.upgrade = facts.protocol;
    addWebSocketKey(facts.fields);
  }
  if (facts.cookies !== null) facts.fields.push(joinCookies(facts.cookies));
  head.headers = new FieldList(facts.fields, null, facts.hasForwarded);
  return head;
}

function isSameHost(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}

/** RFC 8441 has no key; an HTTP/1.1 backend wants one. */
function addWebSocketKey(fields: Field[]): void {
  if (fields.some((field) => field.name === 'sec-websocket-key')) return;
  fields.push(new Field('sec-websocket-key', randomBytes(16).toString('base64')));
}

/** RFC 9113 §8.2.3: the crumbs are one field for everybody else. */
function joinCookies(cookies: readonly Field[]): Field {
  if (cookies.length === 1) return cookies[0]!;
  return new Field('cookie', cookies.map((field) => field.value).join('; '));
}

/** False: malformed. */
function readFacts(entries: readonly HpackEntry[], facts: Facts): boolean {
  let isRegular = false;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const { role, field } = entry;
    if (role === HpackRole.regular) {
      isRegular = true;
      if (field.kind === FieldKind.forwarded) facts.hasForwarded = true;
      facts.fields.push(field);
    } else if (role <= HpackRole.unknownPseudo) {
      if (isRegular || !readPseudo(entry, facts)) return false;
    } else {
      isRegular = true;
      if (!readSpecial(entry, facts)) return false;
    }
  }
  return true;
}

function readPseudo({ role, field }: HpackEntry, facts: Facts): boolean {
  switch (role) {
    case HpackRole.method:
      if (facts.method !== null) return false;
      facts.method = field.value;
      return true;
    case HpackRole.scheme:
      if (facts.scheme !== null) return false;
      facts.scheme = field.value;
      return true;
    case HpackRole.authority:
      if (facts.authority !== null) return false;
      facts.authority = field.value;
      return true;
    case HpackRole.path:
      if (facts.path !== null) return false;
      facts.path = field.value;
      return true;
    case HpackRole.protocol:
      if (facts.protocol !== null) return false;
      facts.protocol = field.value;
      return true;
    default:
      return false;
  }
}

function readSpecial({ role, field }: HpackEntry, facts: Facts): boolean {
  switch (role) {
    case HpackRole.te:
      // RFC 9113 §8.2.2: nothing else.
      facts.takesTrailers = true;
      return field.value === 'trailers';
    case HpackRole.contentLength: {
      const length = parseDecimal(field.value);
      if (length < 0 || facts.contentLength >= 0) return false;
      facts.contentLength = length;
      return true;
    }
    case HpackRole.host:
      if (facts.host !== null) return false;
      facts.host = field.value;
      return true;
    case HpackRole.cookie:
      (facts.cookies ??= []).push(field);
      return true;
    case HpackRole.expect:
      facts.expect = facts.expect === '' ? field.value.toLowerCase() : `${facts.expect}, ${field.value}`;
      return true;
    case HpackRole.dropped:
      return true;
    default:
      return false;
  }
}
