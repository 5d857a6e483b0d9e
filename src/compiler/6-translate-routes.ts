/** Step 6: routes to table entries, whatever they attach to. Remembers which Services a route looked at: only their change touches it. */
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { BackendConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { Resource, ResourceName } from '../model/resources.ts';
import { resolveBackend, type BackendSurroundings } from './4-resolve-backends.ts';
import { partsOfBackend } from './backend-uses.ts';
import type { ExtensionObjects } from './extension-refs.ts';
import { tieOf, type RankedMatch } from './precedence.ts';
import type { GrantIndex } from './reference-grants.ts';
import type { TargetEffects, TranslatedRoute } from './resolved.ts';
import { routeKindOf } from './route-kinds.ts';
import type { Route, Service } from './resource-types.ts';
import { translateRule, type RuleSurroundings, type TranslatedRule } from './translate-rule.ts';

export interface TranslateSurroundings {
  readonly definitions: readonly AnyFilterDefinition[];
  readonly grants: GrantIndex;
  readonly services: ReadonlyMap<string, Service>;
  /** What policies say, by Service. */
  readonly effects: ReadonlyMap<string, TargetEffects>;
  readonly extensions: ExtensionObjects;
}

interface Lookup {
  readonly service: Service | undefined;
  readonly effects: TargetEffects | undefined;
}

interface ExtensionLookup {
  readonly kind: string;
  readonly name: ResourceName;
  readonly found: Resource | undefined;
}

interface Remembered {
  /** Every Service that was looked up, and what was found. */
  readonly lookups: ReadonlyMap<string, Lookup>;
  /** Every object of an ExtensionRef that was looked up, and what was found. */
  readonly extensions: readonly ExtensionLookup[];
  readonly value: TranslatedRoute;
  /** Whether a reference left the namespace, so that ReferenceGrants have a say. */
  readonly usesGrants: boolean;
  /** The surroundings in which it was last found to hold. */
  around: TranslateSurroundings;
}

type TranslateMemory = WeakMap<Route, Remembered>;

export const createTranslateMemory = (): TranslateMemory => new WeakMap();

export function translateRoute(
  route: Route,
  key: Key,
  { around, memory }: { around: TranslateSurroundings; memory: TranslateMemory },
): TranslatedRoute {
  const known = memory.get(route);
  if (known && isStillTrue(known, around)) return known.value;
  const { use } = routeKindOf(route);
  const lookups = new Map<string, Lookup>();
  const extensions: ExtensionLookup[] = [];
  const services = new Set<ResourceName>();
  let usesGrants = false;
  const lookup: BackendSurroundings = {
    grants: around.grants,
    service(name) {
      const service = around.services.get(name);
      lookups.set(name, { service, effects: around.effects.get(name) });
      return service;
    },
    effects: (name) => around.effects.get(name),
  };
  const surroundings: RuleSurroundings = {
    definitions: around.definitions,
    findExtension(kind, name) {
      const full = `${route.metadata.namespace}/${name}`;
      const found = around.extensions.get(kind)?.get(full);
      extensions.push({ kind, name: full, found });
      return found;
    },
    resolveBackend(ref, protocol) {
      usesGrants ||= ref.namespace !== undefined && ref.namespace !== route.metadata.namespace;
      const from = { kind: route.kind, namespace: route.metadata.namespace, use: protocol ?? use };
      const resolved = resolveBackend(ref, from, lookup);
      if ('key' in resolved) services.add(partsOfBackend(resolved.key).service);
      return resolved;
    },
  };
  const rules = (route.spec.rules ?? [{}]).map((rule, index) =>
    translateRule(rule, { route, routeKey: key, index }, surroundings),
  );
  const value = { ...joinRules(route, key, rules), services: [...services] };
  memory.set(route, { lookups, extensions, value, usesGrants, around });
  return value;
}

function isStillTrue(known: Remembered, around: TranslateSurroundings): boolean {
  if (known.around === around) return true;
  if (known.usesGrants && known.around.grants !== around.grants) return false;
  if (known.around.services !== around.services || known.around.effects !== around.effects) {
    for (const [name, { service, effects }] of known.lookups) {
      if (around.services.get(name) !== service || around.effects.get(name) !== effects) return false;
    }
  }
  if (known.around.extensions !== around.extensions) {
    for (const { kind, name, found } of known.extensions) {
      if (around.extensions.get(kind)?.get(name) !== found) return false;
    }
  }
  known.around = around;
  return true;
}

function joinRules(route: Route, key: Key, rules: readonly TranslatedRule[]): Omit<TranslatedRoute, 'services'> {
  const { namespace, name, generation } = route.metadata;
  const backends = new Map<Key, BackendConfig>(rules.flatMap((rule) => rule.backends));
  // Only the alpha versions let a route of connections have several rules; nothing can lead to the others.
  const connectionRule = routeKindOf(route).translateMatches === null ? (rules[0]?.key ?? null) : null;
  return {
    key,
    config: { origin: { kind: route.kind, namespace, name, generation } },
    rules: rules
      .filter((rule) => rule.matches.length > 0 || rule.key === connectionRule)
      .map((rule) => [rule.key, rule.config] as const),
    filters: rules.flatMap((rule) => rule.filters),
    backends: [...backends],
    matches: rankMatches(route, rules),
    connectionRule,
    ...judgeRules(connectionRule === null ? rules : withoutOthers(rules)),
    resolvedRefs: joinProblems(rules.flatMap((rule) => rule.unresolved)),
  };
}

function rankMatches(route: Route, rules: readonly TranslatedRule[]): readonly RankedMatch[] {
  return rules.flatMap((rule, ruleIndex) =>
    rule.matches.map((rated, matchIndex) => {
      const ranked = { ...rated, route, ruleIndex, matchIndex };
      if (rated.path.type !== 'RegularExpression') return ranked;
      return { ...ranked, match: { ...rated.match, tie: tieOf(ranked) } };
    }),
  );
}

/** Nothing tells connections apart that a second rule could be for. */
function withoutOthers([first, ...others]: readonly TranslatedRule[]): readonly TranslatedRule[] {
  const message =
    'connections cannot be told apart by rules, so only the first rule has them: make it a route of its own';
  const dropped = others.map((rule) => ({ ...rule, problem: { reason: 'UnsupportedValue', message } }));
  return first ? [first, ...dropped] : dropped;
}

/** All rules wrong: the route is not accepted. Some: it is, without them. */
function judgeRules(rules: readonly TranslatedRule[]): Pick<TranslatedRoute, 'accepted' | 'partiallyInvalid'> {
  const bad = rules.flatMap(({ problem, config }) => (problem ? [{ problem, name: config.origin.section }] : []));
  const first = bad[0];
  if (!first) return { accepted: null, partiallyInvalid: null };
  const text = bad.map(({ problem, name }) => `${name}: ${problem.message}`).join('; ');
  const { reason } = first.problem;
  if (bad.length === rules.length) return { accepted: { reason, message: text }, partiallyInvalid: null };
  // The prefix is prescribed by the API for this condition.
  return { accepted: null, partiallyInvalid: { reason, message: `Dropped Rule ${text}` } };
}

/** The first problem's reason, and every different message. */
function joinProblems(problems: readonly Problem[]): Problem | null {
  const first = problems[0];
  if (!first) return null;
  const message = [...new Set(problems.map((problem) => problem.message))].join('\n');
  return { reason: first.reason, message };
}
