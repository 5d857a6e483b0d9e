/**
 * Filters of listeners (GEP-5224): after the listeners are resolved and policies are known, since filters ask backends. They
 * stay in the order of the list. A listener with a filter that cannot work is not served; one whose filter refers to what is
 * not there answers with 500, because a filter must not be skipped.
 */
import { isEqual } from '../contract/config-diff.ts';
import type { BackendConfig, FilterConfig, ListenerConfig } from '../contract/gateway-config.ts';
import { partsOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { resolveBackend } from './4-resolve-backends.ts';
import type { TranslateSurroundings } from './6-translate-routes.ts';
import type { ResolvedGateway, ResolvedListener } from './resolved.ts';
import { translateFilter, type FilterSpec, type FilterSurroundings } from './translate-filter.ts';

/** Features of the conformance suite that exist because of this file. The fields are in the experimental channel. */
export const listenerFilterFeatures: readonly string[] = ['GatewayListenerFilters'];

/** The same Gateway for as long as nothing about its filters changes. */
type ListenerFilterStep = (
  gateways: readonly ResolvedGateway[],
  around: TranslateSurroundings,
) => readonly ResolvedGateway[];

export function createListenerFilterStep(): ListenerFilterStep {
  const memory = new WeakMap<ResolvedGateway, { around: TranslateSurroundings; value: ResolvedGateway }>();
  return (gateways, around) =>
    gateways.map((gateway) => {
      if (!gateway.allListeners.some(hasFilters)) return gateway;
      const known = memory.get(gateway);
      if (known?.around === around) return known.value;
      const resolved = new Map(gateway.allListeners.map((listener) => [listener, resolveFilters(listener, around)]));
      const isSame =
        known?.value.allListeners.every((before, i) => isEqual(before, [...resolved.values()][i])) ?? false;
      const value = known && isSame ? known.value : withListeners(gateway, resolved);
      memory.set(gateway, { around, value });
      return value;
    });
}

/** The Gateway with these listeners in the place of others. */
export function withListeners(
  gateway: ResolvedGateway,
  resolved: ReadonlyMap<ResolvedListener, ResolvedListener>,
): ResolvedGateway {
  const replace = (listeners: readonly ResolvedListener[]) => listeners.map((one) => resolved.get(one) ?? one);
  return {
    ...gateway,
    listeners: replace(gateway.listeners),
    listenerSets: gateway.listenerSets.map((set) => ({ ...set, listeners: replace(set.listeners) })),
    allListeners: replace(gateway.allListeners),
  };
}

function hasFilters({ spec }: ResolvedListener): boolean {
  return (spec.filters?.requests?.length ?? 0) > 0;
}

/** What listeners may have, of all that routes may have. */
const allowedTypes: ReadonlySet<string> = new Set(['ExternalAuth', 'ExtensionRef']);

function resolveFilters(listener: ResolvedListener, around: TranslateSurroundings): ResolvedListener {
  const { spec, key } = listener;
  if (!hasFilters(listener) || listener.accepted) return listener;
  if (spec.protocol !== 'HTTP' && spec.protocol !== 'HTTPS') {
    const message = `filters.requests needs a listener of protocol HTTP or HTTPS, not ${spec.protocol}`;
    return { ...listener, accepted: { reason: 'InvalidListenerFilter', message }, config: null };
  }
  const filters: (readonly [Key, FilterConfig])[] = [];
  const backends = new Map<Key, BackendConfig>();
  const inside = surroundingsOf(listener, around, backends);
  let accepted: Problem | null = null;
  let unresolved: Problem | null = null;
  for (const [index, filter] of (spec.filters?.requests ?? []).entries()) {
    const { config, ...found } = translateOne(filter, index, inside);
    accepted ??= found.accepted;
    unresolved ??= found.unresolved;
    if (config) filters.push([`${key}/filters/${index}`, config]);
  }
  const resolvedRefs = listener.resolvedRefs ?? unresolved;
  if (accepted) return { ...listener, accepted, resolvedRefs, config: null };
  const config: ListenerConfig | null = listener.config && {
    ...listener.config,
    filters: filters.map(([filterKey]) => filterKey),
  };
  return { ...listener, resolvedRefs, config, ...(config && { filters, backends: [...backends] }) };
}

interface TranslatedOne {
  readonly config: FilterConfig | null;
  readonly accepted: Problem | null;
  readonly unresolved: Problem | null;
}

function translateOne(filter: FilterSpec, index: number, around: FilterSurroundings): TranslatedOne {
  const place = `filters.requests[${index}]`;
  if (!allowedTypes.has(filter.type)) {
    const message = `${place}: filter type ${filter.type} is not supported on listeners: use ${[...allowedTypes].join(' or ')}`;
    return { config: null, accepted: { reason: 'UnsupportedValue', message }, unresolved: null };
  }
  const result = translateFilter(filter, around);
  if (result.state === 'Compiled') return { config: result.config, accepted: null, unresolved: null };
  const { reason, message: why } = result.problem;
  const message = `${place}: ${why}`;
  if (result.state === 'Unresolved' || result.state === 'Refused') {
    const config = { type: filter.type, config: null, problem: reason };
    if (result.state === 'Refused') return { config, accepted: null, unresolved: null };
    const own = reason === 'RefNotPermitted' ? reason : 'InvalidListenerFilterRef';
    return { config, accepted: null, unresolved: { reason: own, message } };
  }
  const own = result.state === 'Unknown' ? 'UnsupportedValue' : 'InvalidListenerFilter';
  return { config: null, accepted: { reason: own, message }, unresolved: null };
}

/** As the Gateway or ListenerSet of the listener refers; backends that are used are noted. */
function surroundingsOf(
  { key }: ResolvedListener,
  around: TranslateSurroundings,
  backends: Map<Key, BackendConfig>,
): FilterSurroundings {
  const { kind, namespace } = partsOf(key);
  const lookup = {
    grants: around.grants,
    service: (name: string) => around.services.get(name),
    effects: (name: string) => around.effects.get(name),
  };
  return {
    definitions: around.definitions,
    findExtension: (extension, name) => around.extensions.get(extension)?.get(`${namespace}/${name}`),
    resolveBackend(ref, protocol) {
      const resolved = resolveBackend(ref, { kind, namespace, use: protocol ?? 'HTTP' }, lookup);
      if ('config' in resolved) backends.set(resolved.key, resolved.config);
      return resolved;
    },
  };
}
