/** From the text of an HTTP/1 request head to a RequestHead, or to why it is refused. Pure; knows no socket. */
import { FieldList, type Field } from './fields.ts';
import { HeadCache } from './head-cache.ts';
import { parseLines } from './head-fields.ts';
import { type HeadFacts, type Rejection, readFacts, rejections } from './head-framing.ts';
import { isAuthority, isTarget, isToken } from './head-grammar.ts';
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN, type RequestHead } from './streams.ts';

/** All that follows the request line; the same text always means the same, so it is parsed once. */
interface RequestBlock {
  readonly facts: HeadFacts;
  readonly text: string;
  /** Of an upgrade that we would make: lower-case protocol, or empty. */
  readonly upgrade: string;
  readonly rejection: Rejection | null;
}

export class Http1RequestHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  readonly version: '1.0' | '1.1';
  readonly headers: FieldList;
  readonly bodyLength: number;
  readonly upgrade: string;
  readonly expectsContinue: boolean;
  readonly takesTrailers: boolean;
  /** The client may send another request on this connection. */
  readonly isPersistent: boolean;

  constructor(line: RequestLine, block: RequestBlock, scheme: 'http' | 'https') {
    const { facts } = block;
    const isOld = line.version === '1.0';
    this.method = line.method;
    this.target = line.target;
    this.authority = line.authority ?? facts.host ?? '';
    this.scheme = scheme;
    this.version = line.version;
    this.headers = new FieldList(facts.fields, block.text, facts.hasForwarded);
    this.upgrade = isOld ? '' : block.upgrade;
    const length = facts.isChunked ? BODY_UNKNOWN : facts.contentLength < 0 ? BODY_NONE : facts.contentLength;
    this.bodyLength = this.upgrade === '' ? length : BODY_TUNNEL;
    this.expectsContinue = facts.expect !== '' && !isOld && length !== BODY_NONE;
    this.takesTrailers = facts.takesTrailers && !isOld;
    this.isPersistent = isOld ? facts.isKeepAlive && !facts.isClose : !facts.isClose;
  }
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** From an absolute target; null: Host says. */
  readonly authority: string | null;
  readonly version: '1.0' | '1.1';
}

const badLine: Rejection = { status: 400, reason: 'BadRequestLine' };
/** Some other protocol, or an HTTP/2 preface that is none: closed, for its client would not understand an answer. */
const notHttp: Rejection = { status: 0, reason: 'NotHttp' };
const badTarget: Rejection = { status: 400, reason: 'BadTarget' };
const badVersion: Rejection = { status: 505, reason: 'VersionNotSupported' };
const connect: Rejection = { status: 501, reason: 'ConnectNotSupported' };
const trace: Rejection = { status: 405, reason: 'TraceNotAllowed' };
const expectation: Rejection = { status: 417, reason: 'ExpectationFailed' };

export function isRejection(value: object): value is Rejection {
  return 'reason' in value;
}

export interface RequestHeadOptions {
  readonly scheme: 'http' | 'https';
  readonly maxFields: number;
}

/** `text` is the head without the two CRLF that end it. */
export function parseRequestHead(text: string, options: RequestHeadOptions): Http1RequestHead | Rejection {
  const lineEnd = text.indexOf('\r\n');
  const line = parseRequestLine(text, lineEnd < 0 ? text.length : lineEnd);
  if (isRejection(line)) return line;
  const block = findBlock(lineEnd < 0 ? '' : text.slice(lineEnd + 2), options.maxFields);
  if (block.rejection !== null) return block.rejection;
  const { facts } = block;
  if (line.version === '1.1') {
    // Also beside an absolute target (RFC 9112 §3.2).
    if (facts.host === null || facts.host === '') return rejections.badHost;
    if (facts.expect !== '' && facts.expect !== '100-continue') return expectation;
  } else if (facts.isChunked) {
    return rejections.badTransferEncoding;
  }
  return new Http1RequestHead(line, block, options.scheme);
}

/** RFC 9112 §3. */
function parseRequestLine(text: string, end: number): RequestLine | Rejection {
  const methodEnd = text.indexOf(' ');
  const targetEnd = text.indexOf(' ', methodEnd + 1);
  if (methodEnd <= 0 || targetEnd < 0 || targetEnd > end || !isToken(text, 0, methodEnd)) return badLine;
  const version = parseVersion(text, targetEnd + 1, end);
  if (typeof version === 'object') return version;
  const method = text.slice(0, methodEnd);
  if (method === 'CONNECT') return connect;
  if (!isTarget(text, methodEnd + 1, targetEnd)) return badTarget;
  if (method === 'TRACE') return trace;
  const target = text.slice(methodEnd + 1, targetEnd);
  if (target.charCodeAt(0) === 0x2f) return { method, target, authority: null, version };
  if (target === '*') return method === 'OPTIONS' ? { method, target, authority: null, version } : badTarget;
  return parseAbsolute({ method, target, authority: null, version });
}

/** `HTTP/1.0`, or `HTTP/1.` and any digit, which is spoken to as 1.1 (RFC 9110 §2.5). */
function parseVersion(text: string, start: number, end: number): '1.0' | '1.1' | Rejection {
  if (end - start !== 8 || !text.startsWith('HTTP/', start) || text.charCodeAt(start + 6) !== 0x2e) {
    return /http\//i.test(text.slice(start, end)) ? badLine : notHttp;
  }
  const major = text.charCodeAt(start + 5) - 0x30;
  const minor = text.charCodeAt(start + 7) - 0x30;
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return badLine;
  if (major !== 1) return badVersion;
  return minor === 0 ? '1.0' : '1.1';
}

/** Absolute form (RFC 9112 §3.2.2): the authority of the target holds, whatever Host says. */
function parseAbsolute(line: RequestLine): RequestLine | Rejection {
  const { target } = line;
  const scheme = target.slice(0, 8).toLowerCase();
  const start = scheme.startsWith('http://') ? 7 : scheme === 'https://' ? 8 : 0;
  if (start === 0) return badTarget;
  let end = start;
  while (end < target.length && target.charCodeAt(end) !== 0x2f && target.charCodeAt(end) !== 0x3f) end++;
  const authority = target.slice(start, end);
  if (!isAuthority(authority)) return badTarget;
  const rest = target.slice(end);
  if (rest === '' && line.method === 'OPTIONS') return { ...line, target: '*', authority };
  return { ...line, target: rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`, authority };
}

const MAX_CACHED_BLOCK = 2048;
const blocks = new HeadCache<RequestBlock>(512);

function findBlock(text: string, maxFields: number): RequestBlock {
  if (text.length > MAX_CACHED_BLOCK) return parseBlock(text, maxFields);
  let block = blocks.get(text);
  // More fields than a limit allows are never cached, so that the limit stays a matter of each caller.
  if (block !== undefined && block.facts.fields.length <= maxFields) return block;
  block = parseBlock(text, maxFields);
  if (block.rejection !== rejections.tooManyFields) blocks.set(text, block);
  return block;
}

function parseBlock(text: string, maxFields: number): RequestBlock {
  const lines = parseLines(text, maxFields);
  if (lines === 'BadField') return refuse(rejections.badField);
  if (lines === 'TooManyFields') return refuse(rejections.tooManyFields);
  const facts = readFacts(lines);
  if (facts.rejection !== null) return refuse(facts.rejection);
  if (facts.host !== null && facts.host !== '' && !isAuthority(facts.host)) return refuse(rejections.badHost);
  return { facts, text: linesOf(facts.fields), upgrade: upgradeOf(facts), rejection: null };
}

function refuse(rejection: Rejection): RequestBlock {
  return { facts: readFacts([]), text: '', upgrade: '', rejection };
}

/** RFC 9110 §7.8. The first protocol offered; `h2c` is never spoken this way (RFC 9113 §3.1), and a body rules an upgrade out. */
function upgradeOf(facts: HeadFacts): string {
  if (!facts.hasUpgradeOption || facts.isChunked || facts.contentLength > 0) return '';
  const comma = facts.upgrade.indexOf(',');
  const protocol = (comma < 0 ? facts.upgrade : facts.upgrade.slice(0, comma)).trimEnd();
  const slash = protocol.indexOf('/');
  const isValid = slash < 0 ? isToken(protocol) : isToken(protocol, 0, slash) && isToken(protocol, slash + 1);
  return isValid && protocol !== 'h2c' ? protocol : '';
}

function linesOf(fields: readonly Field[]): string {
  let text = '';
  for (const field of fields) text += field.line;
  return text;
}
