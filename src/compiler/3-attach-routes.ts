/** Step 3: which listeners each route attaches to, and under which hostnames. What a rule does is not looked at. */
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { ResourceSet } from '../model/resources.ts';
import { labelsOf, refuseNewcomer } from './allowed-routes.ts';
import { intersectHostnames, normaliseHostname } from './hostnames.ts';
import { createMemory, remember, type Memory } from './memory.ts';
import type { AttachedRoute, Attachment, ListenerOwner, ResolvedListener, ResolvedParent, Note } from './resolved.ts';
import { gatewayGroup, type ParentReference, type Route } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const attachmentFeatures: readonly string[] = ['HTTPRouteParentRefPort', 'HTTPRouteDestinationPortMatching'];

type AttachMemory = Memory<AttachedRoute>;

export const createAttachMemory = (): AttachMemory => createMemory<AttachedRoute>();

/** What attachment looks at besides the route. */
export interface AttachSurroundings {
  readonly resources: ResourceSet;
  readonly owners: ReadonlyMap<Key, ListenerOwner>;
}

/** The same object as before if nothing it depends on has changed. */
export function attachRoute(route: Route, around: AttachSurroundings, memory: AttachMemory): AttachedRoute {
  const inputs: unknown[] = [around.resources.of('Namespace').get(route.metadata.namespace)];
  for (const key of parentKeys(route)) inputs.push(around.owners.get(key), isKnown(around.resources, key));
  return remember(memory, { owner: route, inputs }, () => attach(route, around));
}

const keysByRoute = new WeakMap<Route, readonly Key[]>();

/** The key of each Gateway and ListenerSet that the route names as parent. */
function parentKeys(route: Route): readonly Key[] {
  const known = keysByRoute.get(route);
  if (known) return known;
  const keys = (route.spec.parentRefs ?? []).map((ref) => parentKey(ref, route)).filter((key) => key !== null);
  keysByRoute.set(route, keys);
  return keys;
}

/** The kinds that have listeners, with the name that ListenerSet had before it was finished. */
const parentKinds: Readonly<Record<string, string>> = {
  [`${gatewayGroup}/Gateway`]: 'Gateway',
  [`${gatewayGroup}/ListenerSet`]: 'ListenerSet',
  'gateway.networking.x-k8s.io/XListenerSet': 'ListenerSet',
};

/** Null for a parent of another kind. */
function parentKey(
  { group = gatewayGroup, kind = 'Gateway', namespace, name }: ParentReference,
  route: Route,
): Key | null {
  const parentKind = parentKinds[`${group}/${kind}`];
  return parentKind === undefined ? null : keyOf(parentKind, namespace ?? route.metadata.namespace, name);
}

function isKnown(resources: ResourceSet, key: Key): boolean {
  const { kind, namespace, name } = partsOf(key);
  return resources.of(kind).has(`${namespace}/${name}`);
}

function attach(route: Route, { resources, owners }: AttachSurroundings): AttachedRoute {
  const { namespace, name } = route.metadata;
  const labels = labelsOf(resources, namespace);
  const key = keyOf(route.kind, namespace, name);
  const parents: ResolvedParent[] = [];
  const notes: Note[] = [];
  for (const ref of route.spec.parentRefs ?? []) {
    const parent = parentKey(ref, route);
    if (parent === null) continue;
    const owner = owners.get(parent);
    if (owner) parents.push(attachToParent(route, ref, { owner, labels }));
    else if (!isKnown(resources, parent))
      notes.push({ object: key, message: missingParent(ref, parent), severity: 'error' });
  }
  return { route, key, parents, notes };
}

function missingParent(ref: ParentReference, parent: Key): string {
  const message = `parent ${nameOfOwner(parent)} does not exist, so the route takes no traffic from it`;
  return ref.namespace === undefined
    ? `${message}: correct the name, or name the parent's namespace in parentRefs[].namespace (without, it is the route's own)`
    : `${message}: correct name or namespace in parentRefs`;
}

function attachToParent(
  route: Route,
  ref: ParentReference,
  { owner, labels }: { owner: ListenerOwner; labels: Readonly<Record<string, string>> },
): ResolvedParent {
  const refused = (problem: Problem): ResolvedParent => ({ ref, problem, listeners: [], attachments: [] });
  const named = owner.listeners.filter(
    ({ spec }) => (!ref.sectionName || spec.name === ref.sectionName) && (!ref.port || spec.port === ref.port),
  );
  if (named.length === 0) return refused(noMatchingParent(ref, owner));
  const home = partsOf(owner.key).namespace;
  const newcomer = { kind: route.kind, namespace: route.metadata.namespace, labels };
  const refusals = named.map((listener) => refuseNewcomer(listener, home, newcomer));
  const open = named.filter((_, i) => refusals[i] === null);
  if (open.length === 0)
    return refused({
      reason: 'NotAllowedByListeners',
      message: `${refusals.join('; ')}. Name a listener that takes the route, or have allowedRoutes changed`,
    });
  const attachments = open.flatMap((listener) => attachToListener(route, listener));
  if (attachments.length === 0) return refused(noMatchingHostname(route, open));
  const listeners = open.filter((listener) => attachments.some((attachment) => attachment.listener === listener));
  return { ref, problem: null, listeners, attachments };
}

/** One attachment for each of the route's hostnames that the listener accepts. */
function attachToListener(route: Route, listener: ResolvedListener): readonly Attachment[] {
  const hostnames = route.spec.hostnames ?? [];
  const attachments = new Map<string, Attachment>();
  for (const own of hostnames.length === 0 ? [''] : hostnames.map(normaliseHostname)) {
    const hostname = intersectHostnames(listener.hostname, own);
    if (hostname === null) continue;
    const table = `${listener.key}/${hostname || '*'}/${own || '*'}`;
    attachments.set(table, { listener, table, hostname, own });
  }
  return [...attachments.values()];
}

function noMatchingParent(ref: ParentReference, { key, listeners }: ListenerOwner): Problem {
  const owner = nameOfOwner(key);
  if (listeners.length === 0) {
    return { reason: 'NoMatchingParent', message: `${owner} is not let in by its Gateway; see its status` };
  }
  const wanted = [ref.sectionName && `named ${ref.sectionName}`, ref.port && `on port ${ref.port}`];
  const names = listeners.map(({ spec }) => `${spec.name} (port ${spec.port})`).join(', ');
  const message = `${owner} has no listener ${wanted.filter(Boolean).join(' ')}: correct parentRefs, it has ${names}`;
  return { reason: 'NoMatchingParent', message };
}

/** `Gateway infra/web` */
function nameOfOwner(key: Key): string {
  const { kind, namespace, name } = partsOf(key);
  return `${kind} ${namespace}/${name}`;
}

function noMatchingHostname(route: Route, open: readonly ResolvedListener[]): Problem {
  const names = open.map((listener) => `${listener.spec.name} (${listener.hostname})`).join(', ');
  const message = `none of the hostnames ${(route.spec.hostnames ?? []).join(', ')} is served by ${names}: change spec.hostnames, or the hostname of a listener`;
  return { reason: 'NoMatchingListenerHostname', message };
}
