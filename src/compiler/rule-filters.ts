/** The filters of a rule or backendRef, compiled by their definitions and put in the order in which they run. */
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { FilterConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { ResolvedBackend } from './4-resolve-backends.ts';
import type { HTTPBackendRef, HTTPRouteFilter } from './resource-types.ts';

export interface TranslatedFilters {
  readonly filters: readonly (readonly [Key, FilterConfig])[];
  /** The rule cannot work. */
  readonly problem: Problem | null;
  /** A backendRef of a filter could not be resolved. */
  readonly unresolved: readonly Problem[];
  /** One of the unresolved filters must not be left out. */
  readonly isBroken: boolean;
}

export interface FilterSurroundings {
  /** In the order in which they run. */
  readonly definitions: readonly AnyFilterDefinition[];
  resolveBackend(ref: HTTPBackendRef): ResolvedBackend;
}

/** `parent` is the key of the rule, or of its backendRef. */
export function translateFilters(
  specs: readonly HTTPRouteFilter[],
  parent: Key,
  around: FilterSurroundings,
): TranslatedFilters {
  const filters: { rank: number; entry: readonly [Key, FilterConfig] }[] = [];
  const unresolved: Problem[] = [];
  let problem = findIncompatible(specs);
  let isBroken = false;
  for (const [index, spec] of specs.entries()) {
    const rank = around.definitions.findIndex((definition) => definition.type === spec.type);
    const definition = around.definitions[rank];
    if (!definition) {
      problem ??= unknownType(spec, around.definitions);
      continue;
    }
    const result = compileFilter(definition, spec, around);
    if (result.unresolved ?? result.refused) {
      if (result.unresolved) unresolved.push(result.unresolved);
      isBroken ||= definition.whenUnresolved !== 'Skip';
    } else if (result.problem) {
      problem ??= { ...result.problem, message: `filters[${index}] ${spec.type}: ${result.problem.message}` };
    } else {
      filters.push({ rank, entry: [`${parent}/filters/${index}`, { type: spec.type, config: result.config }] });
    }
  }
  filters.sort((a, b) => a.rank - b.rank);
  return { filters: filters.map(({ entry }) => entry), problem, unresolved, isBroken };
}

interface CompiledFilter {
  readonly config?: unknown;
  readonly problem?: Problem;
  readonly unresolved?: Problem;
  /** A policy forbids the use of its backend. */
  readonly refused?: Problem;
}

function compileFilter(
  definition: AnyFilterDefinition,
  spec: HTTPRouteFilter,
  around: FilterSurroundings,
): CompiledFilter {
  let unresolved: Problem | undefined;
  let refused: Problem | undefined;
  // The discriminator `type` names the one field that is set.
  const fields = spec as unknown as Readonly<Record<string, unknown>>;
  const result = definition.compile(fields[definition.field] ?? {}, {
    resolveBackend(ref) {
      const resolved = around.resolveBackend(ref as HTTPBackendRef);
      if ('config' in resolved) return { backend: resolved.key };
      if ('problem' in resolved) unresolved ??= resolved.problem;
      else refused ??= resolved.refused;
      return { problem: 'problem' in resolved ? resolved.problem : resolved.refused };
    },
  });
  if (unresolved ?? refused) return { unresolved, refused };
  return 'problem' in result ? { problem: result.problem } : { config: result.config };
}

const repeatable: ReadonlySet<string> = new Set(['RequestMirror', 'ExtensionRef', 'ExternalAuth']);

function findIncompatible(specs: readonly HTTPRouteFilter[]): Problem | null {
  const types = specs.map((spec) => spec.type);
  if (types.includes('RequestRedirect') && types.includes('URLRewrite')) {
    const message = 'RequestRedirect and URLRewrite cannot be in the same rule: a redirected request is not sent on';
    return { reason: 'IncompatibleFilters', message };
  }
  const repeated = types.find((type, i) => !repeatable.has(type) && types.indexOf(type) !== i);
  return repeated === undefined
    ? null
    : { reason: 'IncompatibleFilters', message: `filter ${repeated} may stand once in a rule` };
}

function unknownType(spec: HTTPRouteFilter, definitions: readonly AnyFilterDefinition[]): Problem {
  const known = definitions.map((definition) => definition.type).join(', ');
  return { reason: 'UnsupportedValue', message: `filter type ${spec.type} is not supported; supported are ${known}` };
}
