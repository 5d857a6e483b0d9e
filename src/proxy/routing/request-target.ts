/** Takes request targets and authorities apart: what routing compares and backends get. Knows neither routes nor sockets. */

export { normaliseTarget } from '../../lib/canonical-target.ts';

export interface Authority {
  /** Lower case, without trailing dot; an IPv6 address in brackets. */
  readonly host: string;
  /** 0 where there is none. */
  readonly port: number;
}

const MAX_CACHED = 1000;
const MAX_CACHED_LENGTH = 256;
let young = new Map<string, Authority>();
let old = new Map<string, Authority>();

/** Host and port of a valid authority. What was asked lately is remembered, in bounded memory. */
export function parseAuthority(authority: string): Authority {
  const known = young.get(authority);
  if (known !== undefined) return known;
  const parsed = old.get(authority) ?? parse(authority);
  if (authority.length > MAX_CACHED_LENGTH) return parsed;
  if (young.size >= MAX_CACHED) {
    old = young;
    young = new Map();
  }
  // A copy: the text may be a slice that would keep a whole read buffer's text alive.
  young.set(Buffer.from(authority, 'latin1').toString('latin1'), parsed);
  return parsed;
}

function parse(authority: string): Authority {
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > authority.lastIndexOf(']');
  const host = (hasPort ? authority.slice(0, colon) : authority).toLowerCase();
  const port = hasPort ? Number(authority.slice(colon + 1)) : 0;
  // `a.com.` is the same host as `a.com`, never one with other rules.
  return { host: host.length > 1 && host.endsWith('.') ? host.slice(0, -1) : host, port };
}
