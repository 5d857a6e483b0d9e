/**
 * What paths lead to, and the hostnames they are paths of, kept from the previous snapshot wherever nothing of them has
 * changed. Knows no listeners.
 */
import type { PathConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import { deriveMap, type Difference } from '../../lib/derived-map.ts';
import type { RuleMatch } from '../runtime.ts';
import type { HostnameRoutes } from './listener-router.ts';
import { deriveNaming, type Earlier } from './namers.ts';
import { buildPathRoutes, changePathTable, noPaths, type PathRoutes } from './path-table.ts';
import type { Rules } from './rules.ts';

export type Paths = ReadonlyMap<Key, PathRoutes>;

/** Answers the same map where nothing changed. */
export function buildPaths(
  configs: Readonly<Record<Key, PathConfig>>,
  rules: Rules,
  earlier: Earlier<PathRoutes>,
): Paths {
  return deriveNaming(configs, earlier, {
    build: (config) => buildPathRoutes(config, resultsOf(config, rules)),
    namesIn: ({ matches }) => matches.map((match) => match.rule),
  });
}

function resultsOf({ path, matches }: PathConfig, rules: Rules): readonly RuleMatch[] {
  const pathPrefix = path.type === 'PathPrefix' ? path.value : undefined;
  return matches.map((match) => {
    const rule = rules.get(match.rule);
    if (!rule) throw new Error(`the configuration names rule ${match.rule}, but does not have it`);
    return { rule, pathPrefix };
  });
}

export type Hostnames = ReadonlyMap<string, HostnameRoutes>;

interface Change {
  readonly config: PathConfig;
  readonly gone: PathRoutes[];
  readonly come: PathRoutes[];
}

/** The hostnames of which paths are new, changed or gone. */
export function changeHostnames(before: Hostnames, paths: readonly Difference<Key, PathRoutes>[]): Hostnames {
  const changes = new Map<string, Change>();
  const changeOf = ({ config }: PathRoutes): Change => {
    const key = `${config.listener} ${config.hostname} ${config.own}`;
    const change = changes.get(key) ?? { config, gone: [], come: [] };
    changes.set(key, change);
    return change;
  };
  for (const [, old, now] of paths) {
    if (old) changeOf(old).gone.push(old);
    if (now) changeOf(now).come.push(now);
  }
  const changed = [...changes].map(([key, { config, gone, come }]) => {
    const { listener, hostname, own } = config;
    const table = changePathTable(before.get(key)?.paths ?? noPaths, { gone, come });
    return [key, table === null ? undefined : { config: { listener, hostname, own }, paths: table }] as const;
  });
  return deriveMap(before, changed);
}
