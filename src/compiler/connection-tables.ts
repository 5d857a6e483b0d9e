/** Which of the routes that want the same connections or sessions gets them. Knows nothing of requests. */
import type { ConnectionConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { compareHostnames } from './hostnames.ts';
import { compareAge } from './precedence.ts';
import type { Attachment, ResolvedGateway, ResolvedListener, RouteEntries, RouteEntry } from './resolved.ts';
import { findRival, siblingsOf, textOfRival } from './rival-listeners.ts';

interface Claim {
  readonly place: Attachment;
  readonly entry: RouteEntry;
}

export interface ConnectionTable {
  readonly config: ConnectionConfig;
  /** The first one has the connections. */
  readonly claims: readonly Claim[];
  /** Why no connection comes here at all, in words. */
  readonly shadow: string | null;
}

/** By the key of the ConnectionConfig. */
export type ConnectionTables = Map<Key, ConnectionTable>;

interface ConnectionNews {
  readonly changed: ReadonlySet<Key>;
  /** Those that want what changed: whether a connection reaches them may be new. */
  readonly touched: ReadonlySet<RouteEntry>;
}

/** One listener and effective hostname. */
export function connectionKey({ listener, hostname }: Attachment): Key {
  return `${listener.key}/${hostname || '*'}`;
}

/** Brings the tables up to date with the routes that came and went. */
export function updateConnectionTables(
  tables: ConnectionTables,
  { removed, added }: RouteEntries,
  gateways: readonly ResolvedGateway[],
): ConnectionNews {
  const claims = new Map<Key, readonly Claim[]>();
  const claimsAt = (key: Key) => claims.get(key) ?? tables.get(key)?.claims ?? [];
  for (const entry of removed) {
    for (const key of new Set(connectionPlaces(entry).map(connectionKey))) {
      claims.set(
        key,
        claimsAt(key).filter((claim) => claim.entry !== entry),
      );
    }
  }
  for (const entry of added) {
    for (const place of connectionPlaces(entry)) {
      const key = connectionKey(place);
      claims.set(key, [...claimsAt(key), { place, entry }]);
    }
  }
  const siblings = siblingsOf(gateways);
  for (const [key, wanted] of claims) {
    const ranked = wanted.toSorted(compareClaims);
    const [winner] = ranked;
    if (winner) tables.set(key, makeTable(winner, ranked, siblings));
    else tables.delete(key);
  }
  const touched = [...claims.values()].flatMap((wanted) => wanted.map(({ entry }) => entry));
  return { changed: new Set(claims.keys()), touched: new Set(touched) };
}

/** Why no connection comes to the route at this place, in words; null: it gets them. */
export function findObstacle(
  tables: ConnectionTables,
  place: Attachment,
  route: RouteEntry['attached']['route'],
): string | null {
  const table = tables.get(connectionKey(place));
  const winner = table?.claims[0]?.entry.attached.route;
  if (!table || !winner) return null;
  if (winner === route) return table.shadow;
  const { kind, metadata } = winner;
  const flows = flowsOf(place.listener);
  const what = place.hostname === '' ? flows : `${flows} for ${place.hostname}`;
  return `${kind} ${metadata.namespace}/${metadata.name} takes the ${what} of listener ${place.listener.spec.name}: ${reasonOf(table)}`;
}

/** What a listener carries that has no requests. */
export function flowsOf({ spec }: ResolvedListener): 'connections' | 'sessions' {
  return spec.protocol === 'UDP' ? 'sessions' : 'connections';
}

function reasonOf({ claims }: ConnectionTable): string {
  const [first, second] = claims;
  const isByName = first && second && first.place.own !== second.place.own;
  return isByName ? `its hostname ${first.place.own} is more specific` : 'it is older, or comes first by name';
}

function connectionPlaces({ places, translated }: RouteEntry): readonly Attachment[] {
  return translated.connectionRule === null ? [] : places;
}

/** By the routes' own hostnames, as for requests (GatewayRouteHostnameIntersectionPrecedence), then by age. */
function compareClaims(a: Claim, b: Claim): number {
  return compareHostnames(a.place.own, b.place.own) || compareAge(a.entry.attached.route, b.entry.attached.route);
}

function makeTable(winner: Claim, claims: readonly Claim[], siblings: ReturnType<typeof siblingsOf>): ConnectionTable {
  const { place, entry } = winner;
  const { listener, hostname } = place;
  const rule = entry.translated.connectionRule ?? '';
  const rival = findRival(place, siblings);
  const shadow = rival ? textOfRival(flowsOf(listener), hostname, rival) : null;
  return { config: { listener: listener.key, hostname, rule }, claims, shadow };
}
