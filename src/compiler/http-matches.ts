/** Matches of an HTTPRoute as the proxy takes them: defaults filled in, values normalised, expressions checked. */
import type { MatchConfig, PathMatch, ValueMatch } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { compileAutomaton, MAX_COST } from '../lib/linear-automaton.ts';
import type { HTTPRouteMatch, HTTPRouteRule } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const matchFeatures: readonly string[] = ['HTTPRouteQueryParamMatching', 'HTTPRouteMethodMatching'];

type TranslatedMatches = { readonly matches: readonly MatchConfig[] } | { readonly problem: Problem };

/** A rule without matches takes every request. */
export function translateMatches(rule: HTTPRouteRule, key: Key): TranslatedMatches {
  const matches: MatchConfig[] = [];
  const specs: readonly Partial<HTTPRouteMatch>[] = rule.matches && rule.matches.length > 0 ? rule.matches : [{}];
  for (const [index, spec] of specs.entries()) {
    const match = translateMatch(spec, key);
    const problem = findProblem(match, `matches[${index}]`);
    if (problem) return { problem };
    matches.push(match);
  }
  return { matches };
}

function translateMatch(spec: Partial<HTTPRouteMatch>, rule: Key): MatchConfig {
  const headers = translateValues(spec.headers ?? [], (name) => name.toLowerCase());
  const query = translateValues(spec.queryParams ?? [], (name) => name);
  return {
    rule,
    path: translatePath(spec.path ?? {}),
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

/** Of several entries with the same name only the first counts (Gateway API). Sorted by name: their order has no meaning. */
function translateValues(
  specs: readonly { readonly type?: string; readonly name: string; readonly value: string }[],
  normalise: (name: string) => string,
): readonly ValueMatch[] {
  const values = new Map<string, ValueMatch>();
  for (const { type = 'Exact', name: raw, value } of specs) {
    const name = normalise(raw);
    if (!values.has(name)) values.set(name, { name, type: type as ValueMatch['type'], value });
  }
  return [...values.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function findProblem(match: MatchConfig, at: string): Problem | null {
  return (
    checkType(match.path, `${at}.path`, ['Exact', 'PathPrefix', 'RegularExpression']) ??
    firstProblem(match.headers, `${at}.headers`) ??
    firstProblem(match.query, `${at}.queryParams`)
  );
}

function firstProblem(values: readonly ValueMatch[] | undefined, at: string): Problem | null {
  for (const value of values ?? []) {
    const problem = checkType(value, `${at} ${value.name}`, ['Exact', 'RegularExpression']);
    if (problem) return problem;
  }
  return null;
}

function checkType(
  { type, value }: { type: string; value: string },
  at: string,
  types: readonly string[],
): Problem | null {
  if (!types.includes(type)) {
    return { reason: 'UnsupportedValue', message: `${at}: type ${type} is not supported, use ${types.join(', ')}` };
  }
  const fault = type === 'RegularExpression' ? expressionFault(value) : null;
  return fault === null ? null : { reason: 'UnsupportedValue', message: `${at}: ${fault}` };
}

const faults = new Map<string, string | null>();

/** Why the expression cannot be used, or null. Bounded memory: the same expressions come again with every change. */
function expressionFault(value: string): string | null {
  const known = faults.get(value);
  if (known !== undefined) return known;
  if (faults.size > 10_000) faults.clear();
  let fault: string | null = null;
  try {
    if (compileAutomaton(value).cost > MAX_COST)
      fault = `${JSON.stringify(value)} would cost every request too much: use smaller counts in {}, or several matches`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    fault = `${JSON.stringify(value)} is not an RE2 regular expression (${why}); look-around and back-references do not exist there`;
  }
  faults.set(value, fault);
  return fault;
}
