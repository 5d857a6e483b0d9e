/** What a Gateway asks for in `spec.addresses`, by routability (GEP-5093), and what of it it has. Knows no pool and no sockets. */
import type { Problem } from '../contract/problem.ts';
import type { Gateway } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file; only where the API has the fields. */
export const routabilityFeatures: readonly string[] = ['GatewayAddressRoutability', 'GatewayAddressRoutabilityCluster'];

/** Reserved for conformance tests: an address like any other, reported as it was asked for. */
const sentinel = 'testing.x-k8s.io/sentinel';

export interface AddressRequest {
  /** Empty: any. */
  readonly value: string;
  readonly routability: string;
}

export interface AddressRequests {
  /** To be listened on. */
  readonly own: readonly AddressRequest[];
  /** To be addresses of the Gateway's Service. */
  readonly cluster: readonly AddressRequest[];
  /** With a routability that nobody here can give. */
  readonly unknown: readonly AddressRequest[];
}

export function requestsOf({ spec }: Gateway): AddressRequests {
  const all = (spec.addresses ?? []).map(({ value = '', routability = '' }) => ({ value, routability }));
  return {
    own: all.filter(({ routability }) => routability === '' || routability === sentinel),
    cluster: all.filter(({ routability }) => routability === 'Cluster'),
    unknown: all.filter(({ routability }) => !['', sentinel, 'Cluster'].includes(routability)),
  };
}

/** The addresses of this host that a Gateway needs, empty text for any; null: none, since nothing that it asks for can be had. */
export function addressesToListenOn(gateway: Gateway): readonly string[] | null {
  const { own, cluster, unknown } = requestsOf(gateway);
  if (own.length > 0) return own.map(({ value }) => value);
  // A Service must lead somewhere.
  if (cluster.length > 0) return [''];
  return unknown.length > 0 ? null : [];
}

/** Why nothing can be served, where that is known from the requests alone. `Service`: there is a cluster to make one. */
export function hopelessRequests(gateway: Gateway, provider: 'Service' | 'None'): Problem | null {
  const { own, cluster, unknown } = requestsOf(gateway);
  const hopeless = provider === 'None' ? [...cluster, ...unknown] : unknown;
  if (hopeless.length === 0 || own.length > 0 || hopeless.length < cluster.length + unknown.length) return null;
  return notAssigned(hopeless);
}

export interface AddressAssignment {
  readonly addresses: readonly { readonly value: string; readonly routability: string }[];
  readonly unsatisfied: readonly AddressRequest[];
}

/** `clusterIPs` empty: the Gateway's Service has none, or does not lead to the proxies. `listened` are in the order of the requests. */
export function assignAddresses(
  gateway: Gateway,
  { listened, clusterIPs }: { readonly listened: readonly string[]; readonly clusterIPs: readonly string[] },
): AddressAssignment {
  const { own, cluster, unknown } = requestsOf(gateway);
  const addresses: { value: string; routability: string }[] = [];
  const unsatisfied: AddressRequest[] = [...unknown];
  const free = new Set(clusterIPs);
  // Those that name an address first, so that nobody else takes it.
  for (const request of cluster.toSorted((a, b) => Number(b.value !== '') - Number(a.value !== ''))) {
    const value = request.value === '' ? [...free][0] : request.value;
    if (value !== undefined && free.delete(value)) addresses.push({ value, routability: 'Cluster' });
    else unsatisfied.push(request);
  }
  const isAsked = own.length + cluster.length + unknown.length > 0;
  // Where only the Service was asked for, what it leads to is nobody's business.
  if (own.length > 0 || !isAsked)
    addresses.push(...listened.map((value, i) => ({ value, routability: own[i]?.routability ?? '' })));
  return { addresses, unsatisfied };
}

/** The way out for a Gateway that has none of the addresses that it asks for. */
export function notAssigned(requests: readonly AddressRequest[]): Problem {
  return { reason: 'AddressNotAssigned', message: unsatisfiedText(requests) };
}

export function unsatisfiedText(requests: readonly AddressRequest[]): string {
  const texts = requests.map(({ value, routability }) => {
    const name = `${value === '' ? 'any address' : value} with routability ${routability === '' ? '""' : routability}`;
    return routability === 'Cluster'
      ? `${name} (needs a Service of the Gateway with that ClusterIP, and proxies on addresses other than the loopback's)`
      : `${name} (not known here: use "" or Cluster)`;
  });
  return `spec.addresses asks for what cannot be had: ${texts.join('; ')}`;
}
