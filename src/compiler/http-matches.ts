/** Matches of an HTTPRoute as the proxy takes them: defaults filled in, values normalised, expressions checked. */
import type { MatchConfig, PathMatch } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import {
  headerFault,
  pathFault,
  translateEach,
  translateValues,
  valueFault,
  type TranslateMatches,
} from './matches.ts';
import { orderOf } from './precedence.ts';
import type { HTTPRouteMatch } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const matchFeatures: readonly string[] = ['HTTPRouteQueryParamMatching', 'HTTPRouteMethodMatching'];

/** Exact paths first (spec). Regular expressions are the implementation's choice: the writer of one means it, so before prefixes. */
const ranks: Readonly<Record<string, number>> = { Exact: 0, RegularExpression: 1, PathPrefix: 2 };

/** A rule without matches takes every request. */
export const translateHttpMatches: TranslateMatches = (specs, rule) =>
  translateEach(specs as readonly Partial<HTTPRouteMatch>[], (spec, at) => {
    const path = translatePath(spec.path ?? {});
    const match = translateMatch(spec, rule, orderOf(ranks[path.type] ?? 0, path));
    const problem =
      pathFault(path, `${at}.path`) ??
      headerFault(match.headers ?? [], `${at}.headers`) ??
      valueFault(match.query, `${at}.queryParams`);
    return problem ? { problem } : { match, path };
  });

function translateMatch(spec: Partial<HTTPRouteMatch>, rule: Key, order: number): MatchConfig {
  const headers = translateValues(spec.headers, (name) => name.toLowerCase());
  const query = translateValues(spec.queryParams, (name) => name);
  return {
    rule,
    order,
    ...(spec.method !== undefined && { method: spec.method }),
    ...(headers.length > 0 && { headers }),
    ...(query.length > 0 && { query }),
  };
}

function translatePath({ type = 'PathPrefix', value = '/' }: Partial<HTTPRouteMatch['path']>): PathMatch {
  if (type === 'RegularExpression') return { type, value };
  const normal = normaliseEscapes(value);
  if (type === 'Exact') return { type, value: normal };
  return { type, value: normal.replace(/\/+$/, '') || '/' };
}

/** Requests come with unreserved characters decoded and the other escapes in upper case (RFC 3986 §6.2.2): so must the values. */
function normaliseEscapes(path: string): string {
  if (!path.includes('%')) return path;
  return path.replaceAll(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
  });
}
