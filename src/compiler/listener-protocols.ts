/** What each protocol of a listener can do: the one place to extend when a protocol is added. */
import type { ListenerProtocol } from '../contract/gateway-config.ts';
import { gatewayGroup, type Listener, type RouteGroupKind } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const protocolFeatures: readonly string[] = [
  'Gateway',
  'ReferenceGrant',
  'GatewayPort8080',
  'TLSRouteModeTerminate',
  'TLSRouteModeMixed',
];

export interface ProtocolRules {
  readonly protocol: ListenerProtocol;
  /** Route kinds that a listener can carry. */
  readonly kinds: readonly RouteGroupKind[];
  /** Listeners of one transport on one port must have the same sharing, and are then told apart by hostname; `none`: not at all. */
  readonly sharing: 'cleartext' | 'tls' | 'none';
  readonly transport: 'tcp' | 'udp';
  readonly tls: 'Terminate' | 'Passthrough' | 'None';
}

const kindsNamed = (...kinds: readonly string[]): readonly RouteGroupKind[] =>
  kinds.map((kind) => ({ group: gatewayGroup, kind }));
const requests = kindsNamed('HTTPRoute', 'GRPCRoute');

/** By protocol, and mode where there is a choice: whoever only wants bytes may leave the server name to the listener (TCPRoute). */
const rules = {
  HTTP: { protocol: 'HTTP', kinds: requests, sharing: 'cleartext', transport: 'tcp', tls: 'None' },
  HTTPS: { protocol: 'HTTPS', kinds: requests, sharing: 'tls', transport: 'tcp', tls: 'Terminate' },
  TLS: {
    protocol: 'TLS',
    kinds: kindsNamed('TLSRoute', 'TCPRoute'),
    sharing: 'tls',
    transport: 'tcp',
    tls: 'Terminate',
  },
  TCP: { protocol: 'TCP', kinds: kindsNamed('TCPRoute'), sharing: 'none', transport: 'tcp', tls: 'None' },
  UDP: { protocol: 'UDP', kinds: kindsNamed('UDPRoute'), sharing: 'none', transport: 'udp', tls: 'None' },
} satisfies Record<ListenerProtocol, ProtocolRules>;

const passthrough: ProtocolRules = { ...rules.TLS, kinds: kindsNamed('TLSRoute'), tls: 'Passthrough' };

export const supportedProtocols: readonly string[] = Object.keys(rules);

/** Undefined where the listener's protocol is not supported. */
export function rulesOf({ protocol, tls }: Listener): ProtocolRules | undefined {
  if (!isSupported(protocol)) return undefined;
  return protocol === 'TLS' && tls?.mode === 'Passthrough' ? passthrough : rules[protocol];
}

function isSupported(protocol: string): protocol is ListenerProtocol {
  return supportedProtocols.includes(protocol);
}

/** `443`, or `53/UDP`: two listeners of the same number but of different transports are not in each other's way. */
export function portName(listener: Listener): string {
  return rulesOf(listener)?.transport === 'udp' ? `${listener.port}/UDP` : String(listener.port);
}
