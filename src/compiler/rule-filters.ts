/** The filters of a rule or backendRef, compiled by their definitions and put in the order in which they run. */
import type { FilterConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { translateFilter, type FilterSpec, type FilterSurroundings } from './translate-filter.ts';

export interface TranslatedFilters {
  readonly filters: readonly (readonly [Key, FilterConfig])[];
  /** The rule cannot work. */
  readonly problem: Problem | null;
  /** What a filter refers to could not be resolved. */
  readonly unresolved: readonly Problem[];
  /** One of the unresolved filters must not be left out. */
  readonly isBroken: boolean;
}

/** `parent` is the key of the rule, or of its backendRef. */
export function translateFilters(
  specs: readonly FilterSpec[],
  parent: Key,
  around: FilterSurroundings,
): TranslatedFilters {
  const filters: { rank: number; entry: readonly [Key, FilterConfig] }[] = [];
  const unresolved: Problem[] = [];
  let problem = findIncompatible(specs);
  let isBroken = false;
  for (const [index, spec] of specs.entries()) {
    const result = translateFilter(spec, around);
    switch (result.state) {
      case 'Compiled': {
        const rank = around.definitions.indexOf(result.definition);
        filters.push({ rank, entry: [`${parent}/filters/${index}`, result.config] });
        break;
      }
      case 'Unknown':
        problem ??= result.problem;
        break;
      case 'Invalid':
        problem ??= { ...result.problem, message: `filters[${index}] ${spec.type}: ${result.problem.message}` };
        break;
      case 'Unresolved':
      case 'Refused':
        // What a policy refuses stands in the policy's status.
        if (result.state === 'Unresolved') unresolved.push(result.problem);
        isBroken ||= result.whenUnresolved === 'Fail';
        break;
    }
  }
  filters.sort((a, b) => a.rank - b.rank);
  return { filters: filters.map(({ entry }) => entry), problem, unresolved, isBroken };
}

const repeatable: ReadonlySet<string> = new Set(['RequestMirror', 'ExtensionRef', 'ExternalAuth']);

function findIncompatible(specs: readonly FilterSpec[]): Problem | null {
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
