/** The endpoints of one backend out of EndpointSlices. Knows nothing of all the others. */
import type { Endpoint } from '../contract/endpoints.ts';
import type { Key } from '../contract/keys.ts';
import { isPort, partsOfBackend } from './backend-uses.ts';
import type { EndpointSlice, Service, ServicePort } from './resource-types.ts';

/** Names the Service that an EndpointSlice belongs to. */
const serviceNameLabel = 'kubernetes.io/service-name';

/** `namespace/name` of the Service that a slice belongs to; undefined: none. */
export function serviceOf({ metadata: { namespace, labels } }: EndpointSlice): string | undefined {
  const service = labels?.[serviceNameLabel];
  return service === undefined ? undefined : `${namespace}/${service}`;
}

/** The endpoints of one backend (`Service/namespace/name/port`, and perhaps how it is spoken to) from the slices of its Service, sorted by address. */
export function backendEndpoints(
  backend: Key,
  slices: readonly EndpointSlice[],
  service: Service | undefined,
): readonly Endpoint[] {
  const { port: number, use } = partsOfBackend(backend);
  const port = service?.spec.ports?.find((one) => isPort(one, number, use));
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
  const ports = (slice.ports ?? []).filter((one) => (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
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
