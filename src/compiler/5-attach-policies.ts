/** Step 5: whom each policy hits and which of two wins: written once, for all kinds of policies. What one does is its definition's business. */
import { isEqual } from '../contract/config-diff.ts';
import { keyOf } from '../contract/keys.ts';
import type { AnyPolicyDefinition, PolicyEffects, PolicyResult } from '../contract/policy.ts';
import type { Problem } from '../contract/problem.ts';
import type { Resource, ResourceName } from '../model/resources.ts';
import { resolveCaBundle } from './ca-bundles.ts';
import { isSameList } from './memory.ts';
import { compareAge } from './precedence.ts';
import { recordReferences, type RecordedReferences, type References, type ReferenceWorld } from './references.ts';
import type { AttachedPolicies, EffectsByKind, Note, PolicyPlace, ResolvedPolicy, TargetEffects } from './resolved.ts';
import type { Gateway, PolicyTargetReference, Service } from './resource-types.ts';

/** What every policy of ours has. */
interface TargetingPolicy extends Resource {
  readonly spec: { readonly targetRefs: readonly PolicyTargetReference[] };
}

/** A policy by itself, before others are looked at. */
interface CompiledPolicy {
  readonly policy: TargetingPolicy;
  readonly result: PolicyResult;
  readonly places: readonly PolicyPlace[];
}

interface Remembered {
  readonly references: RecordedReferences;
  readonly value: CompiledPolicy;
}

/** Gives the same result again as long as no policy, and nothing that one refers to, has changed. */
export function createPolicyStep(
  definitions: readonly AnyPolicyDefinition[],
): (world: ReferenceWorld) => AttachedPolicies {
  const memory = new WeakMap<Resource, Remembered>();
  let compiled: readonly CompiledPolicy[] = [];
  const order = definitions.map(({ kind }) => kind);
  let attached: AttachedPolicies = { all: [], services: new Map(), gateways: new Map(), notes: [] };
  return (world) => {
    const now = definitions.flatMap((definition) =>
      [...world.resources.of<TargetingPolicy>(definition.kind).values()].map((policy) => {
        const known = memory.get(policy);
        if (known?.references.holdsIn(world)) return known.value;
        const references = recordReferences(world);
        const value = compilePolicy(definition, policy, references);
        memory.set(policy, { references, value });
        return value;
      }),
    );
    if (isSameList(compiled, now)) return attached;
    compiled = now;
    attached = attach(now, order, attached);
    return attached;
  };
}

function compilePolicy(
  definition: AnyPolicyDefinition,
  policy: TargetingPolicy,
  references: References,
): CompiledPolicy {
  const { namespace } = policy.metadata;
  const result = definition.compile(policy, { resolveCa: (ref) => resolveCaBundle(ref, namespace, references) });
  const places = policy.spec.targetRefs.map((ref): PolicyPlace => {
    const isTarget = definition.targets.some(({ group, kind }) => group === ref.group && kind === ref.kind);
    const place = { kind: ref.kind, target: `${namespace}/${ref.name}`, section: ref.sectionName || null };
    if (isTarget) return { ...place, problem: findTarget(references, place) };
    const kinds = definition.targets.map(({ kind }) => kind).join(' or ');
    const message = `targetRefs names ${ref.kind} ${ref.name}: ${policy.kind} applies to ${kinds}`;
    return { ...place, problem: { reason: 'TargetNotFound', message } };
  });
  return { policy, result, places };
}

function findTarget(references: References, { kind, target, section }: Omit<PolicyPlace, 'problem'>): Problem | null {
  const found = references.find(kind, target) as Service | Gateway | undefined;
  if (!found)
    return { reason: 'TargetNotFound', message: `${kind} ${target} does not exist: create it, or correct targetRefs` };
  if (section === null) return null;
  const names = sectionsOf(found);
  if (names.includes(section)) return null;
  const what = sectionNames[kind] ?? 'section';
  const message = `${kind} ${target} has no ${what} named ${section}: correct sectionName, it has ${names.join(', ') || 'none'}`;
  return { reason: 'TargetNotFound', message };
}

/** What `sectionName` picks. */
const sectionNames: Readonly<Record<string, string>> = { Service: 'port', Gateway: 'listener' };

function sectionsOf(target: Service | Gateway): readonly string[] {
  if ('listeners' in target.spec) return target.spec.listeners.map(({ name }) => name);
  return (target.spec.ports ?? []).map(({ name, port }) => name ?? `${port} without name`);
}

interface Draft {
  readonly whole: Record<string, PolicyEffects>;
  readonly bySection: Record<string, Record<string, PolicyEffects>>;
}

type Drafts = Readonly<Record<'Service' | 'Gateway', Map<ResourceName, Draft>>>;

function attach(
  compiled: readonly CompiledPolicy[],
  order: readonly string[],
  before: AttachedPolicies,
): AttachedPolicies {
  const winners = new Map<string, TargetingPolicy>();
  const drafts: Drafts = { Service: new Map(), Gateway: new Map() };
  const all = compiled
    .toSorted((a, b) => compareAge(a.policy, b.policy))
    .map(({ policy, result, places }): ResolvedPolicy => {
      const judged = places.map((place) => ({ ...place, problem: place.problem ?? claim(winners, policy, place) }));
      const { backend, listener } = result;
      const effects = { ...(backend && { backend }), ...(listener && { listener }) };
      for (const place of judged) if (!place.problem) addEffects(drafts, place, { [policy.kind]: effects });
      const { kind, metadata } = policy;
      const key = keyOf(kind, metadata.namespace, metadata.name);
      return { policy, key, places: judged, accepted: result.accepted, resolvedRefs: result.resolvedRefs };
    });
  return {
    all,
    services: settle(drafts.Service, order, before.services),
    gateways: settle(drafts.Gateway, order, before.gateways),
    notes: all.flatMap(noteMissing),
  };
}

function addEffects(
  drafts: Drafts,
  { kind, target, section }: PolicyPlace,
  effects: Record<string, PolicyEffects>,
): void {
  const targets = drafts[kind as keyof Drafts];
  const draft = targets.getOrInsert(target, { whole: {}, bySection: {} });
  Object.assign(section === null ? draft.whole : (draft.bySection[section] ??= {}), effects);
}

/** The oldest has the target, then the first by name; a policy for one section is no rival of one for the whole. */
function claim(
  winners: Map<string, TargetingPolicy>,
  policy: TargetingPolicy,
  { kind, target, section }: PolicyPlace,
): Problem | null {
  const place = `${policy.kind} ${kind} ${target} ${section ?? ''}`;
  const winner = winners.get(place);
  if (!winner) {
    winners.set(place, policy);
    return null;
  }
  const what = section === null ? `${kind} ${target}` : `${sectionNames[kind]} ${section} of ${kind} ${target}`;
  const message = `${what} has ${winner.kind} ${winner.metadata.namespace}/${winner.metadata.name} already, which is older or comes first by name: remove one of them${section === null ? `, or target one ${sectionNames[kind]} by sectionName` : ''}`;
  return { reason: 'Conflicted', message };
}

/** A target about which the same is said as before keeps its object, so that routes need not be translated again. */
function settle(
  drafts: ReadonlyMap<ResourceName, Draft>,
  order: readonly string[],
  before: ReadonlyMap<ResourceName, TargetEffects>,
): ReadonlyMap<ResourceName, TargetEffects> {
  const inOrder = (effects: EffectsByKind): EffectsByKind =>
    Object.fromEntries(order.flatMap((kind) => (effects[kind] ? [[kind, effects[kind]]] : [])));
  return new Map(
    [...drafts].map(([name, { whole, bySection }]) => {
      const sections = Object.entries(bySection).map(([section, effects]) => [section, inOrder(effects)] as const);
      const now = { whole: inOrder(whole), bySection: Object.fromEntries(sections) };
      const known = before.get(name);
      return [name, known && isEqual(known, now) ? known : now] as const;
    }),
  );
}

/** A target that does not exist leads to no Gateway, so that no status has a place for it. */
function noteMissing({ key, places }: ResolvedPolicy): readonly Note[] {
  return places.flatMap(({ problem }) =>
    problem?.reason === 'TargetNotFound' ? [{ object: key, message: problem.message, severity: 'error' as const }] : [],
  );
}
