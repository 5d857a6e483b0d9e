/** The kinds of routes there are, and in what they differ. Everything else about routes is written once, for all of them. */
import type { ResourceSet } from '../model/resources.ts';
import type { BackendUse } from './backend-uses.ts';
import { translateGrpcMatches } from './grpc-matches.ts';
import { translateHttpMatches } from './http-matches.ts';
import type { TranslateMatches } from './matches.ts';
import type { Route } from './resource-types.ts';

export interface RouteKind {
  readonly kind: string;
  /** Features of the conformance suite that exist because of the kind, and not because of a filter or a rule's option. */
  readonly supportedFeatures: readonly string[];
  /** What its rules make of the Service ports they refer to. */
  readonly use: BackendUse;
  /** How requests find a rule; null: there are no requests, the first rule takes whole connections or sessions. */
  readonly translateMatches: TranslateMatches | null;
}

export const routeKinds: readonly RouteKind[] = [
  { kind: 'HTTPRoute', supportedFeatures: ['HTTPRoute'], use: 'HTTP', translateMatches: translateHttpMatches },
  {
    kind: 'GRPCRoute',
    supportedFeatures: ['GRPCRoute', 'GRPCRouteNamedRouteRule', 'GRPCRouteRequestHeaderModifier'],
    use: 'GRPC',
    translateMatches: translateGrpcMatches,
  },
  { kind: 'TLSRoute', supportedFeatures: ['TLSRoute'], use: 'TCP', translateMatches: null },
  { kind: 'TCPRoute', supportedFeatures: ['TCPRoute'], use: 'TCP', translateMatches: null },
  { kind: 'UDPRoute', supportedFeatures: ['UDPRoute'], use: 'UDP', translateMatches: null },
];

const byName = new Map(routeKinds.map((one) => [one.kind, one]));

/** Throws for what is no route: nobody else makes one. */
export function routeKindOf({ kind }: Route): RouteKind {
  const found = byName.get(kind);
  if (!found) throw new Error(`${kind} is no kind of route`);
  return found;
}

/** The routes of each kind, in the order of `routeKinds`. */
export function routesByKind(resources: ResourceSet): readonly ReadonlyMap<string, Route>[] {
  return routeKinds.map(({ kind }) => resources.of<Route>(kind));
}
