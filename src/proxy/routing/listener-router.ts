/** One listener at run time: from a request or a connection to the rule that takes it. Immutable; made anew when something below it changed. */
import type { ListenerConfig, PathConfig } from '../../contract/gateway-config.ts';
import type { Filter } from '../../contract/filter.ts';
import type { Key } from '../../contract/keys.ts';
import type { ListenerRuntime, MatchInput, RuleMatch } from '../runtime.ts';
import type { ConnectionEntry } from './connections.ts';
import { compareHostnames, findByHost, type HostnameTable } from './hostname-table.ts';
import { findMatch, type PathTable } from './path-table.ts';

/** All that shares a listener, a hostname and an own hostname. */
export interface HostnameRoutes {
  readonly config: Pick<PathConfig, 'listener' | 'hostname' | 'own'>;
  readonly paths: PathTable;
}

/** What a listener is made of. */
export interface ListenerParts {
  readonly requests: RequestTable;
  readonly connections: ConnectionTable;
  readonly filters: readonly Filter[];
}

export type RequestTable = HostnameTable<HostnameRoutes>;
export type ConnectionTable = HostnameTable<ConnectionEntry>;

export function buildListener(key: Key, config: ListenerConfig, parts: ListenerParts): ListenerRuntime {
  const { requests, connections, filters } = parts;
  return {
    key,
    config,
    filters,
    match: (request) => findByHost(requests, request.host, { subject: request, take: takeRequest }),
    matchConnection: (serverName) => findByHost(connections, serverName, ruleOf),
  };
}

const ruleOf = { subject: undefined, take: (entry: ConnectionEntry) => entry.rule };

/** The order in which a request tries what has the same effective hostname. */
export function byOwnHostname(a: HostnameRoutes, b: HostnameRoutes): number {
  return compareHostnames(a.config.own, b.config.own);
}

function takeRequest(routes: HostnameRoutes, request: MatchInput): RuleMatch | null {
  return findMatch(routes.paths, request);
}
