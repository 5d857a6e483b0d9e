/**
 * The endpoints of all backends, joined from EndpointSlices: beside `compile`, so that a pod that comes or goes recompiles
 * nothing, and costs no more than a look at what changed.
 */
import type { Endpoint } from '../contract/endpoints.ts';
import type { Key } from '../contract/keys.ts';
import { partsOfBackend } from './backend-uses.ts';
import type { ResourceName, ResourceSet } from '../model/resources.ts';
import { backendEndpoints, serviceOf } from './endpoints.ts';
import type { EndpointSlice, Service } from './resource-types.ts';

type Joined = ReadonlyMap<Key, readonly Endpoint[]>;
type ByName<T> = ReadonlyMap<ResourceName, T>;
type Backends = Readonly<Record<Key, unknown>>;

interface Inputs {
  readonly slices: ByName<EndpointSlice>;
  readonly services: ByName<Service>;
  /** A table of the configuration: only its keys count. */
  readonly backends: Backends;
}

interface State {
  from: Inputs;
  /** By `namespace/name` of the Service; sorted, so that the order in which they came makes no difference. */
  readonly slicesOf: Map<string, readonly EndpointSlice[]>;
  readonly backendsOf: Map<string, readonly Key[]>;
  joined: Joined;
}

/** Returns what joins; the same Map, and the same list in it, for as long as nothing it was made from changes. */
export function createEndpointJoiner(): (backends: Backends, resources: ResourceSet) => Joined {
  const state: State = {
    from: { slices: new Map(), services: new Map(), backends: {} },
    slicesOf: new Map(),
    backendsOf: new Map(),
    joined: new Map(),
  };
  return (backends, resources) => {
    const slices = resources.of<EndpointSlice>('EndpointSlice');
    const now: Inputs = { slices, services: resources.of<Service>('Service'), backends };
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
  for (const [before, after] of differences(from.slices, slices)) {
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
    .map(([before, after]) => (after ?? before)!.metadata)
    .map(({ namespace, name }) => `${namespace}/${name}`);
}

/** Backends that came or went. */
function staleKeys({ from, backendsOf }: State, { backends }: Inputs): Key[] {
  if (from.backends === backends) return [];
  const gone = Object.keys(from.backends).filter((key) => !(key in backends));
  const fresh = Object.keys(backends).filter((key) => !(key in from.backends));
  for (const key of gone) {
    const service = serviceOfBackend(key);
    put(
      backendsOf,
      service,
      (backendsOf.get(service) ?? []).filter((one) => one !== key),
    );
  }
  for (const key of fresh) {
    const service = serviceOfBackend(key);
    backendsOf.set(service, [...(backendsOf.get(service) ?? []), key]);
  }
  return [...gone, ...fresh];
}

function rejoin({ from, slicesOf, joined }: State, stale: ReadonlySet<Key>): Joined {
  const next = new Map(joined);
  for (const key of stale) {
    const service = serviceOfBackend(key);
    if (key in from.backends)
      next.set(key, backendEndpoints(key, slicesOf.get(service) ?? [], from.services.get(service)));
    else next.delete(key);
  }
  return next;
}

function put<T>(lists: Map<string, readonly T[]>, name: string, list: readonly T[]): void {
  if (list.length > 0) lists.set(name, list);
  else lists.delete(name);
}

/** Values by what they were and what they are, where these are two objects. */
function differences<T extends object>(before: ByName<T>, after: ByName<T>): [T | undefined, T | undefined][] {
  if (before === after) return [];
  const found: [T | undefined, T | undefined][] = [];
  let kept = 0;
  for (const [name, value] of after) {
    const old = before.get(name);
    if (old !== undefined) kept++;
    if (old !== value) found.push([old, value]);
  }
  if (kept < before.size) for (const [name, old] of before) if (!after.has(name)) found.push([old, undefined]);
  return found;
}
