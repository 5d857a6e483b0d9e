/** One rule of a route as table entries. A rule that cannot work as written never does half of it. */
import type { BackendConfig, FilterConfig, RuleConfig, WeightedBackend } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { RatedMatch } from './matches.ts';
import { translateFilters, type TranslatedFilters } from './rule-filters.ts';
import type { FilterSurroundings } from './translate-filter.ts';
import { translateOptions } from './rule-options.ts';
import { routeKindOf } from './route-kinds.ts';
import type { HTTPBackendRef, Route, RouteRule } from './resource-types.ts';

export interface TranslatedRule {
  readonly key: Key;
  readonly config: RuleConfig;
  readonly matches: readonly RatedMatch[];
  readonly filters: readonly (readonly [Key, FilterConfig])[];
  readonly backends: readonly (readonly [Key, BackendConfig])[];
  readonly problem: Problem | null;
  readonly unresolved: readonly Problem[];
}

export interface RuleSurroundings {
  readonly definitions: FilterSurroundings['definitions'];
  readonly findExtension: FilterSurroundings['findExtension'];
  readonly resolveBackend: FilterSurroundings['resolveBackend'];
}

/** Where a rule stands. */
interface RulePlace {
  readonly route: Route;
  readonly routeKey: Key;
  readonly index: number;
}

export function translateRule(rule: RouteRule, place: RulePlace, around: RuleSurroundings): TranslatedRule {
  const key: Key = `${place.routeKey}/rules/${place.index}`;
  const backends = new Map<Key, BackendConfig>();
  const tracked: RuleSurroundings = {
    definitions: around.definitions,
    findExtension: around.findExtension,
    resolveBackend(ref, protocol) {
      const resolved = around.resolveBackend(ref, protocol);
      if ('config' in resolved) backends.set(resolved.key, resolved.config);
      return resolved;
    },
  };
  const matches = routeKindOf(place.route).translateMatches?.(rule.matches ?? [], key) ?? { matches: [] };
  const options = translateOptions(rule, key);
  const filters = translateFilters(rule.filters ?? [], key, tracked);
  const refs = (rule.backendRefs ?? []).map((ref, i) => translateBackendRef(ref, `${key}/backends/${i}`, tracked));
  const problem =
    ('problem' in matches ? matches.problem : null) ??
    ('problem' in options ? options.problem : null) ??
    filters.problem ??
    refs.find((ref) => ref.filters.problem)?.filters.problem ??
    null;
  const unresolved = [...filters.unresolved, ...refs.flatMap((ref) => ref.unresolved)];
  const base = { key, matches: 'problem' in matches ? [] : matches.matches, problem, unresolved };
  const head = { route: place.routeKey, origin: originOf(rule, place) };
  if (problem !== null || filters.isBroken) {
    // Its requests must neither skip a filter nor fall to a wider rule: they are answered with 500.
    const reason = problem?.reason ?? brokenReason(filters);
    const config = { ...head, filters: [], backends: [{ problem: reason, weight: 1, filters: [] }] };
    return { ...base, config, filters: [], backends: [] };
  }
  return {
    ...base,
    config: {
      ...head,
      filters: filters.filters.map(([filterKey]) => filterKey),
      backends: refs.map((ref) => ref.weighted),
      ...('options' in options && options.options),
    },
    filters: [...filters.filters, ...refs.flatMap((ref) => ref.filters.filters)],
    backends: [...backends],
  };
}

function originOf(rule: RouteRule, { route, index }: RulePlace): RuleConfig['origin'] {
  const { namespace, name, generation } = route.metadata;
  return { kind: route.kind, namespace, name, section: rule.name ?? `rules[${index}]`, generation };
}

interface TranslatedBackendRef {
  readonly weighted: WeightedBackend;
  readonly filters: TranslatedFilters;
  readonly unresolved: readonly Problem[];
}

function translateBackendRef(ref: HTTPBackendRef, key: Key, around: RuleSurroundings): TranslatedBackendRef {
  const resolved = around.resolveBackend(ref);
  const filters = translateFilters(ref.filters ?? [], key, around);
  const weight = ref.weight ?? 1;
  const own = 'problem' in resolved ? [resolved.problem] : [];
  const unresolved = [...own, ...filters.unresolved];
  const refused = 'refused' in resolved ? resolved.refused.reason : undefined;
  const reason = own[0]?.reason ?? refused ?? (filters.isBroken ? brokenReason(filters) : undefined);
  if (reason !== undefined || 'problem' in resolved) {
    return { weighted: { problem: reason, weight, filters: [] }, filters: { ...filters, filters: [] }, unresolved };
  }
  const keys = filters.filters.map(([filterKey]) => filterKey);
  return { weighted: { backend: resolved.key, weight, filters: keys }, filters, unresolved };
}

/** A filter whose backend a policy refuses is broken too, although nothing is unresolved. */
function brokenReason(filters: TranslatedFilters): string {
  return filters.unresolved[0]?.reason ?? 'UnsupportedValue';
}
