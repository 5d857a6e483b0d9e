/** Which rule takes the connections or sessions of a listener, kept from the previous snapshot wherever nothing of it has changed. */
import type { ConnectionConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import type { RuleRuntime } from '../runtime.ts';
import { deriveNaming, type Earlier } from './namers.ts';
import type { Rules } from './rules.ts';

export interface ConnectionEntry {
  readonly config: ConnectionConfig;
  readonly rule: RuleRuntime;
}

export type Connections = ReadonlyMap<Key, ConnectionEntry>;

/** Answers the same map where nothing changed. */
export function buildConnections(
  configs: Readonly<Record<Key, ConnectionConfig>>,
  rules: Rules,
  earlier: Earlier<ConnectionEntry>,
): Connections {
  return deriveNaming(configs, earlier, {
    build: (config) => entryOf(config, rules),
    namesIn: ({ rule }) => [rule],
  });
}

function entryOf(config: ConnectionConfig, rules: Rules): ConnectionEntry {
  const rule = rules.get(config.rule);
  if (!rule) throw new Error(`the configuration names rule ${config.rule}, but does not have it`);
  return { config, rule };
}
