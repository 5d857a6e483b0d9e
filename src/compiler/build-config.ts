/** Keeps the tables of the GatewayConfig up to date with what the steps made, entry by entry. Decides nothing. */
import { deriveConfig, isEqual, tableNames, type ConfigPatch } from '../contract/config-diff.ts';
import { emptyConfig, type GatewayConfig, type TableName } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { ConnectionTables } from './connection-tables.ts';
import type { PathChange } from './path-entries.ts';
import type { ResolvedGateway, RouteEntries, RouteEntry, TranslatedRoute } from './resolved.ts';

interface ConfigInputs {
  readonly gateways: readonly ResolvedGateway[];
  readonly entries: RouteEntries;
  readonly paths: readonly PathChange[];
  readonly connections: { readonly tables: ConnectionTables; readonly changed: ReadonlySet<Key> };
}

type Changes = Record<TableName, Map<Key, unknown>>;

/** The configuration after each call; the same object where nothing changed. */
export function createConfigBuilder(): (inputs: ConfigInputs) => GatewayConfig {
  const current = byTable(() => new Map<Key, unknown>());
  /** How many routes and listeners use a backend. */
  const users = new Map<Key, number>();
  let ofListeners: UsedParts = { filters: [], backends: [] };
  let config = emptyConfig;
  return ({ gateways, entries, paths, connections }) => {
    const changes: Changes = byTable(() => new Map());
    for (const [key, , after] of paths) changes.paths.set(key, after?.config ?? null);
    for (const key of connections.changed) changes.connections.set(key, connections.tables.get(key)?.config ?? null);
    changeGateways(changes, current, gateways);
    removeParts(changes, users, ofListeners);
    ofListeners = partsOfListeners(gateways);
    addParts(changes, users, ofListeners);
    for (const entry of entries.removed) if (entry.places.length > 0) removeRoute(changes, users, entry);
    for (const entry of entries.added) if (entry.places.length > 0) addRoute(changes, users, entry);
    const patch = applyChanges(current, changes);
    if (patch) config = config === emptyConfig ? whole(current) : deriveConfig(config, patch);
    return config;
  };
}

function byTable<T>(make: () => T): Record<TableName, T> {
  return Object.fromEntries(tableNames.map((name) => [name, make()])) as Record<TableName, T>;
}

function changeGateways(changes: Changes, current: Changes, gateways: readonly ResolvedGateway[]): void {
  for (const name of ['listeners', 'certificates'] as const) {
    for (const key of current[name].keys()) changes[name].set(key, null);
  }
  for (const listener of gateways.flatMap((gateway) => gateway.allListeners)) {
    if (listener.config === null) continue;
    changes.listeners.set(listener.key, listener.config);
    for (const [key, certificate] of listener.certificates) changes.certificates.set(key, certificate);
  }
}

function removeRoute(changes: Changes, users: Map<Key, number>, { translated }: RouteEntry): void {
  changes.routes.set(translated.key, null);
  for (const [key] of translated.rules) changes.rules.set(key, null);
  removeParts(changes, users, translated);
}

function addRoute(changes: Changes, users: Map<Key, number>, { translated }: RouteEntry): void {
  changes.routes.set(translated.key, translated.config);
  for (const [key, rule] of translated.rules) changes.rules.set(key, rule);
  addParts(changes, users, translated);
}

/** What routes and listeners both have. */
type UsedParts = Pick<TranslatedRoute, 'filters' | 'backends'>;

function partsOfListeners(gateways: readonly ResolvedGateway[]): UsedParts {
  const listeners = gateways.flatMap((gateway) => gateway.allListeners);
  return {
    filters: listeners.flatMap(({ filters = [] }) => filters),
    backends: listeners.flatMap(({ backends = [] }) => backends),
  };
}

function removeParts(changes: Changes, users: Map<Key, number>, { filters, backends }: UsedParts): void {
  for (const [key] of filters) changes.filters.set(key, null);
  for (const [key] of backends) {
    const left = (users.get(key) ?? 1) - 1;
    users.set(key, left);
    if (left > 0) continue;
    users.delete(key);
    changes.backends.set(key, null);
  }
}

function addParts(changes: Changes, users: Map<Key, number>, { filters, backends }: UsedParts): void {
  for (const [key, filter] of filters) changes.filters.set(key, filter);
  for (const [key, backend] of backends) {
    users.set(key, (users.get(key) ?? 0) + 1);
    changes.backends.set(key, backend);
  }
}

/** What really changed. An entry that says the same as before keeps its object. */
function applyChanges(current: Changes, changes: Changes): ConfigPatch | null {
  const patch: Record<string, Record<Key, unknown>> = {};
  for (const name of tableNames) {
    for (const [key, value] of changes[name]) {
      const before = current[name].get(key) ?? null;
      if (before === value || isEqual(before, value)) continue;
      if (value === null) current[name].delete(key);
      else current[name].set(key, value);
      (patch[name] ??= {})[key] = value;
    }
  }
  return Object.keys(patch).length === 0 ? null : patch;
}

function whole(current: Changes): GatewayConfig {
  const tables = tableNames.map((name) => [name, Object.fromEntries(current[name])]);
  return Object.fromEntries(tables) as GatewayConfig;
}
