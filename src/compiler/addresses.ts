/** Where Gateways listen, and which of two that want the same address and port gets it. */
import type { Problem } from '../contract/problem.ts';
import { nameOf } from '../model/resources.ts';
import { addressesToListenOn, hopelessRequests } from './address-requests.ts';
import { portName, rulesOf } from './listener-protocols.ts';
import type { SelectedGateway } from './resolved.ts';
import type { Gateway, Listener, ListenerSet } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const addressFeatures: readonly string[] = ['GatewayStaticAddresses', 'GatewayAddressEmpty'];

/** What the proxy listens on where nobody says otherwise. */
const anyAddress: readonly string[] = ['0.0.0.0', '::'];

/** The first address of a type that Headgate cannot give, as a problem. Absent type means IPAddress. */
export function unsupportedAddress(gateway: Gateway): Problem | null {
  const stranger = gateway.spec.addresses?.find((address) => (address.type ?? 'IPAddress') !== 'IPAddress');
  if (!stranger) return null;
  const message = `spec.addresses holds ${stranger.value ?? 'an entry'} of type ${stranger.type}: only IPAddress is supported, so give an IP address, or leave the field out`;
  return { reason: 'UnsupportedAddress', message };
}

/**
 * Where the Gateway listens: what was assigned to it, or else the IP addresses that it asks for. Empty: those the proxy was
 * started with. An entry without value asks for those too.
 */
export function addressesOf({ gateway, assigned }: SelectedGateway): readonly string[] {
  if (assigned) return assigned.addresses;
  const values = addressesToListenOn(gateway) ?? [];
  return values.every((value) => value !== '') ? values : [];
}

/** Why the whole Gateway has no place to listen. */
export function homelessProblem({ gateway, assigned }: SelectedGateway): Problem | null {
  return assigned?.problem ?? hopelessRequests(gateway, assigned ? 'Service' : 'None');
}

/** Whether others in the cluster can reach it: an API server takes no other for an endpoint. */
export function isReachable(address: string): boolean {
  return !/^(?:127\.|169\.254\.|0\.0\.0\.0$|::1?$|fe[89ab])/i.test(address);
}

/** Ports, by `portName`, that a Gateway cannot have because an older one has them, with that one's name. */
export type TakenPorts = ReadonlyMap<string, string>;

/** A Gateway or ListenerSet with what it wants to listen on. */
export interface PortClaimant {
  readonly owner: Gateway | ListenerSet;
  /** Nothing of the Gateway is served. */
  readonly isHomeless: boolean;
  /** Itself, or the Gateway of the ListenerSet. */
  readonly gateway: Gateway;
  /** Of the Gateway; empty: those the proxy was started with. */
  readonly addresses: readonly string[];
}

/** For each claimant that comes too late, the ports it does not get. Who comes first gets the port. */
export function findTakenPorts(claimants: readonly PortClaimant[]): ReadonlyMap<PortClaimant['owner'], TakenPorts> {
  const owners = new Map<string, Gateway>();
  const result = new Map<PortClaimant['owner'], TakenPorts>();
  for (const { owner, gateway, addresses, isHomeless } of claimants) {
    if (isHomeless || unsupportedAddress(gateway)) continue;
    const taken = new Map<string, string>();
    const wanted = wantedSockets(addresses, owner.spec.listeners);
    for (const { port, socket } of wanted) {
      const holder = owners.get(socket);
      if (holder && holder !== gateway) taken.set(port, nameOf(holder));
    }
    for (const { port, socket } of wanted) if (!taken.has(port)) owners.set(socket, gateway);
    if (taken.size > 0) result.set(owner, taken);
  }
  return result;
}

function wantedSockets(
  listed: readonly string[],
  listeners: readonly Listener[],
): readonly { port: string; socket: string }[] {
  const addresses = listed.length === 0 ? anyAddress : listed;
  return listeners.flatMap((listener) => {
    if (!rulesOf(listener)) return [];
    const port = portName(listener);
    return addresses.map((address) => ({ port, socket: `${address} ${port}` }));
  });
}

/** The way out for a Gateway whose ports are taken. */
export function takenProblem(listed: readonly string[], taken: TakenPorts): Problem {
  const where = listed.length === 0 ? 'the default address' : listed.join(', ');
  const owners = [...taken].map(([port, owner]) => `port ${port} (Gateway ${owner})`).join(', ');
  const message =
    `already in use on ${where}: ${owners}. Who has it keeps it: ` +
    'use another port, give this Gateway an address of its own in spec.addresses, or add its listeners to the other Gateway';
  return { reason: 'AddressNotUsable', message };
}
