/** The order of matches that share a hostname, to the last tie-break. The proxy takes the first that fits. */
import type { PathMatch } from '../contract/gateway-config.ts';
import type { Resource } from '../model/resources.ts';
import type { RatedMatch } from './matches.ts';
import type { Route } from './resource-types.ts';

/** A match with all that its place depends on. */
export interface RankedMatch extends RatedMatch {
  readonly route: Route;
  readonly ruleIndex: number;
  readonly matchIndex: number;
}

/**
 * Gateway API, HTTPRouteRule.matches and GRPCRouteRule.matches: what the path of a match says of its place. `rank` is that of
 * its sort, the lowest first. Of two different paths that are Exact, or prefixes of the same length, a request fits only one.
 * Which of two regular expressions goes first is the implementation's choice: the longer one; for the same length see `tieOf`.
 */
export function orderOf(rank: number, { value }: PathMatch): number {
  return rank * longerThanAnyPath - value.length;
}

const longerThanAnyPath = 65_536;

/** Of matches of the same path. Never depends on the order in which resources arrived. */
export function compareMatches(a: RankedMatch, b: RankedMatch): number {
  return compareConditions(a, b) || compareAge(a.route, b.route) || compareIndex(a, b);
}

function compareConditions({ match: a }: RankedMatch, { match: b }: RankedMatch): number {
  return (
    a.order - b.order ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
    (b.query?.length ?? 0) - (a.query?.length ?? 0)
  );
}

/** `compareMatches` as a text, for matches of different expressions: what it puts first sorts first. */
export function tieOf({ match, route, ruleIndex, matchIndex }: RankedMatch): string {
  const { creationTimestamp = '', namespace, name } = route.metadata;
  const { method, headers = [], query = [] } = match;
  const counts = [method === undefined ? 1 : 0, -headers.length, -query.length].map(sortable);
  const places = [ruleIndex, matchIndex].map(sortable);
  return [...counts, creationTimestamp, `${namespace}/${name}`, route.kind, ...places].join(' ');
}

/** As text it sorts like the number: all have as many digits. */
function sortable(count: number): string {
  return String(count + 50_000);
}

function compareIndex(a: RankedMatch, b: RankedMatch): number {
  return a.ruleIndex - b.ruleIndex || a.matchIndex - b.matchIndex;
}

/** The older resource first, then by `namespace/name`. Objects from files have no age: all count as equally old. */
export function compareAge(a: Resource, b: Resource): number {
  if (a === b) return 0;
  return (
    compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compareText(`${a.metadata.namespace}/${a.metadata.name}`, `${b.metadata.namespace}/${b.metadata.name}`) ||
    compareText(a.kind, b.kind)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
