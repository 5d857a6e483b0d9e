/** Step 4: backendRefs to Service ports. Endpoints are not looked at: a Service without any is still resolved. */
import type { BackendConfig, BackendProtocol } from '../contract/gateway-config.ts';
import { keyOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { refusal, type GrantIndex } from './reference-grants.ts';
import type { ServiceEffects } from './resolved.ts';
import { gatewayGroup, type HTTPBackendRef, type Service, type ServicePort } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const backendFeatures: readonly string[] = ['HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket'];

export type ResolvedBackend =
  | { readonly key: Key; readonly config: BackendConfig }
  /** The reference is sound, but a policy forbids its use: a matter of the policy's status, not of the route's. */
  | { readonly key: Key; readonly refused: Problem }
  | { readonly problem: Problem };

/** Who refers: a kind of this group in this namespace. */
interface Referrer {
  readonly kind: string;
  readonly namespace: string;
}

export interface BackendSurroundings {
  readonly grants: GrantIndex;
  /** Looks a Service up by `namespace/name`. */
  service(name: string): Service | undefined;
  /** What policies say about that Service. */
  effects(name: string): ServiceEffects | undefined;
}

/** Kind, then permission, then existence: the reason must not tell a stranger what exists. */
export function resolveBackend(ref: HTTPBackendRef, from: Referrer, around: BackendSurroundings): ResolvedBackend {
  const namespace = ref.namespace ?? from.namespace;
  if ((ref.group ?? '') !== '' || (ref.kind ?? 'Service') !== 'Service') {
    const kind = `${ref.kind ?? 'Service'}${ref.group ? ` of group ${ref.group}` : ''}`;
    return problem('InvalidKind', `backendRef ${ref.name} is a ${kind}: only Services can be backends`);
  }
  const to = { group: '', kind: 'Service', namespace, name: ref.name };
  const refused = refusal(around.grants, { ...from, group: gatewayGroup }, to);
  if (refused) return { problem: refused };
  const service = around.service(`${namespace}/${ref.name}`);
  if (!service) return problem('BackendNotFound', `Service ${namespace}/${ref.name} does not exist`);
  const effects = around.effects(`${namespace}/${ref.name}`);
  const resolved = resolvePort(service, ref.port);
  return effects && 'config' in resolved ? withEffects(resolved, service, effects) : resolved;
}

const portsByService = new WeakMap<Service, Map<number | undefined, ResolvedBackend>>();

/** Remembered by Service and port, so that all rules share one object. */
function resolvePort(service: Service, port: number | undefined): ResolvedBackend {
  let ports = portsByService.get(service);
  if (!ports) portsByService.set(service, (ports = new Map()));
  const known = ports.get(port);
  if (known) return known;
  const result = makeBackend(service, port);
  ports.set(port, result);
  return result;
}

type SoundBackend = Extract<ResolvedBackend, { readonly config: BackendConfig }>;

const changedByEffects = new WeakMap<ServiceEffects, WeakMap<SoundBackend, ResolvedBackend>>();

/** Remembered like the ports themselves. */
function withEffects(backend: SoundBackend, service: Service, effects: ServiceEffects): ResolvedBackend {
  let changed = changedByEffects.get(effects);
  if (!changed) changedByEffects.set(effects, (changed = new WeakMap()));
  const known = changed.get(backend);
  if (known) return known;
  const result = applyEffects(backend, service, effects);
  changed.set(backend, result);
  return result;
}

/** With a policy it is TLS, whatever `appProtocol` says. */
function applyEffects({ key, config }: SoundBackend, service: Service, effects: ServiceEffects): ResolvedBackend {
  const name = service.spec.ports?.find(
    ({ port, protocol = 'TCP' }) => port === config.port && protocol === 'TCP',
  )?.name;
  const effect = (name === undefined ? undefined : effects.byPort[name]) ?? effects.whole;
  if (!effect) return { key, config };
  if ('refused' in effect) return { key, refused: effect.refused };
  const protocol = config.protocol === 'h2c' || config.protocol === 'h2-tls' ? 'h2-tls' : 'http1-tls';
  return { key, config: { ...config, protocol, tls: effect.tls } };
}

function makeBackend(service: Service, number: number | undefined): ResolvedBackend {
  const { namespace, name, generation } = service.metadata;
  if (service.spec.type === 'ExternalName') {
    // A Service of this type points wherever its author likes, past every ReferenceGrant (CVE-2021-25740).
    return problem('BackendNotFound', `Service ${namespace}/${name} is of type ExternalName, which is not served`);
  }
  const ports = service.spec.ports ?? [];
  const port = ports.find((one) => one.port === number && (one.protocol ?? 'TCP') === 'TCP');
  if (!port || number === undefined) {
    const known = ports.map((one) => `${one.port}${one.protocol && one.protocol !== 'TCP' ? `/${one.protocol}` : ''}`);
    const wanted = number === undefined ? 'the backendRef names no port' : `it has no TCP port ${number}`;
    return problem('BackendNotFound', `Service ${namespace}/${name}: ${wanted}; ports: ${known.join(', ') || 'none'}`);
  }
  const protocol = protocolOf(port);
  if (!protocol) {
    const message = `Service ${namespace}/${name} port ${number}: appProtocol ${port.appProtocol} is not supported by HTTPRoute`;
    return problem('UnsupportedProtocol', message);
  }
  const config: BackendConfig = {
    origin: { kind: 'Service', namespace, name, section: String(number), generation },
    port: number,
    protocol,
    ...(protocol === 'http1-tls' && { tls: { serverName: `${name}.${namespace}.svc` } }),
    loadBalancing: { type: 'LeastRequest' },
  };
  return { key: keyOf('Service', namespace, name, number), config };
}

/** GEP-1911. Names of other registries (`http`, `tcp`, `mysql`) say nothing about HTTP's version: HTTP/1.1 is what always works. */
function protocolOf(port: ServicePort): BackendProtocol | undefined {
  switch (port.appProtocol) {
    case 'kubernetes.io/h2c':
    case 'grpc':
      return 'h2c';
    case 'kubernetes.io/ws':
      return 'http1';
    case 'kubernetes.io/wss':
    case 'https':
      return 'http1-tls';
    default:
      return port.appProtocol?.startsWith('kubernetes.io/') ? undefined : 'http1';
  }
}

function problem(reason: string, message: string): ResolvedBackend {
  return { problem: { reason, message } };
}
