/** What each protocol of a listener can do: the one place to extend when a protocol is added. */
import type { ListenerProtocol } from '../contract/gateway-config.ts';
import { gatewayGroup, type Listener, type RouteGroupKind } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const protocolFeatures: readonly string[] = ['Gateway', 'HTTPRoute', 'ReferenceGrant', 'GatewayPort8080'];

export interface ProtocolRules {
  readonly protocol: ListenerProtocol;
  /** Route kinds that a listener can carry. */
  readonly kinds: readonly RouteGroupKind[];
  /** Listeners of one transport on one port must have the same sharing, and are then told apart by hostname. */
  readonly sharing: 'cleartext' | 'tls' | 'none';
  readonly transport: 'tcp' | 'udp';
  readonly tls: 'Terminate' | 'None';
}

const httpRoute: RouteGroupKind = { group: gatewayGroup, kind: 'HTTPRoute' };

const rules: ReadonlyMap<string, ProtocolRules> = new Map(
  (
    [
      { protocol: 'HTTP', kinds: [httpRoute], sharing: 'cleartext', transport: 'tcp', tls: 'None' },
      { protocol: 'HTTPS', kinds: [httpRoute], sharing: 'tls', transport: 'tcp', tls: 'Terminate' },
    ] satisfies readonly ProtocolRules[]
  ).map((entry) => [entry.protocol, entry]),
);

/** Undefined where the listener's protocol is not supported. */
export function rulesOf(listener: Listener): ProtocolRules | undefined {
  return rules.get(listener.protocol);
}

export const supportedProtocols: readonly string[] = [...rules.keys()];
