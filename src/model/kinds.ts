/** The registry of kinds that Headgate reads: where each lives and how its versions are called. Knows nothing of what is inside them. */
import { ownGroup, ownVersion, type OwnKind } from './own-kinds.ts';
import { closest } from './schema/closest.ts';
import { ownKinds } from './schema/own-kinds.generated.ts';

export interface KindDefinition {
  readonly group: string;
  readonly kind: string;
  /** As in URLs of the Kubernetes API. */
  readonly plural: string;
  /** All that manifests carry, the newest first; older ones are read as the newest. */
  readonly versions: readonly [string, ...string[]];
  /** The version that the API server stores. */
  readonly storageVersion: string;
  readonly scope: 'Namespaced' | 'Cluster';
  /** Whether controllers write a status to it. */
  readonly hasStatus: boolean;
  /** Gateway API kinds and our own have a schema; of core kinds the few fields that are read are checked by hand (core.ts). */
  readonly hasSchema: boolean;
}

export const gatewayGroup = 'gateway.networking.k8s.io';

export const kinds: readonly KindDefinition[] = [
  gatewayKind({
    kind: 'GatewayClass',
    plural: 'gatewayclasses',
    versions: ['v1', 'v1beta1', 'v1alpha2'],
    scope: 'Cluster',
  }),
  gatewayKind({ kind: 'Gateway', plural: 'gateways', versions: ['v1', 'v1beta1', 'v1alpha2'] }),
  gatewayKind({ kind: 'ListenerSet', plural: 'listenersets', versions: ['v1'] }),
  gatewayKind({ kind: 'HTTPRoute', plural: 'httproutes', versions: ['v1', 'v1beta1', 'v1alpha2'] }),
  gatewayKind({ kind: 'GRPCRoute', plural: 'grpcroutes', versions: ['v1', 'v1alpha2'] }),
  gatewayKind({ kind: 'TLSRoute', plural: 'tlsroutes', versions: ['v1', 'v1alpha3', 'v1alpha2'] }),
  gatewayKind({ kind: 'TCPRoute', plural: 'tcproutes', versions: ['v1', 'v1alpha2'] }),
  gatewayKind({ kind: 'UDPRoute', plural: 'udproutes', versions: ['v1', 'v1alpha2'] }),
  gatewayKind({ kind: 'BackendTLSPolicy', plural: 'backendtlspolicies', versions: ['v1', 'v1alpha3'] }),
  {
    ...gatewayKind({ kind: 'ReferenceGrant', plural: 'referencegrants', versions: ['v1', 'v1beta1', 'v1alpha2'] }),
    storageVersion: 'v1beta1',
    hasStatus: false,
  },
  coreKind('Service', 'services'),
  coreKind('Secret', 'secrets'),
  coreKind('ConfigMap', 'configmaps'),
  { ...coreKind('Namespace', 'namespaces'), scope: 'Cluster' },
  { ...coreKind('EndpointSlice', 'endpointslices'), group: 'discovery.k8s.io' },
  {
    ...coreKind('ClusterTrustBundle', 'clustertrustbundles'),
    group: 'certificates.k8s.io',
    versions: ['v1', 'v1beta1', 'v1alpha1'],
    scope: 'Cluster',
  },
  ...ownKinds.map((one) => ownKind(one)),
];

/** Kinds that were renamed without a change inside. */
const renamed: Readonly<Record<string, string>> = {
  'gateway.networking.x-k8s.io/v1alpha1/XListenerSet': 'ListenerSet',
  'gateway.networking.k8s.io/v1alpha2/ReferencePolicy': 'ReferenceGrant',
};

const byKind = new Map(kinds.map((definition) => [definition.kind, definition]));

export type KindLookup =
  | { readonly type: 'Known'; readonly definition: KindDefinition; readonly version: string }
  /** The kind is ours, the version is not. */
  | { readonly type: 'UnknownVersion'; readonly definition: KindDefinition }
  | { readonly type: 'Unknown' };

/** What a document's `apiVersion` and `kind` stand for. */
export function lookUpKind(apiVersion: string, kind: string): KindLookup {
  const definition = byKind.get(renamed[`${apiVersion}/${kind}`] ?? kind);
  if (!definition) return { type: 'Unknown' };
  const { group, version } = splitApiVersion(apiVersion);
  if (definition.kind !== kind) return { type: 'Known', definition, version: definition.versions[0] };
  if (definition.group !== group) return { type: 'Unknown' };
  return definition.versions.includes(version)
    ? { type: 'Known', definition, version }
    : { type: 'UnknownVersion', definition };
}

/**
 * What a kind that Headgate does not read (`gateway.networking.k8s.io/v1 HttpRoute`) was probably meant to be; undefined where
 * it may well exist. Sure is that only where nothing but letter case or a missing group differs.
 */
export function meantKind(apiVersion: string, kind: string): { text: string; isSure: boolean } | undefined {
  const { group } = splitApiVersion(apiVersion);
  const same = kinds.find((known) => known.kind.toLowerCase() === kind.toLowerCase());
  if (same && (group === '' || group === same.group))
    return { text: `${apiVersionOf(same)} ${same.kind}`, isSure: true };
  if (group !== gatewayGroup) return undefined;
  const ours = kinds.filter((known) => known.group === group).map((known) => known.kind);
  const near = closest(kind, ours);
  // Words of another beginning are other words: nobody who writes MeshRoute means TLSRoute.
  return near?.[0]?.toLowerCase() !== kind[0]?.toLowerCase()
    ? undefined
    : { text: `${apiVersion} ${near}`, isSure: false };
}

/** The `apiVersion` that every object of the kind carries once it is read. */
export function apiVersionOf({ group, versions }: KindDefinition): string {
  return group === '' ? versions[0] : `${group}/${versions[0]}`;
}

export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

function gatewayKind(
  definition: Pick<KindDefinition, 'kind' | 'plural' | 'versions'> & Partial<KindDefinition>,
): KindDefinition {
  const [newest] = definition.versions;
  return {
    group: gatewayGroup,
    storageVersion: newest,
    scope: 'Namespaced',
    hasStatus: true,
    hasSchema: true,
    ...definition,
  };
}

function ownKind({ kind, plural, hasStatus = false }: OwnKind): KindDefinition {
  return {
    group: ownGroup,
    kind,
    plural,
    versions: [ownVersion],
    storageVersion: ownVersion,
    scope: 'Namespaced',
    hasStatus,
    hasSchema: true,
  };
}

function coreKind(kind: string, plural: string): KindDefinition {
  return {
    group: '',
    kind,
    plural,
    versions: ['v1'],
    storageVersion: 'v1',
    scope: 'Namespaced',
    hasStatus: false,
    hasSchema: false,
  };
}
