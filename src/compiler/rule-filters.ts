/** The filters of a rule or backendRef, compiled by their definitions and put in the order in which they run. */
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { FilterConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { ResolvedBackend } from './4-resolve-backends.ts';
import { resolveExtension, type FindExtension } from './extension-refs.ts';
import type { HTTPBackendRef, HTTPRouteFilter } from './resource-types.ts';

export interface TranslatedFilters {
  readonly filters: readonly (readonly [Key, FilterConfig])[];
  /** The rule cannot work. */
  readonly problem: Problem | null;
  /** What a filter refers to could not be resolved. */
  readonly unresolved: readonly Problem[];
  /** One of the unresolved filters must not be left out. */
  readonly isBroken: boolean;
}

export interface FilterSurroundings {
  /** In the order in which they run. */
  readonly definitions: readonly AnyFilterDefinition[];
  resolveBackend(ref: HTTPBackendRef): ResolvedBackend;
  readonly findExtension: FindExtension;
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
    const found = findDefinition(spec, around);
    if ('unknown' in found) {
      problem ??= found.unknown;
      continue;
    }
    const result = 'definition' in found ? compileFilter(found.definition, found.spec, around) : found;
    const isSkipped = 'definition' in found && found.definition.whenUnresolved === 'Skip';
    if (result.unresolved ?? result.refused) {
      if (result.unresolved) unresolved.push(result.unresolved);
      isBroken ||= !isSkipped;
    } else if (result.problem) {
      problem ??= { ...result.problem, message: `filters[${index}] ${spec.type}: ${result.problem.message}` };
    } else if ('definition' in found) {
      const { type } = found.definition;
      const rank = around.definitions.indexOf(found.definition);
      filters.push({ rank, entry: [`${parent}/filters/${index}`, { type, config: result.config }] });
    }
  }
  filters.sort((a, b) => a.rank - b.rank);
  return { filters: filters.map(({ entry }) => entry), problem, unresolved, isBroken };
}

type FoundDefinition =
  | { readonly definition: AnyFilterDefinition; readonly spec: unknown }
  | { readonly unknown: Problem }
  | CompiledFilter;

/** By the type of the filter, or by the kind that its ExtensionRef names. */
function findDefinition(filter: HTTPRouteFilter, { definitions, findExtension }: FilterSurroundings): FoundDefinition {
  if (filter.type === 'ExtensionRef') {
    const resolved = resolveExtension(filter.extensionRef, definitions, findExtension);
    return 'problem' in resolved ? { unresolved: resolved.problem } : resolved;
  }
  const definition = definitions.find(({ type, spec }) => typeof spec === 'string' && type === filter.type);
  if (!definition) return { unknown: unknownType(filter, definitions) };
  // The discriminator `type` names the one field that is set.
  const fields = filter as unknown as Readonly<Record<string, unknown>>;
  return { definition, spec: fields[definition.spec as string] ?? {} };
}

interface CompiledFilter {
  readonly config?: unknown;
  readonly problem?: Problem;
  readonly unresolved?: Problem;
  /** A policy forbids the use of its backend. */
  readonly refused?: Problem;
}

function compileFilter(definition: AnyFilterDefinition, spec: unknown, around: FilterSurroundings): CompiledFilter {
  let unresolved: Problem | undefined;
  let refused: Problem | undefined;
  const result = definition.compile(spec, {
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
  const known = [
    ...definitions.flatMap(({ type, spec: own }) => (typeof own === 'string' ? [type] : [])),
    'ExtensionRef',
  ].join(', ');
  return { reason: 'UnsupportedValue', message: `filter type ${spec.type} is not supported; supported are ${known}` };
}
