/** The objects that a Gateway gets in its namespace, as they are applied, and whether one that is there says the same. Pure. */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { ServiceWish } from '../contract/infrastructure.ts';
import type { Resource } from '../model/resources.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Service' | 'EndpointSlice';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly [field: string]: unknown;
}

/** Tells whether something was applied that is not wished any more: only whoever applied it can know. */
const appliedAnnotation = 'headgate.dev/applied';

const known = new WeakMap<ServiceWish, readonly Manifest[]>();

/** The Service, and the EndpointSlice of each family of addresses; remembered by the wish. */
export function manifestsFor(wish: ServiceWish): readonly Manifest[] {
  const manifests = known.get(wish) ?? makeManifests(wish);
  known.set(wish, manifests);
  return manifests;
}

function makeManifests(wish: ServiceWish): readonly Manifest[] {
  const families = [
    { addressType: 'IPv4', addresses: wish.addresses.filter((address) => !isIPv6(address)) },
    { addressType: 'IPv6', addresses: wish.addresses.filter(isIPv6) },
  ].filter(({ addresses }) => addresses.length > 0);
  return [serviceFor(wish), ...families.map((family) => sliceFor(wish, family))];
}

function serviceFor(wish: ServiceWish): Manifest {
  const ports = wish.ports.map(({ name, port, protocol }) => ({ name, port, protocol, targetPort: port }));
  const spec = { type: 'ClusterIP', ports, ...(wish.clusterIP !== undefined && { clusterIP: wish.clusterIP }) };
  return signed({ apiVersion: 'v1', kind: 'Service', metadata: metadataFor(wish, wish.name), spec });
}

function sliceFor(
  wish: ServiceWish,
  { addressType, addresses }: { readonly addressType: string; readonly addresses: readonly string[] },
): Manifest {
  const metadata = metadataFor(wish, `${wish.name}-${addressType.toLowerCase()}`);
  const labels = {
    ...metadata.labels,
    'kubernetes.io/service-name': wish.name,
    // Without it the cluster's own controllers think that the slice is theirs.
    'endpointslice.kubernetes.io/managed-by': 'headgate.dev',
  };
  return signed({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels },
    addressType,
    endpoints: [{ addresses, conditions: { ready: true } }],
    ports: wish.ports.map(({ name, port, protocol }) => ({ name, port, protocol })),
  });
}

function metadataFor({ namespace, labels, annotations, gateway }: ServiceWish, name: string): Manifest['metadata'] {
  const owner = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', controller: true, ...gateway };
  return { name, namespace, labels, annotations, ownerReferences: [owner] };
}

function signed(manifest: Manifest): Manifest {
  const hash = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 16);
  const annotations = { ...manifest.metadata.annotations, [appliedAnnotation]: hash };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

/** Whether the object was made for the Gateway with this uid. */
export function isOwnedBy({ metadata }: Resource, uid: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
}

/** Whether it was made by Headgate for any Gateway. */
export function isOurs({ metadata }: Resource): boolean {
  return metadata.annotations?.[appliedAnnotation] !== undefined && (metadata.ownerReferences?.length ?? 0) > 0;
}

/** Whether all of the manifest is in the object, and nothing of an earlier one is left. */
export function isApplied(manifest: Manifest, object: Resource): boolean {
  const { ownerReferences: _owners, ...metadata } = manifest.metadata;
  return contains(object, { ...manifest, metadata });
}

function contains(whole: unknown, part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return Object.is(whole, part);
  if (typeof whole !== 'object' || whole === null) return false;
  if (Array.isArray(part))
    return Array.isArray(whole) && whole.length === part.length && part.every((item, i) => contains(whole[i], item));
  return Object.entries(part).every(([key, value]) => contains((whole as Record<string, unknown>)[key], value));
}
