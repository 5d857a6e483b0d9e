/** How the Service ports that routes refer to are used: what is spoken there, with or without TLS, and under which key. Knows no policies. */
import type { BackendProtocol } from '../contract/gateway-config.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { ResourceName } from '../model/resources.ts';
import type { ServicePort } from './resource-types.ts';

export type BackendUse = 'HTTP' | 'GRPC' | 'TCP' | 'UDP';

interface UseRules {
  /** Follows the port in the backend's key, since one port may be used in several ways; none for HTTP. */
  readonly suffix: string;
  /** Of the Service's port. */
  readonly transport: 'TCP' | 'UDP';
  /** Undefined: the port speaks something that this use cannot. */
  protocolOf(port: ServicePort): BackendProtocol | undefined;
  /** What a protocol becomes where a policy asks for TLS; absent: TLS is not for this use. */
  readonly overTls?: Readonly<Partial<Record<BackendProtocol, BackendProtocol>>>;
  /** Clients may speak TLS with the backend themselves, whatever policies say: TLSRoutes at listeners of mode Passthrough. */
  readonly passesThrough?: true;
}

const overHttp2: Readonly<Partial<Record<BackendProtocol, BackendProtocol>>> = { http1: 'h2c', 'http1-tls': 'h2-tls' };

const uses: Readonly<Record<BackendUse, UseRules>> = {
  HTTP: {
    suffix: '',
    transport: 'TCP',
    protocolOf: httpProtocol,
    overTls: { http1: 'http1-tls', 'http1-tls': 'http1-tls', h2c: 'h2-tls', 'h2-tls': 'h2-tls' },
  },
  GRPC: {
    suffix: 'grpc',
    transport: 'TCP',
    // gRPC is HTTP/2, whether the port says so or not.
    protocolOf(port) {
      const protocol = httpProtocol(port);
      return protocol && (overHttp2[protocol] ?? protocol);
    },
    overTls: { h2c: 'h2-tls', 'h2-tls': 'h2-tls' },
  },
  // What the bytes are is not looked at, so `appProtocol` has no say.
  TCP: { suffix: 'tcp', transport: 'TCP', protocolOf: () => 'tcp', overTls: { tcp: 'tcp-tls' }, passesThrough: true },
  UDP: { suffix: 'udp', transport: 'UDP', protocolOf: () => 'udp' },
};

export const backendUses = Object.keys(uses) as readonly BackendUse[];

export function rulesOfUse(use: BackendUse): UseRules {
  return uses[use];
}

/** GEP-1911. Names of other registries (`http`, `tcp`, `mysql`) say nothing about HTTP's version: HTTP/1.1 is what always works. */
function httpProtocol(port: ServicePort): BackendProtocol | undefined {
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

/** The port of a Service's port that fits the use. */
export function isPort(port: ServicePort, number: number | undefined, use: BackendUse): boolean {
  return port.port === number && (port.protocol ?? 'TCP') === uses[use].transport;
}

/** `Service/shop/cart/8080`, `Service/shop/db/5432/tcp`. */
export function backendKey(service: ResourceName, port: number, use: BackendUse): Key {
  const [namespace = '', name = ''] = service.split('/');
  const { suffix } = uses[use];
  return keyOf('Service', namespace, name, port, ...(suffix === '' ? [] : [suffix]));
}

/** What a backend's key was made of. */
export function partsOfBackend(backend: Key): { service: ResourceName; port: number; use: BackendUse } {
  const { namespace, name, section } = partsOf(backend);
  const [port, suffix = ''] = section.split('/');
  const use = backendUses.find((one) => uses[one].suffix === suffix) ?? 'HTTP';
  return { service: `${namespace}/${name}`, port: Number(port), use };
}
