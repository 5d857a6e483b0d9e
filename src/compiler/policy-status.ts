/** The status of policies: an entry for each Gateway from which a route leads to a target. */
import { partsOf, type Key } from '../contract/keys.ts';
import type { Condition, Finding } from '../model/conditions.ts';
import type { ResourceName } from '../model/resources.ts';
import type { PolicyPlace, ResolvedGateway, ResolvedPolicy, RouteEntries, RouteEntry } from './resolved.ts';
import { gatewayGroup, type ParentReference } from './resource-types.ts';

export interface PolicyStatus {
  readonly ancestors: readonly {
    readonly ancestorRef: ParentReference;
    readonly controllerName: string;
    readonly conditions: readonly Condition[];
  }[];
}

/** Which Gateways lead to which Services, kept up to date route by route; the few filters of listeners are looked at anew. */
export interface Ancestry {
  update(entries: RouteEntries, gateways: readonly ResolvedGateway[]): void;
  /** Keys of the Gateways with a route, or a filter of a listener, that leads to the Service. */
  gatewaysOf(service: ResourceName): Iterable<Key>;
}

export interface PolicySurroundings {
  readonly ancestry: Ancestry;
  /** Keys of our Gateways. */
  readonly gateways: ReadonlySet<Key>;
  readonly controllerName: string;
}

export function createAncestry(): Ancestry {
  /** Routes by Service and Gateway. */
  const counts = new Map<ResourceName, Map<Key, number>>();
  let ofListeners: readonly (readonly [service: ResourceName, gateway: Key])[] = [];
  const add = (entry: RouteEntry, step: 1 | -1): void => {
    const { services } = entry.translated;
    if (services.length === 0) return;
    const gateways = new Set(entry.attached.parents.flatMap((parent) => parent.listeners.map((one) => one.gateway)));
    for (const service of services) {
      const byGateway = counts.get(service) ?? new Map<Key, number>();
      counts.set(service, byGateway);
      for (const gateway of gateways) {
        const total = (byGateway.get(gateway) ?? 0) + step;
        if (total > 0) byGateway.set(gateway, total);
        else byGateway.delete(gateway);
      }
      if (byGateway.size === 0) counts.delete(service);
    }
  };
  return {
    update({ removed, added }, gateways) {
      ofListeners = gateways.flatMap(({ key, allListeners }) =>
        allListeners.flatMap(({ backends = [] }) => backends.map(([backend]) => [serviceOf(backend), key] as const)),
      );
      for (const entry of removed) add(entry, -1);
      for (const entry of added) add(entry, 1);
    },
    gatewaysOf(service) {
      const own = ofListeners.filter(([name]) => name === service).map(([, gateway]) => gateway);
      return new Set([...(counts.get(service)?.keys() ?? []), ...own]);
    },
  };
}

function serviceOf(backend: Key): ResourceName {
  const { namespace, name } = partsOf(backend);
  return `${namespace}/${name}`;
}

/** The API has room for 16 ancestors: which of them it is to be, whoever writes them can tell. Null where no target is a Gateway of ours, or has a route of ours that leads there: then it is not ours to speak. */
export function policyStatus(resolved: ResolvedPolicy, around: PolicySurroundings): PolicyStatus | null {
  const { controllerName } = around;
  const placesOf = new Map<Key, PolicyPlace[]>();
  for (const place of resolved.places) {
    for (const gateway of ancestorsOf(place, around)) {
      placesOf.set(gateway, [...(placesOf.get(gateway) ?? []), place]);
    }
  }
  if (placesOf.size === 0) return null;
  const ordered = [...placesOf].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const observedGeneration = resolved.policy.metadata.generation ?? 0;
  return {
    ancestors: ordered.map(([gateway, places]) => {
      const { kind, namespace, name } = partsOf(gateway);
      const conditions = findingsOf(resolved, places).map((finding) => ({ ...finding, observedGeneration }));
      return { ancestorRef: { group: gatewayGroup, kind, namespace, name }, controllerName, conditions };
    }),
  };
}

function ancestorsOf({ kind, target }: PolicyPlace, { ancestry, gateways }: PolicySurroundings): Iterable<Key> {
  if (kind === 'Service') return ancestry.gatewaysOf(target);
  const key = `${kind}/${target}`;
  return gateways.has(key) ? [key] : [];
}

function findingsOf({ accepted, resolvedRefs }: ResolvedPolicy, places: readonly PolicyPlace[]): readonly Finding[] {
  const problem = places.find((place) => place.problem)?.problem ?? accepted;
  return [
    problem
      ? { type: 'Accepted', status: 'False', ...problem }
      : { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the policy is in force' },
    resolvedRefs
      ? { type: 'ResolvedRefs', status: 'False', ...resolvedRefs }
      : { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all references are resolved' },
  ];
}
