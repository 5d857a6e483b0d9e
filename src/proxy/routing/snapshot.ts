/**
 * Makes the routing of one version of the configuration out of the previous one: only what changed is built.
 * Entries are compared by identity, which patches keep. Knows neither sockets nor where the parts come from.
 */
import type { ConfigPatch } from '../../contract/config-diff.ts';
import { emptyConfig, type TableName } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import { deriveMap, differences, type Difference } from '../../lib/derived-map.ts';
import type { ListenerRuntime, Snapshot } from '../runtime.ts';
import { buildConnections, type Connections } from './connections.ts';
import { buildHostnameTable, changeHostnameTable, type HostnameTable } from './hostname-table.ts';
import { buildListener, byOwnHostname, type ConnectionTable, type RequestTable } from './listener-router.ts';
import type { Namers } from './namers.ts';
import { buildPaths, changeHostnames, type Hostnames, type Paths } from './paths.ts';
import {
  buildFilters,
  buildRules,
  changedKeys,
  patchedKeys,
  pickFilters,
  type Filters,
  type RuleParts,
  type Rules,
} from './rules.ts';

export interface SnapshotOptions extends RuleParts {
  readonly previous: Snapshot | null;
  readonly version: number;
  /**
   * What turned the configuration of `previous` into this one, where it is known: spares a look at every entry. Needed
   * where tables are changed in place, since `previous` then holds the same ones.
   */
  readonly patch?: ConfigPatch;
}

/** What the next snapshot is made from. */
interface RoutingSnapshot extends Snapshot {
  readonly parts: RuleParts;
  readonly filters: Filters;
  readonly rules: Rules;
  readonly paths: Paths;
  readonly hostnames: Hostnames;
  readonly connections: Connections;
  /** By listener. */
  readonly requestTables: ReadonlyMap<Key, RequestTable>;
  readonly connectionTables: ReadonlyMap<Key, ConnectionTable>;
  /** Handed on from one to the next, and changed: rules that name parts, paths and connections that name rules. */
  readonly namers: { readonly ofParts: Namers; readonly ofRules: Namers; readonly ofConnectionRules: Namers };
}

const nothing: Omit<RoutingSnapshot, 'parts' | 'namers'> = {
  version: 0,
  listeners: new Map(),
  filters: new Map(),
  rules: new Map(),
  paths: new Map(),
  hostnames: new Map(),
  connections: new Map(),
  requestTables: new Map(),
  connectionTables: new Map(),
};

const noNamers = (): RoutingSnapshot['namers'] => ({
  ofParts: new Map(),
  ofRules: new Map(),
  ofConnectionRules: new Map(),
});

/** Throws on a configuration that names what it does not have: the compiler's bug, or another version's. */
export function buildSnapshot(options: SnapshotOptions): Snapshot {
  const { version, previous, patch: known, ...parts } = options;
  const fromNothing = (): RoutingSnapshot => ({
    ...nothing,
    parts: { ...parts, config: emptyConfig },
    namers: noNamers(),
  });
  const before = (previous as RoutingSnapshot | null) ?? fromNothing();
  const { namers } = before;
  const from = before.parts.config;
  const to = parts.config;
  const patch = previous === null ? undefined : known;
  const changed = (table: TableName) => (patch ? patchedKeys(patch[table]) : changedKeys(from[table], to[table]));
  const filters = buildFilters(parts, before.filters, changed('filters'));
  const rules = buildRules({ ...parts, filters, namers: namers.ofParts }, before.rules, {
    rules: changed('rules'),
    filters: changed('filters'),
    routes: changed('routes'),
    backends: changed('backends'),
  });
  const changedRules = differences(before.rules, rules).map(([key]) => key);
  const paths = buildPaths(to.paths, rules, {
    before: before.paths,
    changed: changed('paths'),
    changedNames: changedRules,
    namers: namers.ofRules,
  });
  const connections = buildConnections(to.connections, rules, {
    before: before.connections,
    changed: changed('connections'),
    changedNames: changedRules,
    namers: namers.ofConnectionRules,
  });
  const hostnames = changeHostnames(before.hostnames, differences(before.paths, paths));
  const requestTables = changeTables(before.requestTables, differences(before.hostnames, hostnames), byOwnHostname);
  const entries = differences(before.connections, connections);
  const connectionTables = changeTables(before.connectionTables, entries, () => 0);
  const next = {
    version,
    parts,
    filters,
    rules,
    paths,
    hostnames,
    connections,
    requestTables,
    connectionTables,
    namers,
  };
  const made: RoutingSnapshot = { ...next, listeners: buildListeners(before, next) };
  return made;
}

interface OfListener {
  readonly config: { readonly listener: Key; readonly hostname: string };
}

/** The tables of the listeners of which entries are new, changed or gone. */
function changeTables<T extends OfListener>(
  tables: ReadonlyMap<Key, HostnameTable<T>>,
  entries: readonly Difference<Key, T>[],
  compare: (a: T, b: T) => number,
): ReadonlyMap<Key, HostnameTable<T>> {
  const changes = new Map<Key, Record<'gone' | 'come', (readonly [string, T])[]>>();
  const note = (what: 'gone' | 'come', entry: T | undefined): void => {
    if (!entry) return;
    const { listener, hostname } = entry.config;
    const change = changes.get(listener) ?? { gone: [], come: [] };
    changes.set(listener, change);
    change[what].push([hostname, entry]);
  };
  for (const [, before, after] of entries) {
    note('gone', before);
    note('come', after);
  }
  return deriveMap(
    tables,
    [...changes].map(([listener, change]) => {
      const table = tables.get(listener) ?? buildHostnameTable<T>([]);
      return [listener, changeHostnameTable(table, { ...change, compare })];
    }),
  );
}

/** Those of which nothing changed stay the same objects; so does the map where that is true of all. */
function buildListeners(
  before: RoutingSnapshot,
  { parts, requestTables, connectionTables, filters }: Omit<RoutingSnapshot, 'listeners'>,
): ReadonlyMap<Key, ListenerRuntime> {
  const built = Object.entries(parts.config.listeners).map(([key, config]) => {
    const known = before.listeners.get(key);
    const own = pickFilters(filters, config.filters ?? []);
    const requests = requestTables.get(key) ?? noRequests;
    const connections = connectionTables.get(key) ?? noConnections;
    const isSame =
      known !== undefined &&
      known.config === config &&
      requests === (before.requestTables.get(key) ?? noRequests) &&
      connections === (before.connectionTables.get(key) ?? noConnections) &&
      own.every((filter, i) => filter === known.filters[i]);
    return [key, isSame ? known : buildListener(key, config, { requests, connections, filters: own })] as const;
  });
  const isSame =
    built.length === before.listeners.size && built.every(([key, one]) => before.listeners.get(key) === one);
  return isSame ? before.listeners : new Map(built);
}

const noRequests: RequestTable = buildHostnameTable([]);
const noConnections: ConnectionTable = buildHostnameTable([]);
