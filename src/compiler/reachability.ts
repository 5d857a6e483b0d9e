/** Whether anything can reach a route through a parent; if not, the condition that says who is in the way. */
import type { Key } from '../contract/keys.ts';
import type { Finding } from '../model/conditions.ts';
import { findObstacle, type ConnectionTables } from './connection-tables.ts';
import type { Attachment, ResolvedParent, TranslatedRoute } from './resolved.ts';
import type { Route } from './resource-types.ts';
import type { Shadows } from './unreachable.ts';

/** What stands between clients and routes. */
export interface Obstacles {
  /** Of requests, by the table of an `Attachment`. */
  readonly shadows: ReadonlyMap<Key, Shadows>;
  readonly connections: ConnectionTables;
}

export interface RouteInQuestion {
  readonly route: Route;
  readonly translated: TranslatedRoute;
  readonly obstacles: Obstacles;
}

/** The condition of our own for a route, or rules of it, that no request through this parent can reach. */
export function findUnreachable(parent: ResolvedParent, around: RouteInQuestion): Finding | null {
  const served = parent.attachments.filter(({ listener }) => listener.config !== null);
  if (served.length === 0) {
    const names = parent.listeners.map((listener) => listener.spec.name).join(', ');
    const message = `nothing reaches this route: it is attached to ${names} only, which is not served; see the status of its parent`;
    return { type: 'headgate.dev/Unreachable', status: 'True', reason: 'ListenerNotServed', message };
  }
  const message = around.translated.connectionRule === null ? findShadows(served, around) : findWinners(served, around);
  if (message === null) return null;
  return { type: 'headgate.dev/Unreachable', status: 'True', reason: 'Shadowed', message };
}

/** In words, where every connection goes to other routes. */
function findWinners(served: readonly Attachment[], { route, obstacles }: RouteInQuestion): string | null {
  const found = served.map((place) => findObstacle(obstacles.connections, place, route));
  return found.includes(null)
    ? null
    : `nothing reaches this route. ${[...new Set(found)].join('; ')}. Give it a hostname or a listener of its own, or remove it`;
}

/** In words, for each rule of which every match is shadowed everywhere. */
function findShadows(served: readonly Attachment[], { translated, obstacles }: RouteInQuestion): string | null {
  const here = served.map(({ table }) => obstacles.shadows.get(table));
  if (here.every((one) => one === undefined)) return null;
  const texts: string[] = [];
  for (const [key, rule] of translated.rules) {
    const matches = translated.matches.filter(({ match }) => match.rule === key);
    const winners = matches.flatMap(({ match }) => here.map((one) => one?.get(match)));
    if (winners.length === 0 || winners.includes(undefined)) continue;
    texts.push(`${rule.origin.section}: ${[...new Set(winners)].join('; ')}`);
  }
  if (texts.length === 0) return null;
  const scope =
    texts.length === translated.rules.length ? 'no request reaches this route' : 'some rules are never reached';
  return `${scope}. ${texts.join('. ')}. Give it matches or hostnames of its own, or remove it`;
}
