/**
 * The matches of one hostname, found by path: the tables only rule candidates out, their order decides. Never changed: a
 * change makes a new one, at the price of the paths that changed.
 */
import type { PathConfig } from '../../contract/gateway-config.ts';
import { deriveMap } from '../../lib/derived-map.ts';
import type { MatchInput, RuleMatch } from '../runtime.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import { passes, requestTest, type RequestTest } from './value-test.ts';

interface Candidate {
  /** The lowest goes first. */
  readonly order: number;
  /** Null: every request with this path fits. */
  readonly test: RequestTest | null;
  readonly result: RuleMatch | null;
}

/** What one path leads to, in order of precedence. */
export interface PathRoutes {
  readonly config: PathConfig;
  readonly candidates: readonly Candidate[];
  /** Of a regular expression. */
  readonly pattern: Pattern | null;
}

type ByPath = ReadonlyMap<string, readonly Candidate[]>;

export interface PathTable {
  readonly exact: ByPath;
  readonly prefixes: ByPath;
  /** By length of a prefix: how many there are of that length, so that most slices are never made. */
  readonly prefixLengths: readonly number[];
  /** PathPrefix `/`. */
  readonly everyPath: readonly Candidate[];
  readonly patterns: readonly PatternCandidate[];
}

interface PatternCandidate extends Candidate {
  readonly routes: PathRoutes;
  readonly pattern: Pattern;
  readonly tie: string;
}

export const noPaths: PathTable = {
  exact: new Map(),
  prefixes: new Map(),
  prefixLengths: [0],
  everyPath: [],
  patterns: [],
};

/** `results` stands in the order of the matches. */
export function buildPathRoutes(config: PathConfig, results: readonly RuleMatch[]): PathRoutes {
  const { path, matches } = config;
  return {
    config,
    candidates: matches.map((match, i) => ({
      order: match.order,
      test: requestTest(match),
      result: results[i] ?? null,
    })),
    pattern: path.type === 'RegularExpression' ? compilePattern(path.value) : null,
  };
}

/** A path has one entry at most: what comes replaces what was there. Null: nothing is left. */
export function changePathTable(
  table: PathTable,
  { gone, come }: { readonly gone: readonly PathRoutes[]; readonly come: readonly PathRoutes[] },
): PathTable | null {
  const exact = new Map<string, readonly Candidate[] | undefined>();
  const prefixes = new Map<string, readonly Candidate[] | undefined>();
  let { everyPath } = table;
  const put = ({ type, value }: PathConfig['path'], candidates: readonly Candidate[] | undefined): void => {
    if (type === 'Exact') exact.set(value, candidates);
    else if (type === 'PathPrefix' && value === '/') everyPath = candidates ?? [];
    else if (type === 'PathPrefix') prefixes.set(value, candidates);
  };
  for (const { config } of gone) put(config.path, undefined);
  for (const { config, candidates } of come) put(config.path, candidates);
  const changed = {
    exact: deriveMap(table.exact, exact),
    prefixLengths: countLengths(table, prefixes),
    prefixes: deriveMap(table.prefixes, prefixes),
    everyPath,
    patterns: changePatterns(table.patterns, gone, come),
  };
  const isEmpty = changed.exact.size + changed.prefixes.size + changed.everyPath.length + changed.patterns.length === 0;
  return isEmpty ? null : changed;
}

function countLengths(
  { prefixes, prefixLengths }: PathTable,
  changes: ReadonlyMap<string, unknown>,
): readonly number[] {
  if (changes.size === 0) return prefixLengths;
  const counts = [...prefixLengths];
  for (const [prefix, now] of changes) {
    while (counts.length <= prefix.length) counts.push(0);
    counts[prefix.length]! += Number(now !== undefined) - Number(prefixes.has(prefix));
  }
  while (counts.length > 1 && counts.at(-1) === 0) counts.pop();
  return counts;
}

function changePatterns(
  patterns: readonly PatternCandidate[],
  gone: readonly PathRoutes[],
  come: readonly PathRoutes[],
): readonly PatternCandidate[] {
  const left = new Set(gone.filter(({ pattern }) => pattern !== null));
  const added = come.flatMap((routes) => {
    const { pattern, candidates, config } = routes;
    if (pattern === null) return [];
    const { path, matches } = config;
    return candidates.map((one, i) => ({ ...one, routes, pattern, tie: matches[i]?.tie ?? path.value }));
  });
  if (left.size === 0 && added.length === 0) return patterns;
  return [...patterns.filter(({ routes }) => !left.has(routes)), ...added].toSorted(comparePatterns);
}

function comparePatterns(a: PatternCandidate, b: PatternCandidate): number {
  return a.order - b.order || (a.tie < b.tie ? -1 : a.tie > b.tie ? 1 : 0);
}

const none: Candidate = { order: Number.MAX_SAFE_INTEGER, test: null, result: null };

/** What the first match that takes the request leads to; null: none does. */
export function findMatch(table: PathTable, request: MatchInput): RuleMatch | null {
  const { path } = request;
  const exact = table.exact.get(path);
  let best = exact === undefined ? none : firstFit(exact, request, none);
  best = findPrefix(table, request, best);
  // `*` (of OPTIONS) is no path, and below no prefix.
  if (path.charCodeAt(0) === 0x2f) best = firstFit(table.everyPath, request, best);
  for (let i = 0; i < table.patterns.length; i++) {
    const candidate = table.patterns[i]!;
    if (candidate.order >= best.order) break;
    if (candidate.pattern(path) && (candidate.test === null || passes(candidate.test, request))) best = candidate;
  }
  return best.result;
}

/** Every prefix that ends at the end of a segment. */
function findPrefix(table: PathTable, request: MatchInput, limit: Candidate): Candidate {
  const { path } = request;
  const { prefixLengths } = table;
  let best = limit;
  let end = path.length;
  if (end >= prefixLengths.length) end = prefixLengths.length === 1 ? 0 : nextEnd(path, prefixLengths.length - 1);
  while (end > 0) {
    if (prefixLengths[end]! > 0) {
      const candidates = table.prefixes.get(end === path.length ? path : path.slice(0, end));
      if (candidates !== undefined) best = firstFit(candidates, request, best);
    }
    end = path.lastIndexOf('/', end - 1);
  }
  return best;
}

/** The last end of a segment at or before `from`. */
function nextEnd(path: string, from: number): number {
  return path.lastIndexOf('/', from);
}

function firstFit(candidates: readonly Candidate[], request: MatchInput, limit: Candidate): Candidate {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (candidate.order >= limit.order) return limit;
    if (candidate.test === null || passes(candidate.test, request)) return candidate;
  }
  return limit;
}
