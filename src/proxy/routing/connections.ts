/** Which rule takes the connections or sessions of a listener, kept from the previous snapshot wherever nothing of it has changed. */
import type { ConnectionConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import { deriveMap } from '../../lib/derived-map.ts';
import type { RuleRuntime } from '../runtime.ts';
import { addNamer, namersOf, removeNamer, type Namers } from './namers.ts';
import type { Rules } from './rules.ts';

export interface ConnectionEntry {
  readonly config: ConnectionConfig;
  readonly rule: RuleRuntime;
}

export type Connections = ReadonlyMap<Key, ConnectionEntry>;

interface Earlier {
  readonly before: Connections;
  readonly changed: ReadonlySet<Key> | null;
  readonly changedRules: Iterable<Key>;
  /** The entries that name a rule; kept up to date. */
  readonly namers: Namers;
}

/** Answers the same map where nothing changed. */
export function buildConnections(
  configs: Readonly<Record<Key, ConnectionConfig>>,
  rules: Rules,
  { before, changed, changedRules, namers }: Earlier,
): Connections {
  const stale = new Set(changed);
  for (const rule of changedRules) for (const key of namersOf(namers, rule)) stale.add(key);
  const built = [...stale].map((key) => {
    const config = configs[key];
    return [key, config && entryOf(config, rules)] as const;
  });
  for (const [key, entry] of built) {
    const known = before.get(key);
    if (known) removeNamer(namers, key, [known.config.rule]);
    if (entry) addNamer(namers, key, [entry.config.rule]);
  }
  return deriveMap(before, built);
}

function entryOf(config: ConnectionConfig, rules: Rules): ConnectionEntry {
  const rule = rules.get(config.rule);
  if (!rule) throw new Error(`the configuration names rule ${config.rule}, but does not have it`);
  return { config, rule };
}
