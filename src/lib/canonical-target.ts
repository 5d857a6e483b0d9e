/**
 * One canonical form of a request target, so that matching, filters, logs and backends all see the same path (RFC 3986 §6.2.2).
 * Knows no routes: it says what a target is, or that it must be refused.
 */

const PLAIN = 0;
const SLASH = 1;
const PERCENT = 2;
const QUESTION = 3;
const REFUSED = 4;
const UNRESERVED = 8;

/** What each character of a path asks for. */
const kinds = new Uint8Array(128).fill(REFUSED);
for (let code = 0x21; code < 0x7f; code++) kinds[code] = PLAIN;
kinds[0x2f] = SLASH;
kinds[0x25] = PERCENT;
kinds[0x3f] = QUESTION;
kinds[0x23] = REFUSED; // a fragment
kinds[0x5c] = REFUSED; // some backends read it as a slash

const unreserved = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') {
  unreserved[character.charCodeAt(0)] = UNRESERVED;
}

const DOT = 0x2e;

/**
 * The canonical target: dot segments resolved, slashes merged, escapes of unreserved characters decoded, the others in upper
 * case; the query as it was. The same string where it is canonical already. Null where it is to be refused with 400: no path,
 * `%2F`, `%5C`, `%00`, `\`, `#`, a broken escape, a control or non-ASCII character, a dot segment with a parameter (`/..;x/`).
 */
export function normaliseTarget(target: string): string | null {
  if (target.charCodeAt(0) !== 0x2f) return target === '*' ? target : null;
  const length = target.length;
  for (let i = 0; i < length; i++) {
    const code = target.charCodeAt(i);
    if (code > 0x7e) return null;
    const kind = kinds[code]!;
    if (kind === PLAIN) continue;
    if (kind === SLASH) {
      const next = target.charCodeAt(i + 1);
      if (next === 0x2f || (next === DOT && isDotSegment(target, i + 1))) return rebuild(target);
    } else if (kind === PERCENT) {
      if (!isCanonicalEscape(target, i)) return rebuild(target);
      i += 2;
    } else if (kind === QUESTION) {
      return isQuery(target, i + 1) ? target : null;
    } else return null;
  }
  return target;
}

/** Whether a segment that begins with a dot needs a closer look: `.`, `..`, and what could be taken for them. */
function isDotSegment(target: string, start: number): boolean {
  const next = target.charCodeAt(start + 1);
  const code = next === DOT ? target.charCodeAt(start + 2) : next;
  // The end of the path or segment (NaN is the end of the target), a parameter, or an escape that may become a dot.
  return Number.isNaN(code) || code === 0x2f || code === 0x3f || code === 0x3b || code === 0x25;
}

/** An escape in upper case that stands for something which may neither be decoded nor be there. */
function isCanonicalEscape(target: string, at: number): boolean {
  const value = escapeValue(target, at);
  if (value < 0 || isRefusedValue(value) || unreserved[value] !== 0) return false;
  return target.charCodeAt(at + 1) < 0x61 && target.charCodeAt(at + 2) < 0x61;
}

/** NUL, `/` and `\`: a backend that decodes them sees another path than the one that was matched. */
function isRefusedValue(value: number): boolean {
  return value === 0 || value === 0x2f || value === 0x5c;
}

/** The byte an escape stands for; -1 where it is broken. */
function escapeValue(text: string, at: number): number {
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isQuery(target: string, start: number): boolean {
  for (let i = start; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code < 0x21 || code > 0x7e || code === 0x23) return false;
  }
  return true;
}

function rebuild(target: string): string | null {
  const question = target.indexOf('?');
  const end = question < 0 ? target.length : question;
  if (question >= 0 && !isQuery(target, question + 1)) return null;
  const decoded = decodeUnreserved(target.slice(0, end));
  if (decoded === null) return null;
  const path = resolveSegments(decoded);
  return path === null ? null : path + target.slice(end);
}

function decodeUnreserved(path: string): string | null {
  let decoded = '';
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code > 0x7e || kinds[code] === REFUSED) return null;
    if (code !== 0x25) {
      decoded += path[i];
      continue;
    }
    const value = escapeValue(path, i);
    if (value < 0 || isRefusedValue(value)) return null;
    decoded += unreserved[value] === 0 ? path.slice(i, i + 3).toUpperCase() : String.fromCharCode(value);
    i += 2;
  }
  return decoded;
}

/** RFC 3986 §5.2.4, with empty segments left out. */
function resolveSegments(path: string): string | null {
  const resolved: string[] = [];
  let isFolder = false;
  for (const segment of path.split('/')) {
    isFolder = segment === '' || segment === '.' || segment === '..';
    if (segment === '..') resolved.pop();
    else if (!isFolder) {
      // Java servers drop the parameter and then resolve the dots.
      if (/^\.\.?(?:;|%3B)/.test(segment)) return null;
      resolved.push(segment);
    }
  }
  if (resolved.length === 0) return '/';
  return `/${resolved.join('/')}${isFolder ? '/' : ''}`;
}
