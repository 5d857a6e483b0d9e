/** Finds matches that can never take a request, because another one always comes first. Changes nothing: the user decides. */
import type { MatchConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { compareHostnames } from './hostnames.ts';
import type { HostnameTable, HostnameTables } from './hostname-tables.ts';
import type { RankedMatch } from './precedence.ts';
import type { ResolvedGateway, ResolvedListener } from './resolved.ts';
import { findRival, siblingsOf, textOfRival } from './rival-listeners.ts';

/** For each match of a table that is never reached: who is, in words. */
export type Shadows = ReadonlyMap<MatchConfig, string>;

interface ShadowState {
  /** Tables of one listener and hostname: a request tries them one after the other. */
  readonly groups: Map<string, Map<Key, HostnameTable>>;
  readonly groupOfTable: Map<Key, string>;
  /** By table; tables without shadows are left out. */
  readonly found: Map<Key, Shadows>;
}

export const createShadowState = (): ShadowState => ({ groups: new Map(), groupOfTable: new Map(), found: new Map() });

/** More pairs than this are not compared: the finding is a hint, not worth delaying a change. */
const pairLimit = 200_000;

/** Looks at the tables that changed and their neighbours. Returns the matches of which something new is to be said. */
export function updateShadows(
  state: ShadowState,
  {
    tables,
    changed,
    gateways,
  }: { tables: HostnameTables; changed: ReadonlySet<Key>; gateways: readonly ResolvedGateway[] },
): ReadonlySet<MatchConfig> {
  const news = new Set<MatchConfig>();
  const siblings = siblingsOf(gateways);
  for (const group of regroup(state, tables, changed)) {
    const members = state.groups.get(group);
    for (const table of members?.values() ?? []) {
      const rival = findRival({ listener: table.listener, hostname: table.config.hostname }, siblings);
      const shadows = rival ? everything(table, rival) : shadowsOf(table, earlierThan(table, members));
      noteNews(state.found.get(table.key), shadows, news);
      if (shadows.size > 0) state.found.set(table.key, shadows);
      else state.found.delete(table.key);
    }
  }
  return news;
}

/** Puts the changed tables into their groups; returns the groups that are to be looked at. */
function regroup(state: ShadowState, tables: HostnameTables, changed: ReadonlySet<Key>): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const key of changed) {
    const table = tables.get(key);
    const group = table ? `${table.config.listener} ${table.config.hostname}` : state.groupOfTable.get(key);
    if (group === undefined) continue;
    touched.add(group);
    const members = state.groups.get(group) ?? new Map<Key, HostnameTable>();
    state.groups.set(group, members);
    if (table) {
      members.set(key, table);
      state.groupOfTable.set(key, group);
    } else {
      members.delete(key);
      state.groupOfTable.delete(key);
      state.found.delete(key);
      if (members.size === 0) state.groups.delete(group);
    }
  }
  return touched;
}

function noteNews(before: Shadows | undefined, after: Shadows, news: Set<MatchConfig>): void {
  for (const [match, text] of after) if (before?.get(match) !== text) news.add(match);
  for (const match of before?.keys() ?? []) if (!after.has(match)) news.add(match);
}

/** The tables that every request for this hostname tries first. */
function earlierThan(
  table: HostnameTable,
  group: ReadonlyMap<Key, HostnameTable> | undefined,
): readonly HostnameTable[] {
  if (!group || group.size < 2) return [];
  return [...group.values()]
    .filter((other) => compareHostnames(other.config.own, table.config.own) < 0)
    .toSorted((a, b) => compareHostnames(a.config.own, b.config.own));
}

function everything({ config }: HostnameTable, rival: ResolvedListener): Shadows {
  const text = textOfRival('requests', config.hostname, rival);
  return new Map(config.matches.map((match) => [match, text]));
}

function shadowsOf(table: HostnameTable, earlier: readonly HostnameTable[]): Shadows {
  const shadows = new Map<MatchConfig, string>();
  findRepeats(table.ranked, shadows);
  for (const other of earlier) {
    if (other.ranked.length * table.ranked.length > pairLimit) continue;
    for (const one of table.ranked) {
      const winner = shadows.has(one.match) ? undefined : other.ranked.find((rival) => isWider(rival.match, one.match));
      if (winner) shadows.set(one.match, `${describe(winner)} comes first for ${other.config.own || 'every hostname'}`);
    }
  }
  return shadows;
}

/** Within one table wider matches come later, so that only an identical one can be in the way; same paths stand together. */
function findRepeats(ranked: readonly RankedMatch[], shadows: Map<MatchConfig, string>): void {
  let start = 0;
  while (start < ranked.length) {
    let end = start + 1;
    while (end < ranked.length && isSamePath(ranked[start], ranked[end])) end++;
    if (end - start > 1) findIdentical(ranked.slice(start, end), shadows);
    start = end;
  }
}

function isSamePath(a: RankedMatch | undefined, b: RankedMatch | undefined): boolean {
  return a?.match.path.type === b?.match.path.type && a?.match.path.value === b?.match.path.value;
}

function findIdentical(run: readonly RankedMatch[], shadows: Map<MatchConfig, string>): void {
  const first = new Map<string, RankedMatch>();
  for (const one of run) {
    const identity = identityOf(one.match);
    const winner = first.get(identity);
    if (!winner) first.set(identity, one);
    else if (winner.match.rule !== one.match.rule) {
      shadows.set(one.match, `${describe(winner)} has the same match and comes first`);
    }
  }
}

function describe({ route, ruleIndex }: RankedMatch): string {
  return `${route.kind} ${route.metadata.namespace}/${route.metadata.name} rules[${ruleIndex}]`;
}

function identityOf({ isGrpc, method, headers, query }: MatchConfig): string {
  const isSimple = headers === undefined && query === undefined && !isGrpc;
  return isSimple ? (method ?? '') : JSON.stringify([isGrpc, method, headers, query]);
}

/** Whether every request that fits `narrow` also fits `wide`. Says no where it cannot tell. */
function isWider(wide: MatchConfig, narrow: MatchConfig): boolean {
  if (wide.isGrpc && !narrow.isGrpc) return false;
  if (wide.method !== undefined && wide.method !== narrow.method) return false;
  return isWiderPath(wide, narrow) && hasAll(wide.headers, narrow.headers) && hasAll(wide.query, narrow.query);
}

function isWiderPath({ path: wide }: MatchConfig, { path: narrow }: MatchConfig): boolean {
  if (wide.type === narrow.type && wide.value === narrow.value) return true;
  if (wide.type !== 'PathPrefix') return false;
  if (wide.value === '/') return true;
  if (narrow.type === 'RegularExpression') return false;
  return narrow.value === wide.value || narrow.value.startsWith(`${wide.value}/`);
}

function hasAll(wanted: MatchConfig['headers'], given: MatchConfig['headers']): boolean {
  return (wanted ?? []).every((one) =>
    (given ?? []).some((other) => other.name === one.name && other.type === one.type && other.value === one.value),
  );
}
