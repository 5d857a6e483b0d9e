/** Walks all routes, as cheaply as can be where nothing about them changed, and says which are new, changed or gone. */
import type { Key } from '../contract/keys.ts';
import type { ResourceSet } from '../model/resources.ts';
import { attachRoute, createAttachMemory, type AttachSurroundings } from './3-attach-routes.ts';
import { createTranslateMemory, translateRoute, type TranslateSurroundings } from './6-translate-routes.ts';
import { differences, type Difference } from '../lib/derived-map.ts';
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
  const current = new Map<Route, RouteEntry>();
  const noted = new Set<RouteEntry>();
  let notes: readonly Note[] = [];
  let before: RouteSurroundings | null = null;
  let routesBefore: readonly ReadonlyMap<string, Route>[] = [];

  const entryOf = (route: Route, around: RouteSurroundings, attaching: AttachSurroundings): RouteEntry => {
    const attached = attachRoute(route, attaching, attachMemory);
    const translated = translateRoute(route, attached.key, { around: around.translation, memory: translateMemory });
    const known = current.get(route);
    if (known?.attached === attached && known.translated === translated) return known;
    return { attached, translated, places: placesOf(attached, translated) };
  };

  const note = (removed: readonly RouteEntry[], added: readonly RouteEntry[]): void => {
    const isNoted = [...removed, ...added].some((entry) => entry.attached.notes.length > 0);
    if (!isNoted) return;
    for (const entry of removed) noted.delete(entry);
    for (const entry of added) if (entry.attached.notes.length > 0) noted.add(entry);
    notes = [...noted].flatMap((entry) => entry.attached.notes);
  };

  return (around) => {
    const isSameWorld = before !== null && isSame(before, around);
    const routes = routesByKind(around.resources);
    const attaching = { resources: around.resources, owners: ownersOf(around.gateways) };
    const [removed, added]: [RouteEntry[], RouteEntry[]] = [[], []];
    for (const [i, ofKind] of routes.entries()) {
      const old = routesBefore[i] ?? new Map<string, Route>();
      for (const [, from, to] of isSameWorld ? differences(old, ofKind) : everything(old, ofKind)) {
        const known = from && current.get(from);
        const entry = to && entryOf(to, around, attaching);
        if (known === entry) continue;
        if (known) removed.push(known);
        if (entry) added.push(entry);
      }
    }
    // Only now that nothing can throw any more.
    for (const { attached } of removed) current.delete(attached.route);
    for (const entry of added) current.set(entry.attached.route, entry);
    before = around;
    routesBefore = routes;
    note(removed, added);
    return { removed, added, notes };
  };
}

function everything<V>(
  before: ReadonlyMap<string, V>,
  after: ReadonlyMap<string, V>,
): readonly Difference<string, V>[] {
  const gone = [...before].filter(([name]) => !after.has(name));
  return [
    ...gone.map(([name, old]) => [name, old, undefined] as const),
    ...[...after].map(([name, now]) => [name, before.get(name), now] as const),
  ];
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
