/** Step 5: whom each policy hits and which of two wins: written once, for all kinds of policies. What one does is its definition's business. */
import { isEqual } from '../contract/config-diff.ts';
import { keyOf } from '../contract/keys.ts';
import type { AnyPolicyDefinition, BackendEffect, PolicyResult } from '../contract/policy.ts';
import type { Problem } from '../contract/problem.ts';
import type { Resource, ResourceName } from '../model/resources.ts';
import { resolveCaBundle } from './ca-bundles.ts';
import { isSameList } from './memory.ts';
import { compareAge } from './precedence.ts';
import { recordReferences, type RecordedReferences, type References, type ReferenceWorld } from './references.ts';
import type { AttachedPolicies, Note, PolicyPlace, ResolvedPolicy, ServiceEffects } from './resolved.ts';
import type { PolicyTargetReference, Service } from './resource-types.ts';

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
  let attached: AttachedPolicies = { all: [], services: new Map(), notes: [] };
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
    attached = attach(now, attached.services);
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
    const target = definition.targets.find(({ group, kind }) => group === ref.group && kind === ref.kind);
    const service = `${namespace}/${ref.name}`;
    const place = { service, portName: ref.sectionName || null };
    if (target) return { ...place, problem: findTarget(references, place) };
    const kinds = definition.targets.map(({ kind }) => kind).join(' or ');
    const message = `targetRefs names ${ref.kind} ${ref.name}: ${policy.kind} applies to ${kinds}`;
    return { ...place, problem: { reason: 'TargetNotFound', message } };
  });
  return { policy, result, places };
}

function findTarget(references: References, { service, portName }: Omit<PolicyPlace, 'problem'>): Problem | null {
  const found = references.find('Service', service) as Service | undefined;
  if (!found) return { reason: 'TargetNotFound', message: `Service ${service} does not exist` };
  if (portName === null || found.spec.ports?.some((port) => port.name === portName)) return null;
  const names = (found.spec.ports ?? []).map((port) => port.name ?? `${port.port} without name`).join(', ');
  const message = `Service ${service} has no port named ${portName}: it has ${names || 'none'}`;
  return { reason: 'TargetNotFound', message };
}

interface Draft {
  whole: BackendEffect | null;
  readonly byPort: Map<string, BackendEffect>;
}

function attach(
  compiled: readonly CompiledPolicy[],
  before: ReadonlyMap<ResourceName, ServiceEffects>,
): AttachedPolicies {
  const winners = new Map<string, TargetingPolicy>();
  const drafts = new Map<ResourceName, Draft>();
  const all = compiled
    .toSorted((a, b) => compareAge(a.policy, b.policy))
    .map(({ policy, result, places }): ResolvedPolicy => {
      const judged = places.map((place) => ({ ...place, problem: place.problem ?? claim(winners, policy, place) }));
      for (const { service, portName, problem } of judged) {
        if (problem) continue;
        const draft = drafts.get(service) ?? { whole: null, byPort: new Map() };
        drafts.set(service, draft);
        if (portName === null) draft.whole = result.backend;
        else draft.byPort.set(portName, result.backend);
      }
      const { kind, metadata } = policy;
      const key = keyOf(kind, metadata.namespace, metadata.name);
      return { policy, key, places: judged, accepted: result.accepted, resolvedRefs: result.resolvedRefs };
    });
  const services = new Map([...drafts].map(([name, draft]) => [name, keepObject(before.get(name), draft)]));
  return { all, services, notes: all.flatMap(noteMissing) };
}

/** The oldest has the target, then the first by name; a policy for one port is no rival of one for the whole Service. */
function claim(
  winners: Map<string, TargetingPolicy>,
  policy: TargetingPolicy,
  { service, portName }: PolicyPlace,
): Problem | null {
  const target = `${policy.kind} ${service} ${portName ?? ''}`;
  const winner = winners.get(target);
  if (!winner) {
    winners.set(target, policy);
    return null;
  }
  const what = portName === null ? `Service ${service}` : `port ${portName} of Service ${service}`;
  const message = `${what} has ${winner.kind} ${winner.metadata.namespace}/${winner.metadata.name} already, which is older or comes first by name`;
  return { reason: 'Conflicted', message };
}

/** A Service about which the same is said as before keeps its object, so that routes need not be translated again. */
function keepObject(before: ServiceEffects | undefined, { whole, byPort }: Draft): ServiceEffects {
  const now = { whole, byPort: Object.fromEntries(byPort) };
  return before && isEqual(before, now) ? before : now;
}

/** A target that does not exist leads to no Gateway, so that no status has a place for it. */
function noteMissing({ key, places }: ResolvedPolicy): readonly Note[] {
  return places.flatMap(({ problem }) =>
    problem?.reason === 'TargetNotFound' ? [{ object: key, message: problem.message, severity: 'error' as const }] : [],
  );
}
