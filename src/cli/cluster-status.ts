/** What `headgate status` shows of a cluster: the objects that Headgate serves, with the statuses that the controller wrote. */
import { defaultControllerName } from '../compiler/1-select-gateways.ts';
import type { Note } from '../controller/parts.ts';
import type { ResourceStatus } from '../controller/statuses.ts';
import { keyOf } from '../contract/keys.ts';
import { createKubeClient, type KubeClient } from '../kube/client.ts';
import { findAccess } from '../kube/find-access.ts';
import type { ServerObject } from '../kube/watch-events.ts';
import { kinds, type KindDefinition } from '../model/kinds.ts';
import { nameOf, resourceSet, type Resource } from '../model/resources.ts';
import { readServed } from '../sources/kubernetes-served.ts';
import { statusDocument, type ResourceWithStatus, type StatusDocument } from './status-document.ts';
import { UserError } from './user-error.ts';

export interface ClusterScope {
  readonly kubeconfig?: string;
  /** Of the kubeconfig; absent: the current one. */
  readonly context?: string;
  /** Absent: the context's. */
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

const pageSize = 500;
const timeoutMs = 30_000;

export async function clusterStatus(scope: ClusterScope): Promise<StatusDocument> {
  const found = findAccess(scope);
  if ('problem' in found) throw new UserError(found.problem);
  const { access } = found;
  const namespace = scope.allNamespaces ? undefined : (scope.namespace ?? access.namespace);
  const client = createKubeClient(access);
  try {
    const lists = await Promise.all(
      kinds
        .filter(({ hasStatus }) => hasStatus)
        .map((definition) => listAll(client, definition, definition.scope === 'Cluster' ? undefined : namespace)),
    );
    return documentOf(lists.flat());
  } finally {
    await client.close();
  }
}

/** In the newest version of the kind that the cluster has; empty where it has none. */
async function listAll(
  client: KubeClient,
  definition: KindDefinition,
  namespace: string | undefined,
): Promise<ResourceWithStatus[]> {
  const { group, plural, versions } = definition;
  for (const version of versions) {
    const path = { group, version, plural, ...(namespace !== undefined && { namespace }) };
    const objects: ResourceWithStatus[] = [];
    let from: string | undefined;
    do {
      // One page after the other: each says where the next one begins.
      // oxlint-disable-next-line no-await-in-loop
      const { value, error } = await client.list(path, {
        query: { limit: pageSize, continue: from },
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (error?.code === 404) break;
      if (error) throw new UserError(`${plural} of the cluster cannot be read: ${error.message}`);
      for (const item of value.items ?? []) {
        const { resource, observation } = readServed(item as ServerObject, definition, version);
        if (resource) objects.push({ ...resource, status: observation.status ?? {} });
      }
      from = value.metadata?.continue || undefined;
      if (from === undefined) return objects;
    } while (from !== undefined);
  }
  return [];
}

interface Entry {
  readonly controllerName?: string;
}

interface RouteFields {
  readonly spec?: { readonly parentRefs?: readonly { name: string; namespace?: string; kind?: string }[] };
  readonly status: { readonly parents?: readonly (Entry & { readonly parentRef: { readonly name: string } })[] };
}

/** Only what is Headgate's: of Gateways those of its classes, of routes and policies the entries that it wrote. */
function documentOf(objects: readonly ResourceWithStatus[]): StatusDocument {
  const classes = new Set(
    objects
      .filter(({ kind, spec }) => kind === 'GatewayClass' && controllerOf(spec) === defaultControllerName)
      .map(({ metadata }) => metadata.name),
  );
  const gateways = new Set(objects.filter((object) => classes.has(classOf(object))).map((object) => nameOf(object)));
  const ours = objects.flatMap((object): ResourceWithStatus[] => {
    const { kind, metadata } = object;
    if (kind === 'GatewayClass') return classes.has(metadata.name) ? [object] : [];
    if (kind === 'Gateway') return gateways.has(nameOf(object)) ? [object] : [];
    if (kind === 'ListenerSet') return gateways.has(parentOf(object)) ? [object] : [];
    const status = ownEntries(object.status);
    return status ? [{ ...object, status }] : [];
  });
  const byKind = Map.groupBy(ours, ({ kind }) => kind);
  return statusDocument({
    resources: resourceSet(
      new Map([...byKind].map(([kind, all]) => [kind, new Map(all.map((one) => [nameOf(one), one as Resource]))])),
    ),
    statuses: new Map(
      ours.map(({ kind, metadata, status }) => [keyOf(kind, metadata.namespace, metadata.name), status]),
    ),
    problems: [],
    notes: objects.flatMap(unanswered),
    // The cluster does not tell: only 0, nothing is served, would mean something.
    version: 1,
    isProgrammed: true,
    locate: () => '',
  });
}

function controllerOf(spec: unknown): string | undefined {
  return (spec as { readonly controllerName?: string } | undefined)?.controllerName;
}

function classOf({ kind, spec }: ResourceWithStatus): string {
  return kind === 'Gateway' ? (spec as { readonly gatewayClassName: string }).gatewayClassName : '';
}

function parentOf({ metadata, spec }: ResourceWithStatus): string {
  const { parentRef } = spec as { readonly parentRef: { readonly name: string; readonly namespace?: string } };
  return `${parentRef.namespace ?? metadata.namespace}/${parentRef.name}`;
}

/** Null where none is ours. */
function ownEntries(status: ResourceStatus): ResourceStatus | null {
  const isOurs = (entry: unknown): boolean => (entry as Entry).controllerName === defaultControllerName;
  const parents = status.parents?.filter(isOurs) ?? [];
  const ancestors = status.ancestors?.filter(isOurs) ?? [];
  if (parents.length + ancestors.length === 0) return null;
  return { ...status, ...(status.parents && { parents }), ...(status.ancestors && { ancestors }) };
}

/** A parent that nobody answers for has no place in any status. */
function unanswered(object: ResourceWithStatus): readonly Note[] {
  if (!object.kind.endsWith('Route')) return [];
  const { spec, status } = object as unknown as RouteFields;
  const { namespace, name } = object.metadata;
  return (spec?.parentRefs ?? [])
    .filter((ref) => !status.parents?.some(({ parentRef }) => parentRef.name === ref.name))
    .map((ref) => ({
      object: keyOf(object.kind, namespace, name),
      message: `nobody answers for its parent ${ref.kind ?? 'Gateway'} ${ref.namespace ?? namespace}/${ref.name}: it does not exist, or its controller does not run`,
      severity: 'error',
    }));
}
