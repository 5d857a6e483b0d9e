/** Which rule takes the connections or sessions of a listener, kept from the previous snapshot wherever nothing of it has changed. */
import type { ConnectionConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import type { RuleRuntime } from '../runtime.ts';
import type { Rules } from './rules.ts';

export interface ConnectionEntry {
  readonly config: ConnectionConfig;
  readonly rule: RuleRuntime;
}

export type Connections = ReadonlyMap<Key, ConnectionEntry>;

interface Earlier {
  readonly before: { readonly rules: Rules; readonly connections: Connections };
  readonly changed: ReadonlySet<Key> | null;
}

/** Answers the same map where nothing changed. */
export function buildConnections(
  configs: Readonly<Record<Key, ConnectionConfig>>,
  rules: Rules,
  { before, changed }: Earlier,
): Connections {
  if (changed === null && rules === before.rules) return before.connections;
  const connections = new Map(before.connections);
  for (const key of changed ?? []) {
    const config = configs[key];
    if (config === undefined) connections.delete(key);
    else connections.set(key, entryOf(config, rules));
  }
  if (rules === before.rules) return connections;
  for (const [key, { config, rule }] of connections) {
    if (rules.get(config.rule) !== rule) connections.set(key, entryOf(config, rules));
  }
  return connections;
}

function entryOf(config: ConnectionConfig, rules: Rules): ConnectionEntry {
  const rule = rules.get(config.rule);
  if (!rule) throw new Error(`the configuration names rule ${config.rule}, but does not have it`);
  return { config, rule };
}
