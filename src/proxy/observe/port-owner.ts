/** Which Gateway and listener a connection belongs to, as far as can be said without a request. Knows no metrics. */
import { partsOf } from '../../contract/keys.ts';
import { selectListener } from '../routing/select-listener.ts';
import type { ListenerRuntime } from '../runtime.ts';

/** Empty where it cannot be told. */
export interface PortOwner {
  /** `namespace/name`; several, with commas, only while ports move from one Gateway to another. */
  readonly gateway: string;
  readonly listener: string;
}

/** What is true for every connection of a port: its Gateway, and its listener where there is but one. */
export function ownerOf(listeners: readonly ListenerRuntime[]): PortOwner {
  const gateways = new Set(listeners.map(gatewayOf));
  const listener = listeners.length === 1 ? nameOf(listeners[0]!) : '';
  return { gateway: [...gateways].toSorted().join(','), listener };
}

/** The listener that a TLS connection chose by its server name; null where the name says no more than the port does. */
export function ownerBySni(listeners: readonly ListenerRuntime[], serverName: string): PortOwner | null {
  if (listeners.length < 2) return null;
  const listener = selectListener(listeners, serverName.toLowerCase());
  return listener === null ? null : { gateway: gatewayOf(listener), listener: nameOf(listener) };
}

function gatewayOf({ config }: ListenerRuntime): string {
  const { namespace, name } = partsOf(config.gateway);
  return `${namespace}/${name}`;
}

function nameOf({ config }: ListenerRuntime): string {
  return config.origin.section ?? '';
}
