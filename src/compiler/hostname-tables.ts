/** Puts the matches of all routes that share a listener, a hostname and an own hostname into one list, in order of precedence. */
import type { HostnameConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { compareMatches, type RankedMatch } from './precedence.ts';
import type { Attachment, ResolvedListener, RouteEntries, RouteEntry } from './resolved.ts';

/** Features of the conformance suite that exist because of this file. */
export const hostnameFeatures: readonly string[] = [
  'GatewayHTTPListenerIsolation',
  'GatewayHTTPSListenerDetectMisdirectedRequests',
  'GatewayRouteHostnameIntersectionPrecedence',
];

export interface HostnameTable {
  readonly key: Key;
  readonly listener: ResolvedListener;
  readonly config: HostnameConfig;
  /** The matches of `config` with their routes, in the same order. */
  readonly ranked: readonly RankedMatch[];
}

export type HostnameTables = Map<Key, HostnameTable>;

interface Change {
  attachment: Attachment;
  readonly gone: Set<RankedMatch>;
  readonly come: RankedMatch[];
}

/** Brings the tables up to date and returns the keys of those that changed. Only they are sorted. */
export function updateHostnameTables(tables: HostnameTables, entries: RouteEntries): ReadonlySet<Key> {
  const changes = collectChanges(entries);
  for (const [key, { attachment, gone, come }] of changes) {
    const before = tables.get(key)?.ranked ?? [];
    const ranked = merge(before, gone, come);
    if (ranked.length === 0) tables.delete(key);
    else tables.set(key, makeTable(attachment, ranked));
  }
  return new Set(changes.keys());
}

/** A few changes to a long list are put in their places one by one, which is far quicker than to sort it again. */
function merge(
  before: readonly RankedMatch[],
  gone: ReadonlySet<RankedMatch>,
  come: readonly RankedMatch[],
): readonly RankedMatch[] {
  if ((gone.size + come.length) * 16 > before.length) {
    return [...before.filter((one) => !gone.has(one)), ...come].toSorted(compareMatches);
  }
  const ranked = [...before];
  for (const one of gone) {
    const at = placeOf(ranked, one);
    if (ranked[at] === one) ranked.splice(at, 1);
  }
  for (const one of come) ranked.splice(placeOf(ranked, one), 0, one);
  return ranked;
}

/** Where it stands, or would stand, in the sorted list: no two matches compare equal. */
function placeOf(ranked: readonly RankedMatch[], wanted: RankedMatch): number {
  let [low, high] = [0, ranked.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = ranked[middle];
    if (one && compareMatches(one, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function collectChanges({ removed, added }: RouteEntries): ReadonlyMap<Key, Change> {
  const changes = new Map<Key, Change>();
  const changeOf = (attachment: Attachment): Change => {
    let change = changes.get(attachment.table);
    if (!change) changes.set(attachment.table, (change = { attachment, gone: new Set(), come: [] }));
    return change;
  };
  for (const entry of removed) {
    for (const attachment of requestPlaces(entry)) {
      const { gone } = changeOf(attachment);
      for (const one of entry.translated.matches) gone.add(one);
    }
  }
  for (const entry of added) {
    for (const attachment of requestPlaces(entry)) {
      const change = changeOf(attachment);
      change.attachment = attachment;
      change.come.push(...entry.translated.matches);
    }
  }
  return changes;
}

function requestPlaces({ places, translated }: RouteEntry): readonly Attachment[] {
  return translated.connectionRule === null ? places : [];
}

function makeTable({ table, listener, hostname, own }: Attachment, ranked: readonly RankedMatch[]): HostnameTable {
  const config = { listener: listener.key, hostname, own, matches: ranked.map((one) => one.match) };
  return { key: table, listener, config, ranked };
}
