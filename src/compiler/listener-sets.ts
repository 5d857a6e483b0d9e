/** Which ListenerSets belong to which Gateway, and whether it lets them in (GEP-1713). Their listeners are not looked at. */
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { nameOf, type ResourceSet } from '../model/resources.ts';
import { isSelected, labelsOf } from './allowed-routes.ts';
import { compareAge } from './precedence.ts';
import type { Note, SelectedGateway, SelectedListenerSet } from './resolved.ts';
import { gatewayGroup, type Gateway, type ListenerSet } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const listenerSetFeatures: readonly string[] = ['ListenerSet'];

export interface ListenerSets {
  /** By the Gateway's key; the oldest set first. */
  readonly byGateway: ReadonlyMap<Key, readonly SelectedListenerSet[]>;
  readonly notes: readonly Note[];
}

/** ListenerSets of Gateways that are not ours are somebody else's business. */
export function findListenerSets(selected: readonly SelectedGateway[], resources: ResourceSet): ListenerSets {
  const gateways = new Map(selected.map(({ gateway, key }) => [key, gateway]));
  const byGateway = new Map<Key, SelectedListenerSet[]>();
  const notes: Note[] = [];
  for (const listenerSet of resources.of<ListenerSet>('ListenerSet').values()) {
    const parent = parentOf(listenerSet);
    const gateway = gateways.get(parent);
    const { namespace, name } = listenerSet.metadata;
    const key = keyOf('ListenerSet', namespace, name);
    if (gateway) {
      const sets = byGateway.get(parent) ?? [];
      sets.push({ listenerSet, key, refused: refuse(listenerSet, gateway, resources) });
      byGateway.set(parent, sets);
    } else if (!resources.of('Gateway').has(nameOfKey(parent))) {
      const message = `parent Gateway ${nameOfKey(parent)} does not exist: correct name or namespace in spec.parentRef`;
      notes.push({ object: key, message, severity: 'error' });
    }
  }
  for (const sets of byGateway.values()) sets.sort((a, b) => compareAge(a.listenerSet, b.listenerSet));
  return { byGateway, notes };
}

function parentOf({ metadata, spec }: ListenerSet): Key {
  const { group = gatewayGroup, kind = 'Gateway', namespace = metadata.namespace, name } = spec.parentRef;
  return keyOf(group === gatewayGroup ? kind : `${kind}.${group}`, namespace, name);
}

function nameOfKey(key: Key): string {
  const { namespace, name } = partsOf(key);
  return `${namespace}/${name}`;
}

/** By default a Gateway lets no ListenerSet in. */
function refuse(listenerSet: ListenerSet, gateway: Gateway, resources: ResourceSet): Problem | null {
  const { from = 'None', selector } = gateway.spec.allowedListeners?.namespaces ?? {};
  const { namespace } = listenerSet.metadata;
  if (from === 'All') return null;
  if (from === 'Same' && namespace === gateway.metadata.namespace) return null;
  if (from === 'Selector' && selector && isSelected(selector, labelsOf(resources, namespace))) return null;
  return {
    reason: 'NotAllowed',
    message:
      `Gateway ${nameOf(gateway)} does not let ListenerSets of namespace ${namespace} in: its owner can set ` +
      `spec.allowedListeners.namespaces.from to All, or to Selector with a label of that namespace; now it is ${from}`,
  };
}
