/** The compiler's table of contents: resources in, configuration, statuses and notes out. Pure; what it remembers only saves time. */
import { isEqual } from '../contract/config-diff.ts';
import type { GatewayConfig } from '../contract/gateway-config.ts';
import type { InfrastructureWishes } from '../contract/infrastructure.ts';
import { kinds } from '../model/kinds.ts';
import type { ResourceSet } from '../model/resources.ts';
import { selectGateways, type Selection } from './1-select-gateways.ts';
import { createListenerMemory, resolveListeners } from './2-resolve-listeners.ts';
import { createPolicyStep } from './5-attach-policies.ts';
import type { TranslateSurroundings } from './6-translate-routes.ts';
import { createStatusBuilder, type Statuses } from './7-build-status.ts';
import { createConfigBuilder } from './build-config.ts';
import { updateConnectionTables, type ConnectionTables } from './connection-tables.ts';
import { rememberExtensions } from './extension-refs.ts';
import { infrastructureNotes } from './infrastructure.ts';
import { createListenerEffectStep } from './listener-effects.ts';
import { createListenerFilterStep } from './listener-filters.ts';
import { isSameList } from './memory.ts';
import { findListenerSets } from './listener-sets.ts';
import { updatePathEntries, type PathEntries } from './path-entries.ts';
import { indexGrants, type GrantIndex } from './reference-grants.ts';
import type { ReferenceWorld } from './references.ts';
import type { AttachedPolicies, CompilerOptions, Facts, Note } from './resolved.ts';
import type { Service } from './resource-types.ts';
import { createRouteWalk } from './route-entries.ts';
import { createShadowState, updateShadows } from './unreachable.ts';

export type { ResourceStatus, Statuses } from './7-build-status.ts';
export type { AssignedAddresses, CompilerOptions, Facts, Note } from './resolved.ts';

export interface Compiled {
  /** All Gateways of ours; the keys tell them apart. */
  readonly config: GatewayConfig;
  /** By the key of the object. */
  readonly statuses: Statuses;
  readonly notes: readonly Note[];
  /** What each Gateway of ours needs beside its proxies. */
  readonly infrastructure: InfrastructureWishes;
}

type Compiler = (resources: ResourceSet, facts: Facts) => Compiled;

const nothingAbsent: ReadonlySet<string> = new Set();

/** Before any proxy has spoken. */
export const noFacts: Facts = { acknowledged: null, defaultAddresses: [] };

/** A compiler with memory: what did not change since the last call keeps its objects. */
export function createCompiler(options: CompilerOptions): Compiler {
  const steps = createSteps(options);
  const kindsRead = kindsReadBy(options);
  let inputs: readonly unknown[] = [];
  let compiled: Compiled | null = null;
  let said: Facts['acknowledged'] = null;
  return (resources, all) => {
    // Each version is acknowledged anew; mostly nothing else is said of it than of the one before.
    const { acknowledged } = all;
    if (!isEqual(said && said.problems, acknowledged && acknowledged.problems)) said = acknowledged;
    const facts = { ...all, acknowledged: said };
    const now = inputsOf(
      facts,
      kindsRead.map((kind) => resources.of(kind)),
    );
    if (compiled && isSameList(inputs, now)) return compiled;
    inputs = now;
    // Where a step throws, what it has seen is no reason to trust it next time.
    compiled = null;
    return (compiled = steps(resources, facts));
  };
}

/** Endpoints are no input: a pod that comes or goes must not cost a look at every route. */
function kindsReadBy({ filters }: CompilerOptions): readonly string[] {
  // The objects of an ExtensionRef have the type of their filter for a kind.
  const all = [...kinds.map(({ kind }) => kind), ...filters.map(({ type }) => type)];
  return all.filter((kind) => kind !== 'EndpointSlice');
}

function inputsOf(facts: Facts, maps: readonly unknown[]): readonly unknown[] {
  const { acknowledged, defaultAddresses, assigned, bundleVersion, channel, absentKinds = nothingAbsent } = facts;
  const absent = [...absentKinds].toSorted().join(' ');
  const versions = [...(facts.definitionVersions ?? [])].join(' ');
  const { unlisted } = facts;
  return [...maps, unlisted, acknowledged, defaultAddresses, assigned, bundleVersion, channel, absent, versions];
}

function createSteps(options: CompilerOptions): Compiler {
  const listenerMemory = createListenerMemory();
  const grantsOf = rememberGrants();
  const attachPolicies = createPolicyStep(options.policies);
  const surroundings = rememberSurroundings(options);
  const filterListeners = createListenerFilterStep();
  const applyToListeners = createListenerEffectStep();
  const walkRoutes = createRouteWalk();
  const paths: PathEntries = new Map();
  const connections: ConnectionTables = new Map();
  const shadows = createShadowState();
  const buildConfig = createConfigBuilder();
  const buildStatuses = createStatusBuilder(options);
  return (resources, facts) => {
    const world = { resources, grants: grantsOf(resources), absentKinds: facts.absentKinds ?? nothingAbsent };
    const selection = withAddresses(selectGateways(resources, options), facts);
    const listenerSets = findListenerSets(selection.gateways, resources);
    const listeners = resolveListeners(selection.gateways, { world, listenerSets }, listenerMemory);
    const policies = attachPolicies(world);
    const translation = surroundings(world, policies);
    const gateways = applyToListeners(filterListeners(listeners, translation), policies);
    const entries = walkRoutes({ resources, gateways, translation });
    const changedPaths = updatePathEntries(paths, entries);
    const news = updateShadows(shadows, { entries: paths, changes: changedPaths, gateways });
    const ofConnections = updateConnectionTables(connections, entries, gateways);
    const config = buildConfig({
      gateways,
      entries,
      paths: changedPaths,
      connections: { tables: connections, changed: ofConnections.changed },
    });
    const statuses = buildStatuses({
      resources,
      selection,
      gateways,
      policies,
      entries,
      obstacles: { shadows: shadows.found, connections },
      news: { matches: news, entries: ofConnections.touched },
      facts,
    });
    const notes = [...selection.notes, ...listenerSets.notes, ...policies.notes, ...entries.notes];
    notes.push(...infrastructureNotes(gateways));
    const infrastructure = new Map(gateways.map(({ key, wish }) => [key, wish]));
    return { config, statuses, notes, infrastructure };
  };
}

/** An assignment that did not change must be the same object. */
function withAddresses(selection: Selection, { assigned }: Facts): Selection {
  if (!assigned) return selection;
  const gateways = selection.gateways.map((one) => ({ ...one, assigned: assigned.get(one.key) }));
  return { ...selection, gateways };
}

/** One compilation from nothing. */
export function compile(resources: ResourceSet, options: CompilerOptions, facts: Facts = noFacts): Compiled {
  return createCompiler(options)(resources, facts);
}

function rememberGrants(): (resources: ResourceSet) => GrantIndex {
  let from: unknown;
  let grants: GrantIndex = new Map();
  return (resources) => {
    if (from !== resources.of('ReferenceGrant')) grants = indexGrants(resources);
    from = resources.of('ReferenceGrant');
    return grants;
  };
}

/** The same object as long as Services, ReferenceGrants, policies and extensions are the same, so that routes need not ask again. */
function rememberSurroundings(
  options: CompilerOptions,
): (world: ReferenceWorld, policies: AttachedPolicies) => TranslateSurroundings {
  let around: TranslateSurroundings | undefined;
  const extensionsOf = rememberExtensions(options.filters);
  return ({ resources, grants }, { services: effects }) => {
    const services = resources.of<Service>('Service');
    const extensions = extensionsOf(resources);
    const next: TranslateSurroundings = { definitions: options.filters, grants, services, effects, extensions };
    const before = around;
    if (before && (Object.keys(next) as (keyof typeof next)[]).every((field) => before[field] === next[field])) {
      return before;
    }
    return (around = next);
  };
}
