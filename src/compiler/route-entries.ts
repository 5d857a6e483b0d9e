/** Walks all routes, as cheaply as can be where nothing about them changed, and says which are new, changed or gone. */
import type { ResourceSet } from '../model/resources.ts';
import { attachRoute, createAttachMemory, type AttachSurroundings } from './3-attach-routes.ts';
import { createTranslateMemory, translateRoute, type TranslateSurroundings } from './6-translate-routes.ts';
import { isSameList } from './memory.ts';
import type {
  Attachment,
  AttachedRoute,
  ResolvedGateway,
  RouteEntries,
  RouteEntry,
  TranslatedRoute,
} from './resolved.ts';
import type { HTTPRoute } from './resource-types.ts';

/** Everything a route can depend on. */
export interface RouteSurroundings {
  readonly resources: ResourceSet;
  readonly gateways: readonly ResolvedGateway[];
  readonly translation: TranslateSurroundings;
}

export function createRouteWalk(): (around: RouteSurroundings) => RouteEntries {
  const attachMemory = createAttachMemory();
  const translateMemory = createTranslateMemory();
  const entries = new WeakMap<HTTPRoute, RouteEntry>();
  let previous: readonly RouteEntry[] = [];
  let before: RouteSurroundings | null = null;

  const entryOf = (route: HTTPRoute, around: RouteSurroundings, attaching: AttachSurroundings): RouteEntry => {
    const attached = attachRoute(route, attaching, attachMemory);
    const translated = translateRoute(route, attached.key, { around: around.translation, memory: translateMemory });
    const known = entries.get(route);
    if (known?.attached === attached && known.translated === translated) return known;
    const entry = { attached, translated, tables: tablesOf(attached, translated) };
    entries.set(route, entry);
    return entry;
  };

  return (around) => {
    const isSameWorld = before !== null && isSame(before, around);
    const attaching = { resources: around.resources, gateways: byName(around.gateways) };
    const all: RouteEntry[] = [];
    for (const route of around.resources.of<HTTPRoute>('HTTPRoute').values()) {
      const beside = previous[all.length];
      all.push(isSameWorld && beside?.attached.route === route ? beside : entryOf(route, around, attaching));
    }
    const result = compareEntries(previous, all);
    previous = all;
    before = around;
    return result;
  };
}

function isSame(a: RouteSurroundings, b: RouteSurroundings): boolean {
  return (
    a.translation === b.translation &&
    isSameList(a.gateways, b.gateways) &&
    a.resources.of('Namespace') === b.resources.of('Namespace') &&
    a.resources.of('Gateway') === b.resources.of('Gateway')
  );
}

function byName(gateways: readonly ResolvedGateway[]): ReadonlyMap<string, ResolvedGateway> {
  return new Map(gateways.map((one) => [`${one.gateway.metadata.namespace}/${one.gateway.metadata.name}`, one]));
}

function compareEntries(before: readonly RouteEntry[], all: readonly RouteEntry[]): RouteEntries {
  const gone = before.filter((entry, i) => all[i] !== entry);
  const come = all.filter((entry, i) => before[i] !== entry);
  if (gone.length === 0 || come.length === 0) return { all, removed: gone, added: come };
  // One route more or less shifts all that follow: what only moved is neither gone nor new.
  const goneSet = new Set(gone);
  const comeSet = new Set(come);
  return {
    all,
    removed: gone.filter((entry) => !comeSet.has(entry)),
    added: come.filter((entry) => !goneSet.has(entry)),
  };
}

/** One attachment for each table. Two parentRefs may name the same listener. */
function tablesOf(attached: AttachedRoute, translated: TranslatedRoute): readonly Attachment[] {
  if (translated.accepted) return [];
  const tables = new Map<string, Attachment>();
  for (const parent of attached.parents) {
    for (const attachment of parent.attachments) {
      if (attachment.listener.config !== null) tables.set(attachment.table, attachment);
    }
  }
  return [...tables.values()];
}
