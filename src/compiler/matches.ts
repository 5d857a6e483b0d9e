/** What the matches of requests have in common, whatever the kind of route: values, and the check of expressions. */
import type { MatchConfig, PathMatch, ValueMatch } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { compileAutomaton, MAX_COST } from '../lib/linear-automaton.ts';

/** A match with its path; its order is decided by that, and by the place of its sort among others (`orderOf`). */
export interface RatedMatch {
  readonly match: MatchConfig;
  readonly path: PathMatch;
}

export type TranslatedMatches = { readonly matches: readonly RatedMatch[] } | { readonly problem: Problem };

/** Of a rule; `specs` are as its kind of route has them. */
export type TranslateMatches = (specs: readonly unknown[], rule: Key) => TranslatedMatches;

/** Each spec, or an empty one where there is none; the first problem is the rule's. */
export function translateEach<Spec>(
  specs: readonly Spec[],
  translate: (spec: Spec, at: string) => RatedMatch | { readonly problem: Problem },
): TranslatedMatches {
  const matches: RatedMatch[] = [];
  for (const [index, spec] of (specs.length > 0 ? specs : [{} as Spec]).entries()) {
    const result = translate(spec, `matches[${index}]`);
    if ('problem' in result) return result;
    matches.push(result);
  }
  return { matches };
}

/** Of several entries with the same name only the first counts (Gateway API). Sorted by name: their order has no meaning. */
export function translateValues(
  specs: readonly { readonly type?: string; readonly name: string; readonly value: string }[] | undefined,
  normalise: (name: string) => string,
): readonly ValueMatch[] {
  const values = new Map<string, ValueMatch>();
  for (const { type = 'Exact', name: raw, value } of specs ?? []) {
    const name = normalise(raw);
    if (!values.has(name)) values.set(name, { name, type: type as ValueMatch['type'], value });
  }
  return [...values.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Headers that say how a message is sent on one connection: they end at the proxy, and nothing can be matched by them. */
const endingHere: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
]);

/** The first fault of headers. */
export function headerFault(headers: readonly ValueMatch[], at: string): Problem | null {
  const ending = headers.find(({ name }) => endingHere.has(name));
  if (!ending) return valueFault(headers, at);
  const message = `${at} ${ending.name}: this header ends at the proxy, so that no request can be told by it: match another`;
  return { reason: 'UnsupportedValue', message };
}

/** The first fault of headers or query parameters. */
export function valueFault(values: readonly ValueMatch[] | undefined, at: string): Problem | null {
  for (const value of values ?? []) {
    const problem = checkType(value, `${at} ${value.name}`, ['Exact', 'RegularExpression']);
    if (problem) return problem;
  }
  return null;
}

export function pathFault(path: PathMatch, at: string): Problem | null {
  return checkType(path, at, ['Exact', 'PathPrefix', 'RegularExpression']);
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
