/** Configurations, snapshots and requests for the tests of routing. */
import { emptyConfig, type GatewayConfig, type MatchConfig, type PathConfig } from '../../contract/gateway-config.ts';
import { FieldList } from '../http/fields.ts';
import type { MatchInput, Snapshot } from '../runtime.ts';
import { buildSnapshot, type SnapshotOptions } from './snapshot.ts';

export const origin = { kind: 'HTTPRoute', namespace: 'n', name: 'r' };

/** A match with its path. */
export type Listed = Omit<MatchConfig, 'order'> & Pick<PathConfig, 'path'>;

/** One hostname on listener `l0`; the first match that fits takes a request. */
export interface HostnameList extends Pick<PathConfig, 'hostname' | 'own'> {
  readonly matches: readonly Listed[];
}

export function configOf(
  hostnames: readonly HostnameList[],
  listenerHostnames: readonly string[] = [''],
): GatewayConfig {
  const listeners: Record<string, GatewayConfig['listeners'][string]> = {};
  for (const [i, hostname] of listenerHostnames.entries()) {
    listeners[`l${i}`] = { origin, gateway: 'g', protocol: 'HTTP', addresses: [], port: 80, hostname };
  }
  const rules: Record<string, GatewayConfig['rules'][string]> = {};
  const paths: Record<string, PathConfig> = {};
  for (const { hostname, own, matches } of hostnames) {
    for (const [order, { path, ...match }] of matches.entries()) {
      rules[match.rule] = { route: 'r', origin, filters: [], backends: [] };
      const key = `${hostname} ${own} ${path.type} ${path.value}`;
      const earlier = paths[key]?.matches ?? [];
      paths[key] = { listener: 'l0', hostname, own, path, matches: [...earlier, { ...match, order }] };
    }
  }
  return { ...emptyConfig, listeners, paths, rules, routes: { r: { origin } } };
}

export function snapshotOf(
  config: GatewayConfig,
  previous: Snapshot | null = null,
  patch: Pick<SnapshotOptions, 'patch'> = {},
): Snapshot {
  const filterContext = { random: () => 0, now: () => 0 };
  const parts = { filterDefinitions: [], backendOf: () => null, filterContext };
  return buildSnapshot({ previous, config, version: 1, ...parts, ...patch });
}

export function requestOf(over: Partial<MatchInput>): MatchInput {
  return {
    host: 'a.com',
    method: 'GET',
    path: '/',
    query: '',
    headers: new FieldList(),
    authority: 'a.com',
    upgrade: '',
    ...over,
  };
}
