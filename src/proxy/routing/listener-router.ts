/** One listener at run time: from a request or a connection to the rule that takes it. Immutable; made anew when something below it changed. */
import type { HostnameConfig, ListenerConfig } from '../../contract/gateway-config.ts';
import type { Filter } from '../../contract/filter.ts';
import type { Key } from '../../contract/keys.ts';
import type { ListenerRuntime, MatchInput, RuleMatch } from '../runtime.ts';
import type { ConnectionEntry } from './connections.ts';
import { buildHostnameTable, compareHostnames, findByHost } from './hostname-table.ts';
import { findMatch, type PathTable } from './path-table.ts';

/** The matches of one HostnameConfig. `results` stands in the order of its matches. */
export interface HostnameRoutes {
  readonly config: HostnameConfig;
  readonly paths: PathTable;
  readonly results: readonly RuleMatch[];
}

/** What a listener is made of. */
export interface ListenerParts {
  readonly hostnames: readonly HostnameRoutes[];
  readonly connections: readonly ConnectionEntry[];
  readonly filters: readonly Filter[];
}

export function buildListener(key: Key, config: ListenerConfig, parts: ListenerParts): ListenerRuntime {
  const { hostnames, connections, filters } = parts;
  const ordered = hostnames.length < 2 ? hostnames : hostnames.toSorted(byOwnHostname);
  const requests = buildHostnameTable(ordered.map((routes) => [routes.config.hostname, routes] as const));
  const rules = buildHostnameTable(connections.map((entry) => [entry.config.hostname, entry] as const));
  return {
    key,
    config,
    filters,
    match: (request) => findByHost(requests, request.host, { subject: request, take: takeRequest }),
    matchConnection: (serverName) => findByHost(rules, serverName, ruleOf),
  };
}

const ruleOf = { subject: undefined, take: (entry: ConnectionEntry) => entry.rule };

function byOwnHostname(a: HostnameRoutes, b: HostnameRoutes): number {
  return compareHostnames(a.config.own, b.config.own);
}

function takeRequest(routes: HostnameRoutes, request: MatchInput): RuleMatch | null {
  const index = findMatch(routes.paths, request);
  return index < 0 ? null : routes.results[index]!;
}
