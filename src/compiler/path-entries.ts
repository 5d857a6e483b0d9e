/** Puts the matches of all routes that share a listener, a hostname, an own hostname and a path into one list, in order of precedence. */
import type { PathConfig, PathMatch } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Difference } from '../lib/derived-map.ts';
import { compareMatches, type RankedMatch } from './precedence.ts';
import type { Attachment, RouteEntries, RouteEntry } from './resolved.ts';

/** Features of the conformance suite that exist because of this file. */
export const hostnameFeatures: readonly string[] = [
  'GatewayHTTPListenerIsolation',
  'GatewayHTTPSListenerDetectMisdirectedRequests',
  'GatewayRouteHostnameIntersectionPrecedence',
];

export interface PathEntry {
  readonly place: Attachment;
  readonly config: PathConfig;
  /** The matches of `config` with their routes, in the same order; at least one. */
  readonly ranked: readonly RankedMatch[];
}

/** By the key of the PathConfig. */
export type PathEntries = Map<Key, PathEntry>;

export type PathChange = Difference<Key, PathEntry>;

/** `table` is that of an `Attachment`: paths of one table are told apart by their type and value only. */
export function pathKey(table: Key, { type, value }: PathMatch): Key {
  return `${table} ${type} ${value}`;
}

interface Change {
  place: Attachment;
  readonly path: PathMatch;
  readonly gone: Set<RankedMatch>;
  readonly come: RankedMatch[];
}

/** Brings the entries up to date with the routes that came and went, and returns those that changed. */
export function updatePathEntries(entries: PathEntries, routes: RouteEntries): readonly PathChange[] {
  return [...collectChanges(routes)].map(([key, { place, path, gone, come }]) => {
    const before = entries.get(key);
    const kept = (before?.ranked ?? []).filter((one) => !gone.has(one));
    const ranked = [...kept, ...come].toSorted(compareMatches);
    const after = ranked.length === 0 ? undefined : makeEntry(place, path, ranked);
    if (after) entries.set(key, after);
    else entries.delete(key);
    return [key, before, after];
  });
}

function collectChanges({ removed, added }: RouteEntries): ReadonlyMap<Key, Change> {
  const changes = new Map<Key, Change>();
  const changeOf = (place: Attachment, path: PathMatch): Change => {
    const key = pathKey(place.table, path);
    let change = changes.get(key);
    if (!change) changes.set(key, (change = { place, path, gone: new Set(), come: [] }));
    return change;
  };
  for (const entry of removed) {
    for (const [place, one] of requests(entry)) changeOf(place, one.path).gone.add(one);
  }
  for (const entry of added) {
    for (const [place, one] of requests(entry)) {
      const change = changeOf(place, one.path);
      change.place = place;
      change.come.push(one);
    }
  }
  return changes;
}

/** Each match at each place where the route asks for requests. */
function requests({ places, translated }: RouteEntry): readonly (readonly [Attachment, RankedMatch])[] {
  if (translated.connectionRule !== null) return [];
  return places.flatMap((place) => translated.matches.map((one) => [place, one] as const));
}

function makeEntry(place: Attachment, path: PathMatch, ranked: readonly RankedMatch[]): PathEntry {
  const { listener, hostname, own } = place;
  const config = { listener: listener.key, hostname, own, path, matches: ranked.map((one) => one.match) };
  return { place, config, ranked };
}
