/** One filter, of whatever list: its definition is found, its references are resolved, its spec is compiled. Knows no order. */
import type { AnyFilterDefinition, FilterBackendProtocol } from '../contract/filter.ts';
import type { FilterConfig } from '../contract/gateway-config.ts';
import type { Problem } from '../contract/problem.ts';
import type { ResolvedBackend } from './4-resolve-backends.ts';
import { resolveExtension, type FindExtension } from './extension-refs.ts';
import type { HTTPBackendRef, LocalObjectReference } from './resource-types.ts';

export interface FilterSurroundings {
  /** In the order in which they run. */
  readonly definitions: readonly AnyFilterDefinition[];
  resolveBackend(ref: HTTPBackendRef, protocol?: FilterBackendProtocol): ResolvedBackend;
  readonly findExtension: FindExtension;
}

/** What filters of routes and of listeners have in common. `type` names the one field that is set. */
export interface FilterSpec {
  readonly type: string;
  readonly extensionRef?: LocalObjectReference;
}

export type TranslatedFilter =
  | { readonly state: 'Compiled'; readonly definition: AnyFilterDefinition; readonly config: FilterConfig }
  /** There is no such type. */
  | { readonly state: 'Unknown'; readonly problem: Problem }
  | { readonly state: 'Invalid'; readonly problem: Problem }
  /** What it refers to is not there, or may not be used; `Refused`: a policy forbids its use. */
  | { readonly state: 'Unresolved' | 'Refused'; readonly problem: Problem; readonly whenUnresolved: 'Fail' | 'Skip' };

export function translateFilter(filter: FilterSpec, around: FilterSurroundings): TranslatedFilter {
  const { definitions, findExtension } = around;
  if (filter.type === 'ExtensionRef') {
    const found = resolveExtension(filter.extensionRef, definitions, findExtension);
    if ('problem' in found) return { state: 'Unresolved', problem: found.problem, whenUnresolved: 'Fail' };
    return compileFilter(found.definition, found.spec, around);
  }
  const definition = definitions.find(({ type, spec }) => typeof spec === 'string' && type === filter.type);
  if (!definition) return { state: 'Unknown', problem: unknownType(filter.type, definitions) };
  const spec = (filter as unknown as Readonly<Record<string, unknown>>)[definition.spec as string];
  // The CRDs demand it; an older one may not.
  if (spec === undefined || spec === null) return { state: 'Invalid', problem: missingSpec(definition) };
  return compileFilter(definition, spec, around);
}

function compileFilter(definition: AnyFilterDefinition, spec: unknown, around: FilterSurroundings): TranslatedFilter {
  const { type, whenUnresolved = 'Fail' } = definition;
  let unresolved: Problem | undefined;
  let refused: Problem | undefined;
  const result = definition.compile(spec, {
    resolveBackend(ref, protocol) {
      const resolved = around.resolveBackend(ref as HTTPBackendRef, protocol);
      if ('config' in resolved) return { backend: resolved.key };
      if ('problem' in resolved) unresolved ??= resolved.problem;
      else refused ??= resolved.refused;
      return { problem: 'problem' in resolved ? resolved.problem : resolved.refused };
    },
  });
  if (unresolved) return { state: 'Unresolved', problem: unresolved, whenUnresolved };
  if (refused) return { state: 'Refused', problem: refused, whenUnresolved };
  if ('problem' in result) return { state: 'Invalid', problem: result.problem };
  return { state: 'Compiled', definition, config: { type, config: result.config } };
}

function missingSpec({ type, spec }: AnyFilterDefinition): Problem {
  return {
    reason: 'UnsupportedValue',
    message: `filter type ${type} needs the field ${typeof spec === 'string' ? spec : type}, which is missing`,
  };
}

function unknownType(type: string, definitions: readonly AnyFilterDefinition[]): Problem {
  const known = definitions.flatMap((one) => (typeof one.spec === 'string' ? [one.type] : []));
  const message = `filter type ${type} is not supported; supported are ${known.join(', ')}, ExtensionRef`;
  return { reason: 'UnsupportedValue', message };
}
