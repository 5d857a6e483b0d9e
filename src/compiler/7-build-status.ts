/** Step 7: what the user reads about each object. The only place where problems become conditions. */
import { isEqual } from '../contract/config-diff.ts';
import type { MatchConfig } from '../contract/gateway-config.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import { defaultControllerName, type Selection } from './1-select-gateways.ts';
import { deriveMap } from '../lib/derived-map.ts';
import type { ResourceSet } from '../model/resources.ts';
import { classStatus, type ClassSurroundings, type GatewayClassStatus } from './class-status.ts';
import { createFeatureList, supportedFeatures } from './supported-features.ts';
import { gatewayStatus, type GatewayStatus } from './gateway-status.ts';
import { listenerSetStatus, type ListenerSetStatus } from './listener-set-status.ts';
import type { StatusSurroundings } from './listener-status.ts';
import { createAncestry, policyStatus, type PolicyStatus } from './policy-status.ts';
import type {
  AttachedPolicies,
  CompilerOptions,
  Facts,
  ResolvedGateway,
  ResolvedListener,
  RouteEntries,
  RouteEntry,
} from './resolved.ts';
import type { Obstacles } from './reachability.ts';
import { routeParentStatus, type RouteParentStatus } from './route-status.ts';

/** `status` of an object as Kubernetes has it, but for the transition times. */
export type ResourceStatus =
  | GatewayStatus
  | ListenerSetStatus
  | { readonly parents: readonly RouteParentStatus[] }
  | PolicyStatus
  | GatewayClassStatus;

export type Statuses = ReadonlyMap<Key, ResourceStatus>;

interface StatusInputs {
  readonly resources: ResourceSet;
  readonly selection: Selection;
  readonly gateways: readonly ResolvedGateway[];
  readonly policies: AttachedPolicies;
  readonly entries: RouteEntries;
  readonly obstacles: Obstacles;
  /** Of which `obstacles` may say something new. */
  readonly news: { readonly matches: ReadonlySet<MatchConfig>; readonly entries: ReadonlySet<RouteEntry> };
  readonly facts: Facts;
}

/** The statuses after each call. One that says the same as before is the same object. */
export function createStatusBuilder(options: CompilerOptions): (inputs: StatusInputs) => Statuses {
  const controllerName = options.controllerName ?? defaultControllerName;
  const featuresIn = createFeatureList(supportedFeatures(options));
  const counts = new Map<ResolvedListener, number>();
  const routes = new Map<Key, RouteEntry>();
  const ancestry = createAncestry();
  let tops: ReadonlySet<Key> = new Set();
  let statuses: ReadonlyMap<Key, ResourceStatus> = new Map();
  return ({ resources, selection, gateways, policies, entries, obstacles, news, facts }) => {
    const changes = new Map<Key, ResourceStatus | null>();
    for (const entry of entries.removed) {
      count(counts, entry, -1);
      changes.set(entry.attached.key, null);
      routes.delete(entry.attached.key);
    }
    for (const entry of entries.added) {
      count(counts, entry, 1);
      routes.set(entry.attached.key, entry);
    }
    const touched = new Set([...entries.added, ...news.entries]);
    for (const { rule } of news.matches) {
      const entry = routes.get(routeOf(rule));
      if (entry) touched.add(entry);
    }
    for (const entry of touched) changes.set(entry.attached.key, routeStatus(entry, obstacles, controllerName));
    const top = topStatuses(selection, gateways, { counts, facts, features: featuresIn(facts), resources });
    ancestry.update(entries, gateways);
    const around = { ancestry, gateways: new Set(gateways.map(({ key }) => key)), controllerName };
    for (const policy of policies.all) {
      const status = policyStatus(policy, around);
      if (status) top.set(policy.key, status);
    }
    for (const key of tops) if (!top.has(key)) changes.set(key, null);
    for (const [key, status] of top) changes.set(key, status);
    tops = new Set(top.keys());
    statuses = applyChanges(statuses, changes);
    return statuses;
  };
}

/** The statuses of what is ours, but for the routes. */
function topStatuses(
  { classes }: Selection,
  gateways: readonly ResolvedGateway[],
  around: StatusSurroundings & ClassSurroundings,
): Map<Key, ResourceStatus> {
  const top = new Map<Key, ResourceStatus>();
  for (const one of classes) top.set(keyOf('GatewayClass', '', one.metadata.name), classStatus(one, around));
  for (const gateway of gateways) {
    top.set(gateway.key, gatewayStatus(gateway, around));
    for (const listenerSet of gateway.listenerSets) top.set(listenerSet.key, listenerSetStatus(listenerSet, around));
  }
  return top;
}

/** The same map where all says the same as before. */
function applyChanges(before: Statuses, changes: ReadonlyMap<Key, ResourceStatus | null>): Statuses {
  const real = [...changes].filter(([key, status]) => !isEqual(before.get(key) ?? null, status));
  return deriveMap(
    before,
    real.map(([key, status]) => [key, status ?? undefined]),
  );
}

function routeOf(rule: Key): Key {
  const { kind, namespace, name } = partsOf(rule);
  return keyOf(kind, namespace, name);
}

/** Null for a route that names no Gateway of ours. */
function routeStatus(
  { attached, translated }: RouteEntry,
  obstacles: Obstacles,
  controllerName: string,
): ResourceStatus | null {
  if (attached.parents.length === 0) return null;
  const around = { controllerName, route: attached.route, translated, obstacles };
  return { parents: attached.parents.map((parent) => routeParentStatus(parent, around)) };
}

/** Accepted routes by listener, each counted once, whatever becomes of the listener. */
function count(counts: Map<ResolvedListener, number>, { attached, translated }: RouteEntry, step: 1 | -1): void {
  if (translated.accepted) return;
  for (const listener of new Set(attached.parents.flatMap((parent) => parent.listeners))) {
    const total = (counts.get(listener) ?? 0) + step;
    if (total === 0) counts.delete(listener);
    else counts.set(listener, total);
  }
}
