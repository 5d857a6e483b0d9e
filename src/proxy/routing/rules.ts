/** Filters and rules at run time, kept from the previous snapshot wherever nothing they are made of has changed. */
import type { AnyFilterDefinition, Filter, FilterContext } from '../../contract/filter.ts';
import type { FilterConfig, GatewayConfig, RuleConfig, WeightedBackend } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import { deriveMap } from '../../lib/derived-map.ts';
import { replies } from '../local-reply.ts';
import type { BackendChoice, BackendRuntime, RuleRuntime } from '../runtime.ts';
import { deriveNaming, type Namers } from './namers.ts';

export interface RuleParts {
  readonly config: GatewayConfig;
  readonly filterDefinitions: readonly AnyFilterDefinition[];
  readonly filterContext: FilterContext;
  backendOf(key: Key): BackendRuntime | null | undefined;
}

export type Filters = ReadonlyMap<Key, Filter>;
export type Rules = ReadonlyMap<Key, RuleRuntime>;

/** Entries of `next` that `previous` did not have as the same object, and those that are gone. Null: nothing. */
export function changedKeys(
  previous: Readonly<Record<Key, unknown>>,
  next: Readonly<Record<Key, unknown>>,
): ReadonlySet<Key> | null {
  if (previous === next) return null;
  const changed = new Set<Key>();
  for (const key in next) if (previous[key] !== next[key]) changed.add(key);
  for (const key in previous) if (next[key] === undefined) changed.add(key);
  return changed.size === 0 ? null : changed;
}

/** The same from a patch's part for one table. */
export function patchedKeys(part: Readonly<Record<Key, unknown>> | undefined): ReadonlySet<Key> | null {
  return part === undefined ? null : new Set(Object.keys(part));
}

/** Throws where a filter's type has no definition: the two sides are of different versions. */
export function buildFilters(parts: RuleParts, previous: Filters, changed: ReadonlySet<Key> | null): Filters {
  if (changed === null) return previous;
  const built = [...changed].map((key) => {
    const config = parts.config.filters[key];
    return [key, config && createFilter(parts, config)] as const;
  });
  return deriveMap(previous, built);
}

function createFilter(parts: RuleParts, { type, config, problem }: FilterConfig): Filter {
  if (problem !== undefined) {
    const reply = { ...replies.filterFailed, reason: problem };
    return { onRequest: () => reply };
  }
  const definition = parts.filterDefinitions.find((candidate) => candidate.type === type);
  if (!definition) throw new Error(`this proxy knows no filter of type ${type}`);
  return definition.create(config, parts.filterContext);
}

/** What changed since the rules were made; null: nothing of that kind. */
export interface RuleChanges {
  readonly rules: ReadonlySet<Key> | null;
  readonly filters: ReadonlySet<Key> | null;
  readonly routes: ReadonlySet<Key> | null;
  readonly backends: ReadonlySet<Key> | null;
}

/** Answers the same map where no rule changed. `namers` are kept up to date: the rules that name routes, filters and backends. */
export function buildRules(
  parts: RuleParts & { filters: Filters; namers: Namers },
  previous: Rules,
  changes: RuleChanges,
): Rules {
  const changed = [changes.routes, changes.filters, changes.backends];
  const changedNames = changed.flatMap((keys) => [...(keys ?? [])]);
  return deriveNaming(
    parts.config.rules,
    { before: previous, changed: changes.rules, changedNames, namers: parts.namers },
    { build: (config, key) => buildRule(parts, key, config), namesIn },
  );
}

function namesIn({ route, filters, backends }: RuleConfig): readonly Key[] {
  const ofBackends = backends.flatMap((ref) =>
    ref.backend === undefined ? ref.filters : [ref.backend, ...ref.filters],
  );
  return [route, ...filters, ...ofBackends];
}

function buildRule(parts: RuleParts & { filters: Filters }, key: Key, config: RuleConfig): RuleRuntime {
  const backends = config.backends.map((ref) => chooseBackend(parts, ref));
  const totalWeight = config.backends.reduce((sum, ref) => sum + ref.weight, 0);
  return {
    key,
    config,
    route: parts.config.routes[config.route] ?? { origin: config.origin },
    filters: pickFilters(parts.filters, config.filters),
    backends,
    onlyBackend: backends.length === 1 && totalWeight > 0 ? backends[0]! : null,
    totalWeight,
    requestTimeoutMs: config.requestTimeoutMs ?? 0,
    backendRequestTimeoutMs: config.backendRequestTimeoutMs ?? 0,
    retry: config.retry,
    sessionPersistence: config.sessionPersistence,
    isGrpc: config.origin.kind === 'GRPCRoute',
    observed: undefined,
    allObserved: undefined,
  };
}

function chooseBackend(parts: RuleParts & { filters: Filters }, ref: WeightedBackend): BackendChoice {
  const backend = ref.backend === undefined ? null : (parts.backendOf(ref.backend) ?? null);
  return { ref, backend, filters: pickFilters(parts.filters, ref.filters) };
}

/** One list for all that have none: it is at hand for every request. */
const noFilters: readonly Filter[] = [];

export function pickFilters(filters: Filters, keys: readonly Key[]): readonly Filter[] {
  if (keys.length === 0) return noFilters;
  return keys.map((key) => {
    const filter = filters.get(key);
    if (!filter) throw new Error(`the configuration names filter ${key}, but does not have it`);
    return filter;
  });
}
