/**
 * Makes the routing of one version of the configuration out of the previous one: only what changed is built.
 * Entries are compared by identity, which patches keep. Knows neither sockets nor where the parts come from.
 */
import type { ConfigPatch } from '../../contract/config-diff.ts';
import {
  emptyConfig,
  type HostnameConfig,
  type ListenerConfig,
  type MatchConfig,
  type TableName,
} from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import type { ListenerRuntime, RuleMatch, RuleRuntime, Snapshot } from '../runtime.ts';
import { buildConnections, type Connections } from './connections.ts';
import { buildListener, type HostnameRoutes } from './listener-router.ts';
import { buildPathTable } from './path-table.ts';
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
  readonly hostnames: ReadonlyMap<Key, HostnameRoutes>;
  readonly connections: Connections;
}

const nothing: Omit<RoutingSnapshot, 'parts'> = {
  version: 0,
  listeners: new Map(),
  filters: new Map(),
  rules: new Map(),
  hostnames: new Map(),
  connections: new Map(),
};

/** Throws on a configuration that names what it does not have: the compiler's bug, or another version's. */
export function buildSnapshot(options: SnapshotOptions): Snapshot {
  const { version, previous, patch: known, ...parts } = options;
  const before = (previous as RoutingSnapshot | null) ?? { ...nothing, parts: { ...parts, config: emptyConfig } };
  const from = before.parts.config;
  const to = parts.config;
  const patch = previous === null ? undefined : known;
  const changed = (table: TableName) => (patch ? patchedKeys(patch[table]) : changedKeys(from[table], to[table]));
  const changedFilters = changed('filters');
  const filters = buildFilters(parts, before.filters, changedFilters);
  const rules = buildRules({ ...parts, filters }, before.rules, {
    rules: changed('rules'),
    filters: changedFilters,
    routes: changed('routes'),
    backends: changed('backends'),
  });
  const changedHostnames = changed('hostnames');
  const hostnames = buildHostnames(to.hostnames, rules, { before, changed: changedHostnames });
  const connections = buildConnections(to.connections, rules, { before, changed: changed('connections') });
  const isSame =
    hostnames === before.hostnames &&
    connections === before.connections &&
    !changed('listeners') &&
    (changedFilters === null || !Object.values(to.listeners).some((one) => usesOne(one, changedFilters)));
  const next: RoutingSnapshot = {
    version,
    parts,
    filters,
    rules,
    hostnames,
    connections,
    listeners: isSame ? before.listeners : buildListeners(parts, before, { hostnames, connections, filters }),
  };
  return next;
}

interface Earlier {
  readonly before: Pick<RoutingSnapshot, 'rules' | 'hostnames'>;
  readonly changed: ReadonlySet<Key> | null;
}

function buildHostnames(
  configs: Readonly<Record<Key, HostnameConfig>>,
  rules: Rules,
  { before, changed }: Earlier,
): ReadonlyMap<Key, HostnameRoutes> {
  if (changed === null && rules === before.rules) return before.hostnames;
  const hostnames = new Map(before.hostnames);
  for (const key of changed ?? []) {
    const config = configs[key];
    if (config === undefined) hostnames.delete(key);
    else hostnames.set(key, buildRoutes(config, rules));
  }
  if (rules === before.rules) return hostnames;
  for (const [key, routes] of hostnames) {
    const { results } = routes;
    // Backwards a stale rule is found as well as forwards; most tables have none.
    if (results.some((result) => rules.get(result.rule.key) !== result.rule)) {
      hostnames.set(key, {
        ...routes,
        results: results.map((result, i) => renewed(result, routes.config.matches[i]!, rules)),
      });
    }
  }
  return hostnames;
}

function buildRoutes(config: HostnameConfig, rules: Rules): HostnameRoutes {
  const results = config.matches.map((match) => resultOf(match, rules));
  return { config, paths: buildPathTable(config.matches), results };
}

function renewed(result: RuleMatch, match: MatchConfig, rules: Rules): RuleMatch {
  return rules.get(match.rule) === result.rule ? result : resultOf(match, rules);
}

function resultOf(match: MatchConfig, rules: Rules): RuleMatch {
  const rule: RuleRuntime | undefined = rules.get(match.rule);
  if (!rule) throw new Error(`the configuration names rule ${match.rule}, but does not have it`);
  return { rule, pathPrefix: match.path.type === 'PathPrefix' ? match.path.value : undefined };
}

function buildListeners(
  { config }: RuleParts,
  before: RoutingSnapshot,
  { hostnames, connections, filters }: Pick<RoutingSnapshot, 'hostnames' | 'connections' | 'filters'>,
): ReadonlyMap<Key, ListenerRuntime> {
  const touched = new Set<Key>();
  touchListeners(touched, before.hostnames, hostnames);
  touchListeners(touched, before.connections, connections);
  const hostnamesOf = Map.groupBy(hostnames.values(), (routes) => routes.config.listener);
  const connectionsOf = Map.groupBy(connections.values(), (entry) => entry.config.listener);
  const listeners = new Map<Key, ListenerRuntime>();
  for (const [key, entry] of Object.entries(config.listeners)) {
    const known = before.listeners.get(key);
    const own = pickFilters(filters, entry.filters ?? []);
    const isSame =
      known !== undefined &&
      known.config === entry &&
      !touched.has(key) &&
      own.every((filter, i) => filter === known.filters[i]);
    const parts = { hostnames: hostnamesOf.get(key) ?? [], connections: connectionsOf.get(key) ?? [], filters: own };
    listeners.set(key, isSame ? known : buildListener(key, entry, parts));
  }
  return listeners;
}

function usesOne({ filters = [] }: ListenerConfig, changed: ReadonlySet<Key>): boolean {
  return filters.some((key) => changed.has(key));
}

interface OfListener {
  readonly config: { readonly listener: Key };
}

/** Adds the listeners of all entries that are new, changed or gone. */
function touchListeners(
  touched: Set<Key>,
  before: ReadonlyMap<Key, OfListener>,
  after: ReadonlyMap<Key, OfListener>,
): void {
  if (before === after) return;
  for (const [key, entry] of after) {
    const known = before.get(key);
    if (known === entry) continue;
    touched.add(entry.config.listener);
    if (known) touched.add(known.config.listener);
  }
  for (const [key, entry] of before) if (!after.has(key)) touched.add(entry.config.listener);
}
