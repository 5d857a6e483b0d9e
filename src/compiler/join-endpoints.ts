/**
 * The endpoints of all backends, joined from EndpointSlices: beside `compile`, so that a pod that comes or goes recompiles
 * nothing, and costs no more than a look at what changed.
 */
import { diffConfig } from '../contract/config-diff.ts';
import type { Endpoint } from '../contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { deriveMap, differences } from '../lib/derived-map.ts';
import { partsOfBackend } from './backend-uses.ts';
import type { ResourceName, ResourceSet } from '../model/resources.ts';
import { backendEndpoints, serviceOf } from './endpoints.ts';
import type { EndpointSlice, Service } from './resource-types.ts';

type Joined = ReadonlyMap<Key, readonly Endpoint[]>;
type ByName<T> = ReadonlyMap<ResourceName, T>;

interface Inputs {
  readonly slices: ByName<EndpointSlice>;
  readonly services: ByName<Service>;
  /** Only the keys of its backends count. */
  readonly config: GatewayConfig;
}

interface State {
  from: Inputs;
  /** By `namespace/name` of the Service; sorted, so that the order in which they came makes no difference. */
  readonly slicesOf: Map<string, readonly EndpointSlice[]>;
  readonly backendsOf: Map<string, readonly Key[]>;
  readonly backends: Set<Key>;
  joined: Joined;
}

/** Returns what joins; the same Map, and the same list in it, for as long as nothing it was made from changes. */
export function createEndpointJoiner(): (config: GatewayConfig, resources: ResourceSet) => Joined {
  const state: State = {
    from: { slices: new Map(), services: new Map(), config: emptyConfig },
    slicesOf: new Map(),
    backendsOf: new Map(),
    backends: new Set(),
    joined: new Map(),
  };
  return (config, resources) => {
    const slices = resources.of<EndpointSlice>('EndpointSlice');
    const now: Inputs = { slices, services: resources.of<Service>('Service'), config };
    const stale = new Set([...staleBySlices(state, now), ...staleByServices(state, now)].flatMap(keysOf(state)));
    for (const key of staleKeys(state, now)) stale.add(key);
    state.from = now;
    if (stale.size > 0) state.joined = rejoin(state, stale);
    return state.joined;
  };
}

const keysOf =
  ({ backendsOf }: State) =>
  (service: string): readonly Key[] =>
    backendsOf.get(service) ?? [];

const serviceOfBackend = (key: Key): string => partsOfBackend(key).service;

/** The Services whose slices changed. */
function staleBySlices({ from, slicesOf }: State, { slices }: Inputs): Set<string> {
  const services = new Set<string>();
  for (const [, before, after] of differences(from.slices, slices)) {
    const [old, current] = [before && serviceOf(before), after && serviceOf(after)];
    if (old !== undefined) {
      put(
        slicesOf,
        old,
        (slicesOf.get(old) ?? []).filter((slice) => slice !== before),
      );
      services.add(old);
    }
    if (current === undefined) continue;
    const list = [...(slicesOf.get(current) ?? []), after!];
    slicesOf.set(
      current,
      list.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    );
    services.add(current);
  }
  return services;
}

function staleByServices({ from }: State, { services }: Inputs): string[] {
  const changed = differences(from.services, services);
  return changed
    .map(([, before, after]) => (after ?? before)!.metadata)
    .map(({ namespace, name }) => `${namespace}/${name}`);
}

/** Backends that came or went. */
function staleKeys({ from, backends, backendsOf }: State, { config }: Inputs): Key[] {
  const changed = Object.entries(diffConfig(from.config, config)?.backends ?? {});
  const gone = changed.filter(([, now]) => now === null).map(([key]) => key);
  const fresh = changed.filter(([key, now]) => now !== null && !backends.has(key)).map(([key]) => key);
  for (const key of gone) {
    const service = serviceOfBackend(key);
    backends.delete(key);
    put(
      backendsOf,
      service,
      (backendsOf.get(service) ?? []).filter((one) => one !== key),
    );
  }
  for (const key of fresh) {
    const service = serviceOfBackend(key);
    backends.add(key);
    backendsOf.set(service, [...(backendsOf.get(service) ?? []), key]);
  }
  return [...gone, ...fresh];
}

function rejoin({ from, slicesOf, backends, joined }: State, stale: ReadonlySet<Key>): Joined {
  const changes = [...stale].map((key) => {
    const service = serviceOfBackend(key);
    if (!backends.has(key)) return [key, undefined] as const;
    return [key, backendEndpoints(key, slicesOf.get(service) ?? [], from.services.get(service))] as const;
  });
  return deriveMap(joined, changes);
}

function put<T>(lists: Map<string, readonly T[]>, name: string, list: readonly T[]): void {
  if (list.length > 0) lists.set(name, list);
  else lists.delete(name);
}
