/** Step 7: what the user reads about each object. The only place where problems become conditions. */
import { isEqual } from '../contract/config-diff.ts';
import { keyOf, type Key } from '../contract/keys.ts';
import type { Condition } from '../model/conditions.ts';
import { classConditions, defaultControllerName, type Selection } from './1-select-gateways.ts';
import { gatewayStatus, type GatewayStatus } from './gateway-status.ts';
import { createMemory, remember, type Memory } from './memory.ts';
import type {
  AttachedRoute,
  CompilerOptions,
  Facts,
  ResolvedGateway,
  ResolvedListener,
  TranslatedRoute,
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
  readonly routes: readonly { readonly attached: AttachedRoute; readonly translated: TranslatedRoute }[];
  readonly shadows: ReadonlyMap<Key, Shadows>;
  readonly facts: Facts;
}

export interface StatusMemory {
  readonly routes: Memory<ResourceStatus>;
  previous: Statuses;
}

export const createStatusMemory = (): StatusMemory => ({ routes: createMemory(), previous: new Map() });

/** A status that says the same as before is the same object. */
export function buildStatuses(inputs: StatusInputs, options: CompilerOptions, memory: StatusMemory): Statuses {
  const statuses = new Map<Key, ResourceStatus>();
  const keep = (key: Key, status: ResourceStatus) => {
    const before = memory.previous.get(key);
    statuses.set(key, before !== undefined && isEqual(before, status) ? before : status);
  };
  for (const gatewayClass of inputs.selection.classes) {
    keep(keyOf('GatewayClass', '', gatewayClass.metadata.name), { conditions: classConditions(gatewayClass) });
  }
  const counts = countRoutes(inputs);
  for (const gateway of inputs.gateways) keep(gateway.key, gatewayStatus(gateway, counts, inputs.facts));
  const controllerName = options.controllerName ?? defaultControllerName;
  for (const { attached, translated } of inputs.routes) {
    if (attached.parents.length === 0) continue;
    const shadows = shadowsOf(attached, inputs.shadows);
    const at = { owner: attached, inputs: [translated, ...shadows] };
    const make = () => ({
      parents: attached.parents.map((parent) =>
        routeParentStatus(parent, { controllerName, route: attached.route, translated, shadows: inputs.shadows }),
      ),
    });
    statuses.set(attached.key, remember(memory.routes, at, make));
  }
  memory.previous = statuses;
  return statuses;
}

const none: readonly Shadows[] = [];

function shadowsOf(attached: AttachedRoute, all: ReadonlyMap<Key, Shadows>): readonly Shadows[] {
  if (all.size === 0) return none;
  const found: Shadows[] = [];
  for (const parent of attached.parents) {
    for (const { table } of parent.attachments) {
      const shadows = all.get(table);
      if (shadows) found.push(shadows);
    }
  }
  return found;
}

/** Accepted routes by listener, each counted once, whatever becomes of the listener. */
function countRoutes({ routes }: StatusInputs): ReadonlyMap<ResolvedListener, number> {
  const counts = new Map<ResolvedListener, number>();
  for (const { attached, translated } of routes) {
    if (translated.accepted) continue;
    const listeners =
      attached.parents.length === 1
        ? (attached.parents[0]?.listeners ?? [])
        : new Set(attached.parents.flatMap((parent) => parent.listeners));
    for (const listener of listeners) counts.set(listener, (counts.get(listener) ?? 0) + 1);
  }
  return counts;
}
