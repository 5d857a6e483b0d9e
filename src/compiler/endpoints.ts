/** The endpoints of backends, joined from EndpointSlices: beside `compile`, so that a pod that comes or goes recompiles nothing. */
import type { Endpoint } from '../contract/endpoints.ts';
import { partsOf, type Key } from '../contract/keys.ts';
import type { ResourceSet } from '../model/resources.ts';
import { isSameList } from './memory.ts';
import type { EndpointSlice, Service, ServicePort } from './resource-types.ts';

/** Names the Service that an EndpointSlice belongs to. */
const serviceNameLabel = 'kubernetes.io/service-name';

/** EndpointSlices by `namespace/name` of their Service. A Service whose slices did not change keeps its list. */
type SliceIndex = ReadonlyMap<string, readonly EndpointSlice[]>;

/** `previous` lends the lists that are still right. */
function indexSlices(resources: ResourceSet, previous: SliceIndex = new Map()): SliceIndex {
  const index = new Map<string, EndpointSlice[]>();
  for (const slice of resources.of<EndpointSlice>('EndpointSlice').values()) {
    const service = slice.metadata.labels?.[serviceNameLabel];
    if (service === undefined) continue;
    const name = `${slice.metadata.namespace}/${service}`;
    const list = index.get(name);
    if (list) list.push(slice);
    else index.set(name, [slice]);
  }
  const result = new Map<string, readonly EndpointSlice[]>(index);
  for (const [name, list] of index) {
    const before = previous.get(name);
    if (before && isSameList(before, list)) result.set(name, before);
  }
  return result;
}

const noSlices: readonly EndpointSlice[] = [];

/** Makes the endpoints of backends, and gives the same list again for as long as nothing it was made from changes. */
export function createEndpointJoiner(): (
  backends: Iterable<Key>,
  resources: ResourceSet,
) => ReadonlyMap<Key, readonly Endpoint[]> {
  interface Known {
    readonly slices: readonly EndpointSlice[];
    readonly service: Service | undefined;
    readonly endpoints: readonly Endpoint[];
  }
  let known = new Map<Key, Known>();
  let slicesFrom: unknown;
  let index: SliceIndex = new Map();
  return (backends, resources) => {
    const slicesNow = resources.of('EndpointSlice');
    if (slicesFrom !== slicesNow) index = indexSlices(resources, index);
    slicesFrom = slicesNow;
    const services = resources.of<Service>('Service');
    const next = new Map<Key, Known>();
    const result = new Map<Key, readonly Endpoint[]>();
    for (const key of backends) {
      const { namespace, name } = partsOf(key);
      const service = services.get(`${namespace}/${name}`);
      const slices = index.get(`${namespace}/${name}`) ?? noSlices;
      const before = known.get(key);
      const isSame = before?.service === service && before?.slices === slices;
      const entry = before && isSame ? before : { slices, service, endpoints: backendEndpoints(key, slices, service) };
      next.set(key, entry);
      result.set(key, entry.endpoints);
    }
    known = next;
    return result;
  };
}

/** The endpoints of one backend (`Service/namespace/name/port`, and perhaps how it is spoken to) from the slices of its Service, sorted by address. */
export function backendEndpoints(
  backend: Key,
  slices: readonly EndpointSlice[],
  service: Service | undefined,
): readonly Endpoint[] {
  const number = Number.parseInt(partsOf(backend).section, 10);
  const port = service?.spec.ports?.find((one) => one.port === number && (one.protocol ?? 'TCP') === 'TCP');
  if (!port) return [];
  const endpoints = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    const target = targetPort(port, slice);
    if (target === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) addEndpoint(endpoints, endpoint, target);
  }
  return [...endpoints.values()].toSorted((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port,
  );
}

/** A slice's port bears the name of the Service's port; only hand-written slices leave the name out where the Service has one. */
function targetPort(port: ServicePort, slice: EndpointSlice): number | undefined {
  const ports = (slice.ports ?? []).filter((one) => (one.protocol ?? 'TCP') === 'TCP');
  const named = ports.find((one) => (one.name ?? '') === (port.name ?? ''));
  const found = named ?? (ports.length === 1 && !ports[0]?.name ? ports[0] : undefined);
  return found?.port ?? undefined;
}

/** EndpointSlice defaults: absent `ready` is true, absent `serving` is as `ready`, absent `terminating` is false. */
function addEndpoint(
  endpoints: Map<string, Endpoint>,
  { addresses = [], conditions = {}, zone }: NonNullable<EndpointSlice['endpoints']>[number],
  port: number,
): void {
  // All addresses of one endpoint are interchangeable (EndpointSlice API): the first one stands for it.
  const address = addresses[0];
  if (address === undefined) return;
  const ready = conditions.ready ?? true;
  const serving = conditions.serving ?? ready;
  const terminating = conditions.terminating ?? false;
  const endpoint: Endpoint = { address, port, ready, serving, terminating, ...(zone !== undefined && { zone }) };
  const id = `${address} ${port}`;
  // While a pod moves between slices it may stand in two of them; the one that is ready is the news.
  if (!endpoints.get(id)?.ready) endpoints.set(id, endpoint);
}
