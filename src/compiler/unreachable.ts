/** Finds matches that can never take a request, because another one always comes first. Changes nothing: the user decides. */
import type { MatchConfig, PathMatch } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { compareHostnames } from './hostnames.ts';
import { pathKey, type PathChange, type PathEntries, type PathEntry } from './path-entries.ts';
import type { RankedMatch } from './precedence.ts';
import type { Attachment, ResolvedGateway } from './resolved.ts';
import { findRival, siblingsOf, textOfRival, type Siblings } from './rival-listeners.ts';
import { isSwept, isWiderPath, sweepOf, widerPaths } from './wider-paths.ts';

/** For each match of a table that is never reached: who is, in words. Matches that are gone are forgotten by themselves. */
export type Shadows = WeakMap<MatchConfig, string>;

/** The paths of one listener, hostname and own hostname. */
interface PathTable {
  readonly key: Key;
  readonly own: string;
  readonly entries: Map<Key, PathEntry>;
  /** Those of expressions that take all that begins alike. */
  readonly sweeps: Map<Key, { readonly sweep: string; readonly entry: PathEntry }>;
}

interface ShadowState {
  /** Tables of one listener and hostname: a request tries them one after the other. */
  readonly groups: Map<string, Map<Key, PathTable>>;
  /** By table; those without shadows are left out. */
  readonly found: Map<Key, Shadows>;
}

export const createShadowState = (): ShadowState => ({ groups: new Map(), found: new Map() });

interface Surroundings {
  readonly entries: PathEntries;
  readonly siblings: Siblings;
}

/** Looks at the paths that changed and at those they may be in the way of. Returns the matches of which something new is to be said. */
export function updateShadows(
  state: ShadowState,
  {
    entries,
    changes,
    gateways,
  }: { entries: PathEntries; changes: readonly PathChange[]; gateways: readonly ResolvedGateway[] },
): ReadonlySet<MatchConfig> {
  const news = new Set<MatchConfig>();
  for (const change of changes) regroup(state, change);
  const around = { entries, siblings: siblingsOf(gateways) };
  for (const entry of staleEntries(state, changes)) {
    const { table } = entry.place;
    const shadows = shadowsOf(entry, upToThat(state, entry.place), around);
    const known = state.found.get(table) ?? new WeakMap<MatchConfig, string>();
    for (const { match } of entry.ranked) {
      const text = shadows.get(match);
      if (known.get(match) === text) continue;
      news.add(match);
      if (text === undefined) known.delete(match);
      else known.set(match, text);
    }
    if (shadows.size > 0) state.found.set(table, known);
  }
  return news;
}

const groupOf = ({ listener, hostname }: Attachment): string => `${listener.key} ${hostname}`;

function regroup({ groups, found }: ShadowState, [key, before, after]: PathChange): void {
  const place = (after ?? before)?.place;
  if (!place) return;
  const group = groups.get(groupOf(place)) ?? new Map<Key, PathTable>();
  const table = group.get(place.table) ?? emptyTable(place);
  groups.set(groupOf(place), group);
  group.set(table.key, table);
  if (after) table.entries.set(key, after);
  else table.entries.delete(key);
  const sweep = after ? sweepOf(after.config.path) : null;
  if (after && sweep !== null) table.sweeps.set(key, { sweep, entry: after });
  else table.sweeps.delete(key);
  if (table.entries.size > 0) return;
  found.delete(table.key);
  group.delete(table.key);
  if (group.size === 0) groups.delete(groupOf(place));
}

function emptyTable({ table, own }: Attachment): PathTable {
  return { key: table, own, entries: new Map(), sweeps: new Map() };
}

/** More changes than this in one table are not compared with each path of another: all of them are looked at. */
const fewChanges = 8;

/** What changed, and what is on the same paths or below them in tables that are tried later, or below an expression of the same table. */
function staleEntries({ groups }: ShadowState, changes: readonly PathChange[]): ReadonlySet<PathEntry> {
  const stale = new Set<PathEntry>();
  const byTable = new Map<Key, { place: Attachment; paths: PathMatch[] }>();
  for (const [, before, after] of changes) {
    if (after) stale.add(after);
    const { place, config } = (after ?? before)!;
    const known = byTable.get(place.table);
    if (known) known.paths.push(config.path);
    else byTable.set(place.table, { place, paths: [config.path] });
  }
  for (const { place, paths } of byTable.values()) {
    for (const { own, entries } of groups.get(groupOf(place))?.values() ?? []) {
      const order = compareHostnames(place.own, own);
      const inTheWay = order < 0 ? paths : order === 0 ? paths.filter((path) => sweepOf(path) !== null) : [];
      if (inTheWay.length === 0) continue;
      for (const entry of entries.values()) {
        if (inTheWay.length > fewChanges || inTheWay.some((path) => isWiderPath(path, entry.config.path)))
          stale.add(entry);
      }
    }
  }
  return stale;
}

/** The tables that every request for this hostname tries first, in that order, then its own. */
function upToThat({ groups }: ShadowState, place: Attachment): readonly PathTable[] {
  return [...(groups.get(groupOf(place))?.values() ?? [])]
    .filter(({ own }) => compareHostnames(own, place.own) <= 0)
    .toSorted((a, b) => compareHostnames(a.own, b.own));
}

function shadowsOf(
  { place, config, ranked }: PathEntry,
  tables: readonly PathTable[],
  { entries, siblings }: Surroundings,
): ReadonlyMap<MatchConfig, string> {
  const rival = findRival(place, siblings);
  if (rival) {
    const text = textOfRival('requests', place.hostname, rival);
    return new Map(ranked.map(({ match }) => [match, text]));
  }
  const shadows = new Map<MatchConfig, string>();
  findIdentical(ranked, shadows);
  for (const table of tables) {
    const isOwn = table.key === place.table;
    const plain = isOwn ? [] : widerPaths(config.path).flatMap((path) => entries.get(pathKey(table.key, path)) ?? []);
    const wider = [...plain, ...sweepingOver(config.path, table)];
    if (wider.length === 0) continue;
    for (const one of ranked) {
      if (shadows.has(one.match)) continue;
      const winners = wider.flatMap((entry) => entry.ranked.find((other) => isWider(other.match, one.match)) ?? []);
      const [winner] = winners.toSorted((a, b) => a.match.order - b.match.order);
      if (!winner || (isOwn && winner.match.order >= one.match.order)) continue;
      const why = isOwn ? 'takes its paths and comes first' : `comes first for ${table.own || 'every hostname'}`;
      shadows.set(one.match, `${describe(winner)} ${why}`);
    }
  }
  return shadows;
}

function sweepingOver(path: PathMatch, { sweeps }: PathTable): readonly PathEntry[] {
  if (sweeps.size === 0) return [];
  return [...sweeps.values()].filter(({ sweep }) => isSwept(path, sweep)).map(({ entry }) => entry);
}

/** On one path wider matches come later, so that only an identical one can be in the way. */
function findIdentical(ranked: readonly RankedMatch[], shadows: Map<MatchConfig, string>): void {
  if (ranked.length < 2) return;
  const first = new Map<string, RankedMatch>();
  for (const one of ranked) {
    const identity = identityOf(one.match);
    const winner = first.get(identity);
    if (!winner) first.set(identity, one);
    else if (winner.match.rule !== one.match.rule) {
      shadows.set(one.match, `${describe(winner)} has the same match and comes first`);
    }
  }
}

function describe({ route, ruleIndex }: RankedMatch): string {
  const rule = route.spec.rules?.[ruleIndex]?.name ?? `rules[${ruleIndex}]`;
  return `${route.kind} ${route.metadata.namespace}/${route.metadata.name} ${rule}`;
}

function identityOf({ isGrpc, method, headers, query }: MatchConfig): string {
  const isSimple = headers === undefined && query === undefined && !isGrpc;
  return isSimple ? (method ?? '') : JSON.stringify([isGrpc, method, headers, query]);
}

/** Of two matches on fitting paths: whether every request that fits `narrow` also fits `wide`. Says no where it cannot tell. */
function isWider(wide: MatchConfig, narrow: MatchConfig): boolean {
  if (wide.isGrpc && !narrow.isGrpc) return false;
  if (wide.method !== undefined && wide.method !== narrow.method) return false;
  return hasAll(wide.headers, narrow.headers) && hasAll(wide.query, narrow.query);
}

function hasAll(wanted: MatchConfig['headers'], given: MatchConfig['headers']): boolean {
  return (wanted ?? []).every((one) =>
    (given ?? []).some((other) => other.name === one.name && other.type === one.type && other.value === one.value),
  );
}
