/** Matches of a GRPCRoute as the proxy takes them: service and method are a path (grpc/grpc: doc/PROTOCOL-HTTP2.md), and only gRPC fits. */
import type { PathMatch } from '../contract/gateway-config.ts';
import { headerFault, pathFault, translateEach, translateValues, type TranslateMatches } from './matches.ts';
import { orderOf } from './precedence.ts';
import type { GRPCRouteMatch } from './resource-types.ts';

type MethodMatch = NonNullable<GRPCRouteMatch['method']>;

/** A rule without matches takes every call. */
export const translateGrpcMatches: TranslateMatches = (specs, rule) =>
  translateEach(specs as readonly GRPCRouteMatch[], ({ method, headers: named }, at) => {
    const path = translateMethod(method ?? {});
    const headers = translateValues(named, (name) => name.toLowerCase());
    const problem =
      typeFault(method, `${at}.method`) ?? pathFault(path, `${at}.method`) ?? headerFault(headers, `${at}.headers`);
    if (problem) return { problem };
    const order = orderOf(rankOf(method ?? {}), path);
    return { match: { rule, order, isGrpc: true as const, ...(headers.length > 0 && { headers }) }, path };
  });

/** Any segment, where the match leaves the service or the method open. */
const open = '[^/]+';

function translateMethod({ type, service, method }: Partial<MethodMatch>): PathMatch {
  if (!service && !method) return { type: 'PathPrefix', value: '/' };
  if (type === 'RegularExpression') {
    const part = (expression: string | undefined) => (expression ? `(?:${expression})` : open);
    return { type, value: `/${part(service)}/${part(method)}` };
  }
  if (!method) return { type: 'PathPrefix', value: `/${service}` };
  if (service) return { type: 'Exact', value: `/${service}/${method}` };
  return { type: 'RegularExpression', value: `/${open}/${method}` };
}

function typeFault(method: Partial<MethodMatch> | undefined, at: string) {
  const { type = 'Exact' } = method ?? {};
  if (type === 'Exact' || type === 'RegularExpression') return null;
  const message = `${at}: type ${String(type)} is not supported, use Exact, RegularExpression`;
  return { reason: 'UnsupportedValue', message };
}

/**
 * Before all matches of HTTPRoutes, which other requests come to. Of two matches that fit a call, one that says its service
 * goes first, then one that says its method, as the API counts characters; what is meant literally goes before expressions.
 */
function rankOf({ type, service, method }: Partial<MethodMatch>): number {
  const openness = (service ? 0 : 2) + (method ? 0 : 1);
  return openness * 2 + (type === 'RegularExpression' ? 1 : 0) - 8;
}
