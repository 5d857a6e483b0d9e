/** The character-level grammar of HTTP/1 heads (RFC 9110 §5, RFC 9112 §2–5, RFC 3986). Pure checks over latin1 text; knows no field. */

const TOKEN = 1;
const VALUE = 2;
const TARGET = 4;
const HOST = 8;
const HEX = 16;
const DIGIT = 32;

/** What each byte may be part of. */
const classes = new Uint8Array(256);

function mark(characters: string, flag: number): void {
  for (let i = 0; i < characters.length; i++) classes[characters.charCodeAt(i)]! |= flag;
}

const digits = '0123456789';
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
mark(digits, DIGIT);
mark(`${digits}abcdefABCDEF`, HEX);
mark(`${digits}${letters}!#$%&'*+-.^_\`|~`, TOKEN);
// A name or an IPv4 address. Narrower than a reg-name: what no DNS name has (`,` `@` `/` …) only serves to confuse somebody.
mark(`${digits}${letters}-._~`, HOST);
for (let c = 0x20; c < 0x100; c++) if (c !== 0x7f) classes[c]! |= VALUE;
classes[0x09]! |= VALUE;
// Wider than RFC 3986 (`"<>[]^{|}` and the backtick are sent by browsers and harmless); `#`, `\` and non-ASCII are not.
for (let c = 0x21; c < 0x7f; c++) if (c !== 0x23 && c !== 0x5c) classes[c]! |= TARGET;

function isAll(text: string, flag: number, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || (classes[code]! & flag) === 0) return false;
  }
  return true;
}

/** `token`, at least one character. */
export function isToken(text: string, start = 0, end = text.length): boolean {
  return end > start && isAll(text, TOKEN, start, end);
}

export function isTokenCode(code: number): boolean {
  return (classes[code]! & TOKEN) !== 0;
}

/** A field value: HTAB, SP, visible and opaque bytes; may be empty. */
export function isFieldValue(text: string, start = 0, end = text.length): boolean {
  return isAll(text, VALUE, start, end);
}

export function isFieldValueCode(code: number): boolean {
  return (classes[code]! & VALUE) !== 0;
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Characters of a request target between two offsets: no fragment, every `%` followed by two digits that are not 00. */
export function isTarget(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if ((classes[code]! & TARGET) === 0) return false;
    if (code !== 0x25) continue;
    if (i + 2 >= end) return false;
    const high = hexValue(text.charCodeAt(i + 1));
    const low = hexValue(text.charCodeAt(i + 2));
    if (high < 0 || low < 0 || high + low === 0) return false;
  }
  return true;
}

const MAX_PORT = 65535;

/** `1*DIGIT` without sign, exponent or rounding: -1 where it is anything else or above what a double holds exactly. */
export function parseDecimal(text: string): number {
  if (text.length === 0 || !isAll(text, DIGIT, 0, text.length)) return -1;
  let first = 0;
  while (first < text.length - 1 && text.charCodeAt(first) === 0x30) first++;
  if (text.length - first > 16) return -1;
  let value = 0;
  for (let i = first; i < text.length; i++) value = value * 10 + (text.charCodeAt(i) - 0x30);
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/** `host [ ":" port ]` as in Host and in absolute targets; never empty, no user information. */
export function isAuthority(text: string): boolean {
  let end: number;
  if (text.charCodeAt(0) === 0x5b) {
    end = text.indexOf(']') + 1;
    if (!isBracketed(text, end)) return false;
  } else {
    const colon = text.indexOf(':');
    end = colon < 0 ? text.length : colon;
    if (!isHostName(text, end)) return false;
  }
  if (end === text.length) return true;
  if (text.charCodeAt(end) !== 0x3a || text.length - end > 6) return false;
  const port = parseDecimal(text.slice(end + 1));
  return port >= 0 && port <= MAX_PORT;
}

/** Labels with dots between them, and perhaps one behind: `a.test..` would escape the rules of `a.test`, which some backends take it for. */
function isHostName(text: string, end: number): boolean {
  let before = 0x2e;
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || (classes[code]! & HOST) === 0 || (code === 0x2e && before === 0x2e)) return false;
    before = code;
  }
  return end > 0;
}

/** `[` IPv6 address `]`: hexadecimal groups, colons, an IPv4 tail; no zone, which means nothing to another machine. */
function isBracketed(text: string, end: number): boolean {
  if (end < 4) return false;
  let colons = 0;
  for (let i = 1; i < end - 1; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x3a) colons++;
    else if (code !== 0x2e && (code > 0xff || (classes[code]! & HEX) === 0)) return false;
  }
  return colons >= 2;
}

/** Without SP and HTAB at both ends (`trim` would take NBSP and more). */
export function trimWhitespace(text: string, start = 0, end = text.length): string {
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

export function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The members of a comma-separated list, trimmed; empty ones kept for the caller to judge. */
export function splitList(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  for (;;) {
    const comma = value.indexOf(',', start);
    const end = comma < 0 ? value.length : comma;
    members.push(trimWhitespace(value, start, end));
    if (comma < 0) return members;
    start = comma + 1;
  }
}
