/** Walks all routes, as cheaply as can be where nothing about them changed, and says which are new, changed or gone. */
import type { Key } from '../contract/keys.ts';
import type { ResourceSet } from '../model/resources.ts';
import { attachRoute, createAttachMemory, type AttachSurroundings } from './3-attach-routes.ts';
import { createTranslateMemory, translateRoute, type TranslateSurroundings } from './6-translate-routes.ts';
import { isSameList } from './memory.ts';
import type {
  Attachment,
  AttachedRoute,
  ListenerOwner,
  Note,
  ResolvedGateway,
  RouteEntries,
  RouteEntry,
  TranslatedRoute,
} from './resolved.ts';
import { routesByKind } from './route-kinds.ts';
import type { Route } from './resource-types.ts';

/** Everything a route can depend on. */
export interface RouteSurroundings {
  readonly resources: ResourceSet;
  readonly gateways: readonly ResolvedGateway[];
  readonly translation: TranslateSurroundings;
}

export function createRouteWalk(): (around: RouteSurroundings) => RouteEntries {
  const attachMemory = createAttachMemory();
  const translateMemory = createTranslateMemory();
  const entries = new WeakMap<Route, RouteEntry>();
  let previous: readonly RouteEntry[] = [];
  let notes: readonly Note[] = [];
  let before: RouteSurroundings | null = null;
  let routesBefore: readonly unknown[] = [];

  const entryOf = (route: Route, around: RouteSurroundings, attaching: AttachSurroundings): RouteEntry => {
    const attached = attachRoute(route, attaching, attachMemory);
    const translated = translateRoute(route, attached.key, { around: around.translation, memory: translateMemory });
    const known = entries.get(route);
    if (known?.attached === attached && known.translated === translated) return known;
    const entry = { attached, translated, places: placesOf(attached, translated) };
    entries.set(route, entry);
    return entry;
  };

  return (around) => {
    const isSameWorld = before !== null && isSame(before, around);
    const routes = routesByKind(around.resources);
    if (isSameWorld && isSameList(routes, routesBefore)) return { all: previous, removed: [], added: [], notes };
    const attaching = { resources: around.resources, owners: ownersOf(around.gateways) };
    const all: RouteEntry[] = [];
    for (const ofKind of routes) {
      for (const route of ofKind.values()) {
        const beside = previous[all.length];
        all.push(isSameWorld && beside?.attached.route === route ? beside : entryOf(route, around, attaching));
      }
    }
    const { removed, added } = compareEntries(previous, all);
    previous = all;
    before = around;
    routesBefore = routes;
    if (removed.length > 0 || added.length > 0) notes = all.flatMap((entry) => entry.attached.notes);
    return { all, removed, added, notes };
  };
}

function isSame(a: RouteSurroundings, b: RouteSurroundings): boolean {
  return (
    a.translation === b.translation &&
    isSameList(a.gateways, b.gateways) &&
    a.resources.of('Namespace') === b.resources.of('Namespace') &&
    a.resources.of('Gateway') === b.resources.of('Gateway') &&
    a.resources.of('ListenerSet') === b.resources.of('ListenerSet')
  );
}

function ownersOf(gateways: readonly ResolvedGateway[]): ReadonlyMap<Key, ListenerOwner> {
  return new Map(gateways.flatMap((one) => [one, ...one.listenerSets]).map((owner) => [owner.key, owner]));
}

function compareEntries(
  before: readonly RouteEntry[],
  all: readonly RouteEntry[],
): { removed: readonly RouteEntry[]; added: readonly RouteEntry[] } {
  const gone = new Set<RouteEntry>();
  const come = new Set<RouteEntry>();
  for (let i = 0; i < before.length || i < all.length; i++) {
    const [old, now] = [before[i], all[i]];
    if (old === now) continue;
    if (old) gone.add(old);
    if (now) come.add(now);
  }
  // One route more or less shifts all that follow: what only moved is neither gone nor new.
  return {
    removed: [...gone].filter((entry) => !come.has(entry)),
    added: [...come].filter((entry) => !gone.has(entry)),
  };
}

/** One attachment for each table. Two parentRefs may name the same listener. */
function placesOf(attached: AttachedRoute, translated: TranslatedRoute): readonly Attachment[] {
  if (translated.accepted) return [];
  const places = new Map<Key, Attachment>();
  for (const parent of attached.parents) {
    for (const attachment of parent.attachments) {
      if (attachment.listener.config !== null) places.set(attachment.table, attachment);
    }
  }
  return [...places.values()];
}
