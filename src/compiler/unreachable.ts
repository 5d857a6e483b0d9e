/** Finds matches that can never take a request, because another one always comes first. Changes nothing: the user decides. */
import type { MatchConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { compareHostnames, isCovered } from './hostnames.ts';
import type { HostnameTable, HostnameTables } from './hostname-tables.ts';
import type { RankedMatch } from './precedence.ts';
import type { ResolvedGateway, ResolvedListener } from './resolved.ts';

/** For each match of a table that is never reached: who is, in words. */
export type Shadows = ReadonlyMap<MatchConfig, string>;

interface Known {
  readonly earlier: readonly HostnameTable[];
  readonly rival: ResolvedListener | undefined;
  readonly shadows: Shadows;
}

/** Remembered by table. */
export type ShadowMemory = WeakMap<HostnameTable, Known>;

/** More pairs than this are not compared: the finding is a hint, not worth delaying a change. */
const pairLimit = 200_000;

/** Tables without shadows are left out. */
export function findShadows(
  tables: HostnameTables,
  gateways: readonly ResolvedGateway[],
  memory: ShadowMemory,
): ReadonlyMap<Key, Shadows> {
  const found = new Map<Key, Shadows>();
  const gatewayOf = new Map(gateways.flatMap((gateway) => gateway.listeners.map((listener) => [listener, gateway])));
  const groups = groupByHostname(tables);
  for (const table of tables.values()) {
    const earlier = earlierThan(table, groups.get(groupOf(table)) ?? []);
    const rival = findRival(table, gatewayOf.get(table.listener)?.listeners ?? []);
    let known = memory.get(table);
    if (
      !known ||
      known.rival !== rival ||
      known.earlier.length !== earlier.length ||
      known.earlier.some((one, i) => one !== earlier[i])
    ) {
      known = { earlier, rival, shadows: rival ? everything(table, rival) : shadowsOf(table, earlier) };
      memory.set(table, known);
    }
    if (known.shadows.size > 0) found.set(table.key, known.shadows);
  }
  return found;
}

function groupOf(table: HostnameTable): string {
  return `${table.config.listener} ${table.config.hostname}`;
}

function groupByHostname(tables: HostnameTables): ReadonlyMap<string, readonly HostnameTable[]> {
  const groups = new Map<string, HostnameTable[]>();
  for (const table of tables.values()) {
    const group = groups.get(groupOf(table));
    if (group) group.push(table);
    else groups.set(groupOf(table), [table]);
  }
  return groups;
}

/** The tables that every request for this hostname tries first. */
function earlierThan(table: HostnameTable, group: readonly HostnameTable[]): readonly HostnameTable[] {
  if (group.length < 2) return [];
  return group
    .filter((other) => compareHostnames(other.config.own, table.config.own) < 0)
    .toSorted((a, b) => compareHostnames(a.config.own, b.config.own));
}

/** A listener on the same port with a more specific hostname takes all requests for the table's hostname. */
function findRival(table: HostnameTable, listeners: readonly ResolvedListener[]): ResolvedListener | undefined {
  const { listener } = table;
  return listeners.find(
    (other) =>
      other !== listener &&
      other.config !== null &&
      other.spec.port === listener.spec.port &&
      isCovered(table.config.hostname, other.hostname) &&
      compareHostnames(other.hostname, listener.hostname) < 0,
  );
}

function everything(table: HostnameTable, rival: ResolvedListener): Shadows {
  const hostname = table.config.hostname === '' ? 'every hostname' : table.config.hostname;
  const text = `requests for ${hostname} on port ${rival.spec.port} belong to listener ${rival.spec.name} (${rival.hostname || 'every hostname'})`;
  return new Map(table.config.matches.map((match) => [match, text]));
}

function shadowsOf(table: HostnameTable, earlier: readonly HostnameTable[]): Shadows {
  const shadows = new Map<MatchConfig, string>();
  // Within one table wider matches come later, so that only an identical one can be in the way.
  const first = new Map<string, RankedMatch>();
  for (const one of table.ranked) {
    const identity = identityOf(one.match);
    const winner = first.get(identity);
    if (!winner) first.set(identity, one);
    else if (winner.match.rule !== one.match.rule)
      shadows.set(one.match, `${describe(winner)} has the same match and comes first`);
  }
  for (const other of earlier) {
    if (other.ranked.length * table.ranked.length > pairLimit) continue;
    for (const one of table.ranked) {
      const winner = shadows.has(one.match) ? undefined : other.ranked.find((rival) => isWider(rival.match, one.match));
      if (winner) shadows.set(one.match, `${describe(winner)} comes first for ${other.config.own || 'every hostname'}`);
    }
  }
  return shadows;
}

function describe({ route, ruleIndex }: RankedMatch): string {
  return `${route.kind} ${route.metadata.namespace}/${route.metadata.name} rules[${ruleIndex}]`;
}

function identityOf({ path, method, headers, query }: MatchConfig): string {
  if (headers === undefined && query === undefined) return `${path.type} ${method ?? ''} ${path.value}`;
  return JSON.stringify([path.type, path.value, method, headers, query]);
}

/** Whether every request that fits `narrow` also fits `wide`. Says no where it cannot tell. */
function isWider(wide: MatchConfig, narrow: MatchConfig): boolean {
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
