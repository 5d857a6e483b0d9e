/** Step 2: listeners of Gateways and their ListenerSets, with certificates, kinds and conflicts. Routes are not looked at. */
import type { Problem } from '../contract/problem.ts';
import {
  addressesOf,
  findTakenPorts,
  homelessProblem,
  takenProblem,
  unsupportedAddress,
  type PortClaimant,
  type TakenPorts,
} from './addresses.ts';
import { parametersOf } from './gateway-parameters.ts';
import { resolveGatewayTls } from './gateway-tls.ts';
import { resolveInfrastructure } from './infrastructure.ts';
import { findConflicts, findOverlaps } from './listener-conflicts.ts';
import { findSetConflicts } from './listener-set-conflicts.ts';
import { portName } from './listener-protocols.ts';
import type { ListenerSets } from './listener-sets.ts';
import { isSameList } from './memory.ts';
import { recordReferences, type RecordedReferences, type ReferenceWorld } from './references.ts';
import { resolveListener } from './resolve-listener.ts';
import type {
  ResolvedGateway,
  ResolvedListener,
  ResolvedListenerSet,
  SelectedGateway,
  SelectedListenerSet,
} from './resolved.ts';
import type { Gateway, Listener, ListenerSet } from './resource-types.ts';

interface Remembered {
  readonly inputs: readonly unknown[];
  readonly references: RecordedReferences;
  readonly value: ResolvedGateway;
}

type ListenerMemory = WeakMap<Gateway, Remembered>;

export const createListenerMemory = (): ListenerMemory => new WeakMap();

type AllTakenPorts = ReadonlyMap<Gateway | ListenerSet, TakenPorts>;

/** Gateways sorted the oldest first, as they come. */
export function resolveListeners(
  selected: readonly SelectedGateway[],
  { world, listenerSets }: { world: ReferenceWorld; listenerSets: ListenerSets },
  memory: ListenerMemory,
): readonly ResolvedGateway[] {
  const setsOf = ({ key }: SelectedGateway) => listenerSets.byGateway.get(key) ?? [];
  const taken = findTakenPorts([
    // A ListenerSet never takes a port from a Gateway, whichever is older.
    ...selected.map((one) => claimant(one, one.gateway)),
    ...selected.flatMap((one) => allowed(setsOf(one)).map((owner) => claimant(one, owner))),
  ]);
  return selected.map((one) => {
    const sets = setsOf(one);
    const inputs = [
      portsText(taken, one.gateway),
      one.assigned,
      ...sets.flatMap(({ listenerSet, refused }) => [listenerSet, refused?.message, portsText(taken, listenerSet)]),
    ];
    const known = memory.get(one.gateway);
    if (known && isSameList(known.inputs, inputs) && known.references.holdsIn(world)) return known.value;
    const references = recordReferences(world);
    const value = resolveGateway(one, { sets, taken, references });
    memory.set(one.gateway, { inputs, references, value });
    return value;
  });
}

function allowed(sets: readonly SelectedListenerSet[]): readonly ListenerSet[] {
  return sets.filter(({ refused }) => refused === null).map(({ listenerSet }) => listenerSet);
}

function claimant(one: SelectedGateway, owner: Gateway | ListenerSet): PortClaimant {
  const isHomeless = homelessProblem(one) !== null;
  return { owner, gateway: one.gateway, addresses: addressesOf(one), isHomeless };
}

function portsText(taken: AllTakenPorts, owner: Gateway | ListenerSet): string {
  const ports = taken.get(owner);
  return ports ? JSON.stringify([...ports]) : '';
}

interface GatewaySurroundings {
  readonly sets: readonly SelectedListenerSet[];
  readonly taken: AllTakenPorts;
  readonly references: RecordedReferences;
}

function resolveGateway(selected: SelectedGateway, around: GatewaySurroundings): ResolvedGateway {
  const { gateway, key } = selected;
  const found = parametersOf(gateway, around.references);
  const accepted = unsupportedAddress(gateway) ?? ('problem' in found ? found.problem : null);
  const addresses = addressesOf(selected);
  const homeless = homelessProblem(selected);
  const inside = allowed(around.sets);
  const conflicts = new Map([...findConflicts(gateway.spec.listeners), ...findSetConflicts(gateway, inside)]);
  const tls = resolveGatewayTls(gateway, around.references);
  const resolved = [gateway, ...inside].flatMap((owner) =>
    owner.spec.listeners.map((listener: Listener) =>
      resolveListener(listener, {
        owner,
        gateway: key,
        addresses,
        isServable: accepted === null && homeless === null && !around.taken.get(owner)?.has(portName(listener)),
        conflicted: conflicts.get(listener) ?? null,
        tls,
        references: around.references,
      }),
    ),
  );
  const allListeners = withOverlaps(resolved);
  const listenersOf = (owner: Gateway | ListenerSet): readonly ResolvedListener[] =>
    allListeners.filter(({ spec }) => owner.spec.listeners.includes(spec));
  const programmedOf = (owner: Gateway | ListenerSet): Problem | null => {
    const ports = around.taken.get(owner);
    return ports ? takenProblem(addresses, ports) : homeless;
  };
  const listenerSets = around.sets.map(({ listenerSet, refused, ...set }): ResolvedListenerSet => {
    if (refused) return { key: set.key, listenerSet, listeners: [], accepted: refused, programmed: null };
    return {
      key: set.key,
      listenerSet,
      listeners: listenersOf(listenerSet),
      accepted: accepted && parentNotAccepted(gateway, accepted),
      programmed: programmedOf(listenerSet),
    };
  });
  return {
    gateway,
    key,
    listeners: listenersOf(gateway),
    listenerSets,
    allListeners,
    accepted,
    resolvedRefs: tls.problem,
    isInsecure: tls.isInsecure,
    programmed: programmedOf(gateway),
    addresses,
    ...resolveInfrastructure(gateway, {
      parameters: 'parameters' in found && accepted === null ? found.parameters : null,
      listeners: allListeners.map(({ spec }) => spec),
      addresses: homeless ? [] : addresses,
      references: around.references,
    }),
  };
}

function withOverlaps(listeners: readonly ResolvedListener[]): readonly ResolvedListener[] {
  const named = listeners
    .filter(({ conflicted }) => !conflicted)
    .map(({ spec, certificates }) => ({ spec, names: certificates.flatMap(([, { names }]) => names) }));
  const overlaps = findOverlaps(named);
  return listeners.map((listener) => ({ ...listener, overlapping: overlaps.get(listener.spec) ?? null }));
}

function parentNotAccepted({ metadata }: Gateway, { message }: Problem): Problem {
  return {
    reason: 'ParentNotAccepted',
    message: `Gateway ${metadata.namespace}/${metadata.name} is not accepted: ${message}`,
  };
}
