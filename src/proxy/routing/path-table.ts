/**
 * The matches of one hostname, found by path: the tables only rule candidates out, the order of the list decides.
 * Knows paths and positions in the list; what a position stands for is the caller's.
 */
import type { MatchConfig } from '../../contract/gateway-config.ts';
import type { MatchInput } from '../runtime.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import { passes, requestTest, type RequestTest } from './value-test.ts';

interface Candidate {
  /** Place in the list of matches. */
  readonly index: number;
  /** Null: every request with this path fits. */
  readonly test: RequestTest | null;
}

interface PatternCandidate extends Candidate {
  readonly pattern: Pattern;
}

type ByPath = Map<string, Candidate[]>;

export interface PathTable {
  readonly exact: ReadonlyMap<string, readonly Candidate[]>;
  readonly prefixes: ReadonlyMap<string, readonly Candidate[]>;
  /** By length of a prefix: whether there is one of that length, so that most slices are never made. */
  readonly prefixLengths: readonly boolean[];
  /** PathPrefix `/`. */
  readonly everyPath: readonly Candidate[];
  readonly patterns: readonly PatternCandidate[];
}

export function buildPathTable(matches: readonly MatchConfig[]): PathTable {
  const exact: ByPath = new Map();
  const prefixes: ByPath = new Map();
  const everyPath: Candidate[] = [];
  const patterns: PatternCandidate[] = [];
  let longest = 0;
  for (const [index, match] of matches.entries()) {
    const candidate: Candidate = { index, test: requestTest(match) };
    const { type, value } = match.path;
    if (type === 'Exact') addTo(exact, value, candidate);
    else if (type === 'RegularExpression') patterns.push({ ...candidate, pattern: compilePattern(value) });
    else if (value === '/') everyPath.push(candidate);
    else {
      addTo(prefixes, value, candidate);
      longest = Math.max(longest, value.length);
    }
  }
  const prefixLengths = Array.from({ length: longest + 1 }, () => false);
  for (const prefix of prefixes.keys()) prefixLengths[prefix.length] = true;
  return { exact, prefixes, prefixLengths, everyPath, patterns };
}

function addTo(table: ByPath, path: string, candidate: Candidate): void {
  const candidates = table.get(path);
  if (candidates) candidates.push(candidate);
  else table.set(path, [candidate]);
}

const NONE = Number.MAX_SAFE_INTEGER;

/** The place of the first match in the list that takes the request; -1: none. */
export function findMatch(table: PathTable, request: MatchInput): number {
  const { path } = request;
  let best = NONE;
  const exact = table.exact.get(path);
  if (exact !== undefined) best = firstFit(exact, request, best);
  best = findPrefix(table, request, best);
  // `*` (of OPTIONS) is no path, and below no prefix.
  if (path.charCodeAt(0) === 0x2f) best = firstFit(table.everyPath, request, best);
  for (let i = 0; i < table.patterns.length; i++) {
    const candidate = table.patterns[i]!;
    if (candidate.index >= best) break;
    if (candidate.pattern(path) && (candidate.test === null || passes(candidate.test, request))) best = candidate.index;
  }
  return best === NONE ? -1 : best;
}

/** Every prefix that ends at the end of a segment. */
function findPrefix(table: PathTable, request: MatchInput, limit: number): number {
  const { path } = request;
  const { prefixLengths } = table;
  let best = limit;
  let end = path.length;
  if (end >= prefixLengths.length) end = prefixLengths.length === 1 ? 0 : nextEnd(path, prefixLengths.length - 1);
  while (end > 0) {
    if (prefixLengths[end] === true) {
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

function firstFit(candidates: readonly Candidate[], request: MatchInput, limit: number): number {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (candidate.index >= limit) return limit;
    if (candidate.test === null || passes(candidate.test, request)) return candidate.index;
  }
  return limit;
}
