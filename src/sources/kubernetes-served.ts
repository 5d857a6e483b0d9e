/** Turns an object as an API server has it into a resource. The server has judged it, so rules are not asked again. */
import { managersOf } from '../kube/field-managers.ts';
import { prune } from '../kube/prune.ts';
import type { ServerObject } from '../kube/watch-events.ts';
import { readCore } from '../model/core.ts';
import { fieldText, type FieldProblem } from '../model/field-path.ts';
import { apiVersionOf, type KindDefinition } from '../model/kinds.ts';
import { gatewayOwners } from '../model/metadata.ts';
import type { ObjectMeta, Resource } from '../model/resources.ts';
import { schemaOf } from '../model/schema/schemas.ts';
import { StructureReader } from '../model/schema/structure.ts';

/** What a controller must know of an object beyond what is compiled. */
export interface Observation {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly generation: number | undefined;
  /** As the server has it, with the entries of other controllers. */
  readonly status: unknown;
  /** Who wrote the condition Accepted of its status: field managers. Absent where it has none. */
  readonly acceptedBy?: readonly string[];
  /** Absent: none. */
  readonly finalizers?: readonly string[];
  /** Somebody has deleted it, and it stays until nobody's finalizer is left. */
  readonly isTerminating?: true;
}

export interface Served {
  /**
   * Without status and resourceVersion, so that a status that is written changes nothing. Undefined where it cannot be read.
   * Its owner may put an equal one in its place.
   */
  resource: Resource | undefined;
  readonly observation: Observation;
  /** Why it cannot be read: `spec.x must be …`. */
  readonly problem: string | undefined;
}

interface ServerMeta extends Partial<ObjectMeta> {
  readonly name: string;
  readonly finalizers?: readonly string[];
}

/** In the newest version, with its defaults; `version` is that of the object, which may be older. Changes the object. */
export function readServed(object: ServerObject, definition: KindDefinition, version: string): Served {
  // Before it is forgotten who wrote what.
  const observed = readObservation(object);
  const { fields, problems } = readFields(leaveOut(prune(object)), definition, version);
  const wrong = problems.find(({ severity }) => severity === 'error');
  if (wrong) return { ...observed, problem: `${fieldText(wrong.path)} ${wrong.message}` };
  const metadata = readMeta(object.metadata);
  const identity = { apiVersion: apiVersionOf(definition), kind: definition.kind, metadata };
  return { ...observed, resource: { ...identity, ...fields } };
}

const messageOfAccepted = ['f:status', 'f:conditions', 'k:{"type":"Accepted"}', 'f:message'];

/** Of an object that is not read itself. */
export function readObservation(object: ServerObject): Served {
  const { uid, resourceVersion, generation, finalizers, deletionTimestamp } = object.metadata as ServerMeta;
  const { status } = object as { readonly status?: { readonly conditions?: unknown } };
  const observation = {
    uid,
    resourceVersion,
    generation,
    status,
    ...(status?.conditions !== undefined && { acceptedBy: managersOf(object, messageOfAccepted) }),
    ...(finalizers && { finalizers }),
    ...(deletionTimestamp !== undefined && { isTerminating: true as const }),
  };
  return { resource: undefined, observation, problem: undefined };
}

const unreadOfEndpoint = ['targetRef', 'nodeName', 'hostname', 'hints', 'deprecatedTopology'];

/** Most of an EndpointSlice tells of pods and nodes, which nobody reads here. Changes the object. */
function leaveOut(object: ServerObject): ServerObject {
  const { endpoints } = object as { readonly endpoints?: readonly Record<string, unknown>[] | null };
  for (const endpoint of endpoints ?? []) for (const field of unreadOfEndpoint) delete endpoint[field];
  return object;
}

function readFields(
  raw: object,
  definition: KindDefinition,
  version: string,
): { readonly fields: object; readonly problems: readonly FieldProblem[] } {
  const schema = definition.hasSchema ? schemaOf(definition.kind, version) : undefined;
  if (!schema) return readCore(definition.kind, raw as Record<string, unknown>);
  const {
    apiVersion: _version,
    kind: _kind,
    metadata: _metadata,
    status: _status,
    ...own
  } = raw as Record<string, unknown>;
  const reader = new StructureReader();
  return { fields: reader.read(schema, own) ?? {}, problems: reader.problems };
}

function readMeta(metadata: ServerMeta): ObjectMeta {
  const { name, namespace = '', labels, annotations, generation, uid, creationTimestamp, deletionTimestamp } = metadata;
  const ownerReferences = gatewayOwners(metadata.ownerReferences);
  return {
    name,
    namespace,
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(generation !== undefined && { generation }),
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(ownerReferences.length > 0 && { ownerReferences }),
  };
}
