/** Step 7: what the user reads about each object. The only place where problems become conditions. */
import { isEqual } from '../contract/config-diff.ts';
import type { MatchConfig } from '../contract/gateway-config.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Condition } from '../model/conditions.ts';
import { classConditions, defaultControllerName, type Selection } from './1-select-gateways.ts';
import { gatewayStatus, type GatewayStatus } from './gateway-status.ts';
import type {
  CompilerOptions,
  Facts,
  ResolvedGateway,
  ResolvedListener,
  RouteEntries,
  RouteEntry,
} from './resolved.ts';
import { routeParentStatus, type RouteParentStatus } from './route-status.ts';
import type { Shadows } from './unreachable.ts';

/** `status` of an object as Kubernetes has it, but for the transition times. */
export type ResourceStatus =
  | GatewayStatus
  | { readonly parents: readonly RouteParentStatus[] }
  | { readonly conditions: readonly Condition[] };

export type Statuses = ReadonlyMap<Key, ResourceStatus>;

export interface StatusInputs {
  readonly selection: Selection;
  readonly gateways: readonly ResolvedGateway[];
  readonly entries: RouteEntries;
  readonly shadows: ReadonlyMap<Key, Shadows>;
  /** Matches of which `shadows` says something new. */
  readonly news: ReadonlySet<MatchConfig>;
  readonly facts: Facts;
}

/** The statuses after each call. One that says the same as before is the same object. */
export function createStatusBuilder(options: CompilerOptions): (inputs: StatusInputs) => Statuses {
  const controllerName = options.controllerName ?? defaultControllerName;
  const counts = new Map<ResolvedListener, number>();
  const routes = new Map<Key, RouteEntry>();
  let previous: Statuses = new Map();
  return ({ selection, gateways, entries, shadows, news, facts }) => {
    const statuses = new Map(previous);
    const keep = (key: Key, status: ResourceStatus) => {
      if (!isEqual(previous.get(key), status)) statuses.set(key, status);
    };
    for (const entry of entries.removed) {
      count(counts, entry, -1);
      statuses.delete(entry.attached.key);
      routes.delete(entry.attached.key);
    }
    for (const entry of entries.added) {
      count(counts, entry, 1);
      routes.set(entry.attached.key, entry);
    }
    const changed = new Set(entries.added);
    for (const { rule } of news) {
      const entry = routes.get(routeOf(rule));
      if (entry) changed.add(entry);
    }
    for (const entry of changed) {
      const status = routeStatus(entry, shadows, controllerName);
      const before = previous.get(entry.attached.key);
      if (status) statuses.set(entry.attached.key, isEqual(before, status) && before ? before : status);
    }
    dropOthers(statuses, selection);
    for (const gatewayClass of selection.classes) {
      keep(keyOf('GatewayClass', '', gatewayClass.metadata.name), { conditions: classConditions(gatewayClass) });
    }
    for (const gateway of gateways) keep(gateway.key, gatewayStatus(gateway, counts, facts));
    previous = statuses;
    return statuses;
  };
}

/** Gateways and classes that are gone or not ours any more. */
function dropOthers(statuses: Map<Key, ResourceStatus>, { gateways, classes }: Selection): void {
  const ours = new Set(gateways.map((one) => one.key));
  for (const one of classes) ours.add(keyOf('GatewayClass', '', one.metadata.name));
  for (const key of statuses.keys()) {
    const isTop = key.startsWith('Gateway/') || key.startsWith('GatewayClass/');
    if (isTop && !ours.has(key)) statuses.delete(key);
  }
}

function routeOf(rule: Key): Key {
  const { kind, namespace, name } = partsOf(rule);
  return keyOf(kind, namespace, name);
}

/** Null for a route that names no Gateway of ours. */
function routeStatus(
  { attached, translated }: RouteEntry,
  shadows: ReadonlyMap<Key, Shadows>,
  controllerName: string,
): ResourceStatus | null {
  if (attached.parents.length === 0) return null;
  const around = { controllerName, route: attached.route, translated, shadows };
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
