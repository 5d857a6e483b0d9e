/**
 * The matches of one hostname, found by path: the tables only rule candidates out, their order decides. Never changed: a
 * change makes a new one, at the price of the paths that changed.
 */
import type { PathConfig } from '../../contract/gateway-config.ts';
import { deriveMap } from '../../lib/derived-map.ts';
import type { MatchInput, RuleMatch } from '../runtime.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import { passes, requestTest, type RequestTest } from './value-test.ts';

/**
 * One match of a path and what it leads to, in a list by `next`: no arrays and no objects between, because each is one more
 * to fetch from memory where thousands of paths are asked for in turn (docs/decisions/0016).
 */
interface Candidate extends RuleMatch {
  /** The lowest goes first. */
  readonly order: number;
  /** Null: every request with this path fits. */
  readonly test: RequestTest | null;
  readonly next: Candidate | null;
}

/** What one path leads to, in order of precedence. */
export interface PathRoutes {
  readonly config: PathConfig;
  readonly candidates: Candidate | null;
  /** Of a regular expression. */
  readonly pattern: Pattern | null;
}

type ByPath = ReadonlyMap<string, Candidate>;

export interface PathTable {
  readonly exact: ByPath;
  /** An empty map is not asked. */
  readonly hasExact: boolean;
  readonly prefixes: ByPath;
  /** By length of a prefix: how many there are of that length, so that most slices are never made. */
  readonly prefixLengths: readonly number[];
  /** PathPrefix `/`. */
  readonly everyPath: Candidate | null;
  readonly patterns: readonly PatternCandidate[];
}

interface PatternCandidate extends Candidate {
  readonly routes: PathRoutes;
  readonly pattern: Pattern;
  readonly tie: string;
}

export const noPaths: PathTable = {
  exact: new Map(),
  hasExact: false,
  prefixes: new Map(),
  prefixLengths: [0],
  everyPath: null,
  patterns: [],
};

/** `results` stands in the order of the matches. */
export function buildPathRoutes(config: PathConfig, results: readonly RuleMatch[]): PathRoutes {
  const { path, matches } = config;
  const candidates = matches.reduceRight<Candidate | null>((next, match, i) => {
    const { rule, pathPrefix } = results[i]!;
    return { order: match.order, test: requestTest(match), rule, pathPrefix, next };
  }, null);
  return {
    config,
    candidates,
    pattern: path.type === 'RegularExpression' ? compilePattern(path.value) : null,
  };
}

/** A path has one entry at most: what comes replaces what was there. Null: nothing is left. */
export function changePathTable(
  table: PathTable,
  { gone, come }: { readonly gone: readonly PathRoutes[]; readonly come: readonly PathRoutes[] },
): PathTable | null {
  const exact = new Map<string, Candidate | undefined>();
  const prefixes = new Map<string, Candidate | undefined>();
  let { everyPath } = table;
  const put = ({ type, value }: PathConfig['path'], candidates: Candidate | undefined): void => {
    if (type === 'Exact') exact.set(value, candidates);
    else if (type === 'PathPrefix' && value === '/') everyPath = candidates ?? null;
    else if (type === 'PathPrefix') prefixes.set(value, candidates);
  };
  for (const { config } of gone) put(config.path, undefined);
  for (const { config, candidates } of come) put(config.path, candidates ?? undefined);
  const exactNow = deriveMap(table.exact, exact);
  const changed = {
    exact: exactNow,
    hasExact: exactNow.size > 0,
    prefixLengths: countLengths(table, prefixes),
    prefixes: deriveMap(table.prefixes, prefixes),
    everyPath,
    patterns: changePatterns(table.patterns, gone, come),
  };
  const isEmpty =
    !changed.hasExact && changed.prefixes.size === 0 && everyPath === null && changed.patterns.length === 0;
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
    return listOf(candidates).map((one, i) => ({ ...one, routes, pattern, tie: matches[i]?.tie ?? path.value }));
  });
  if (left.size === 0 && added.length === 0) return patterns;
  return [...patterns.filter(({ routes }) => !left.has(routes)), ...added].toSorted(comparePatterns);
}

function listOf(first: Candidate | null): readonly Candidate[] {
  const list: Candidate[] = [];
  for (let candidate = first; candidate !== null; candidate = candidate.next) list.push(candidate);
  return list;
}

function comparePatterns(a: PatternCandidate, b: PatternCandidate): number {
  return a.order - b.order || (a.tie < b.tie ? -1 : a.tie > b.tie ? 1 : 0);
}

/** What the first match that takes the request leads to; null: none does. */
export function findMatch(table: PathTable, request: MatchInput): RuleMatch | null {
  const { path } = request;
  const exact = table.hasExact ? table.exact.get(path) : undefined;
  let best = exact === undefined ? null : firstFit(exact, request, null);
  best = findPrefix(table, request, best);
  // `*` (of OPTIONS) is no path, and below no prefix.
  if (path.charCodeAt(0) === 0x2f) best = firstFit(table.everyPath, request, best);
  for (let i = 0; i < table.patterns.length; i++) {
    const candidate = table.patterns[i]!;
    if (best !== null && candidate.order >= best.order) break;
    if (candidate.pattern(path) && (candidate.test === null || passes(candidate.test, request))) best = candidate;
  }
  return best;
}

/** Every prefix that ends at the end of a segment. */
function findPrefix(table: PathTable, request: MatchInput, limit: Candidate | null): Candidate | null {
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

/** The first of the list that fits and stands before `best`, or that. */
function firstFit(list: Candidate | null, request: MatchInput, best: Candidate | null): Candidate | null {
  for (let candidate = list; candidate !== null; candidate = candidate.next) {
    if (best !== null && candidate.order >= best.order) return best;
    if (candidate.test === null || passes(candidate.test, request)) return candidate;
  }
  return best;
}
