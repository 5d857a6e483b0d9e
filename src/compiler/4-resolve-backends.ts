/** Step 4: backendRefs to Service ports. Endpoints are not looked at: a Service without any is still resolved. */
import type { BackendConfig, BackendProtocol } from '../contract/gateway-config.ts';
import { keyOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { refusal, type GrantIndex } from './reference-grants.ts';
import { gatewayGroup, type HTTPBackendRef, type Service, type ServicePort } from './resource-types.ts';

export type ResolvedBackend = { readonly key: Key; readonly config: BackendConfig } | { readonly problem: Problem };

/** Who refers: a kind of this group in this namespace. */
interface Referrer {
  readonly kind: string;
  readonly namespace: string;
}

export interface BackendSurroundings {
  readonly grants: GrantIndex;
  /** Looks a Service up by `namespace/name`. */
  service(name: string): Service | undefined;
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
  return resolvePort(service, ref.port);
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
