/** Step 3: which listeners each route attaches to, and under which hostnames. What a rule does is not looked at. */
import { keyOf } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { ResourceSet } from '../model/resources.ts';
import { labelsOf, refuseNewcomer } from './allowed-routes.ts';
import { intersectHostnames, normaliseHostname } from './hostnames.ts';
import { createMemory, remember, type Memory } from './memory.ts';
import type { AttachedRoute, Attachment, ResolvedGateway, ResolvedListener, ResolvedParent, Note } from './resolved.ts';
import { gatewayGroup, type Gateway, type HTTPRoute, type ParentReference } from './resource-types.ts';

type AttachMemory = Memory<AttachedRoute>;

export const createAttachMemory = (): AttachMemory => createMemory<AttachedRoute>();

/** What attachment looks at besides the route. */
export interface AttachSurroundings {
  readonly resources: ResourceSet;
  /** By `namespace/name`. */
  readonly gateways: ReadonlyMap<string, ResolvedGateway>;
}

/** The same object as before if nothing it depends on has changed. */
export function attachRoute(route: HTTPRoute, around: AttachSurroundings, memory: AttachMemory): AttachedRoute {
  const inputs: unknown[] = [around.resources.of('Namespace').get(route.metadata.namespace)];
  const known = around.resources.of<Gateway>('Gateway');
  for (const name of gatewayNames(route)) inputs.push(around.gateways.get(name), known.has(name));
  return remember(memory, { owner: route, inputs }, () => attach(route, around));
}

const namesByRoute = new WeakMap<HTTPRoute, readonly string[]>();

/** `namespace/name` of each Gateway that the route names as parent. */
function gatewayNames(route: HTTPRoute): readonly string[] {
  const known = namesByRoute.get(route);
  if (known) return known;
  const names = (route.spec.parentRefs ?? []).filter(isGateway).map((ref) => gatewayName(ref, route));
  namesByRoute.set(route, names);
  return names;
}

function isGateway(ref: ParentReference): boolean {
  return (ref.kind ?? 'Gateway') === 'Gateway' && (ref.group ?? gatewayGroup) === gatewayGroup;
}

function gatewayName(ref: ParentReference, route: HTTPRoute): string {
  return `${ref.namespace ?? route.metadata.namespace}/${ref.name}`;
}

function attach(route: HTTPRoute, { resources, gateways }: AttachSurroundings): AttachedRoute {
  const { namespace, name } = route.metadata;
  const labels = labelsOf(resources, namespace);
  const key = keyOf(route.kind, namespace, name);
  const parents: ResolvedParent[] = [];
  const notes: Note[] = [];
  for (const ref of route.spec.parentRefs ?? []) {
    if (!isGateway(ref)) continue;
    const parent = gatewayName(ref, route);
    const gateway = gateways.get(parent);
    if (gateway) parents.push(attachToParent(route, ref, { gateway, labels }));
    else if (!resources.of('Gateway').has(parent)) {
      notes.push({ object: key, message: missingParent(ref, parent), severity: 'error' });
    }
  }
  return { route, key, parents, notes };
}

function missingParent(ref: ParentReference, parent: string): string {
  const message = `parent Gateway ${parent} does not exist, so the route takes no traffic from it`;
  return ref.namespace === undefined
    ? `${message}: correct the name, or name the Gateway's namespace in parentRefs[].namespace (without, it is the route's own)`
    : `${message}: correct name or namespace in parentRefs`;
}

function attachToParent(
  route: HTTPRoute,
  ref: ParentReference,
  { gateway, labels }: { gateway: ResolvedGateway; labels: Readonly<Record<string, string>> },
): ResolvedParent {
  const refused = (problem: Problem): ResolvedParent => ({ ref, gateway, problem, listeners: [], attachments: [] });
  const named = gateway.listeners.filter(
    ({ spec }) => (!ref.sectionName || spec.name === ref.sectionName) && (!ref.port || spec.port === ref.port),
  );
  if (named.length === 0) return refused(noMatchingParent(ref, gateway));
  const home = gateway.gateway.metadata.namespace;
  const newcomer = { kind: route.kind, namespace: route.metadata.namespace, labels };
  const refusals = named.map((listener) => refuseNewcomer(listener, home, newcomer));
  const open = named.filter((_, i) => refusals[i] === null);
  if (open.length === 0) return refused({ reason: 'NotAllowedByListeners', message: refusals.join('; ') });
  const attachments = open.flatMap((listener) => attachToListener(route, listener));
  if (attachments.length === 0) return refused(noMatchingHostname(route, open));
  const listeners = open.filter((listener) => attachments.some((attachment) => attachment.listener === listener));
  return { ref, gateway, problem: null, listeners, attachments };
}

/** One attachment for each of the route's hostnames that the listener accepts. */
function attachToListener(route: HTTPRoute, listener: ResolvedListener): readonly Attachment[] {
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

function noMatchingParent(ref: ParentReference, { gateway, listeners }: ResolvedGateway): Problem {
  const wanted = [ref.sectionName && `named ${ref.sectionName}`, ref.port && `on port ${ref.port}`];
  const names = listeners.map(({ spec }) => `${spec.name} (port ${spec.port})`).join(', ');
  const message = `Gateway ${gateway.metadata.namespace}/${gateway.metadata.name} has no listener ${wanted.filter(Boolean).join(' ')}: it has ${names}`;
  return { reason: 'NoMatchingParent', message };
}

function noMatchingHostname(route: HTTPRoute, open: readonly ResolvedListener[]): Problem {
  const names = open.map((listener) => `${listener.spec.name} (${listener.hostname})`).join(', ');
  const message = `none of the hostnames ${(route.spec.hostnames ?? []).join(', ')} is served by ${names}`;
  return { reason: 'NoMatchingListenerHostname', message };
}
