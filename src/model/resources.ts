/** What a resource is to everything else: an immutable object with metadata, and the set of all of them at one moment. */

export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly uid?: string;
  /** RFC 3339; absent in files. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  /** Gateways only; what belongs to others is nobody's business here. */
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** Any resource. Never changed once it is part of a ResourceSet: an edit makes a new object, so identity means "unchanged". */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** `namespace/name`, or `name` for cluster-scoped kinds. */
export type ResourceName = string;

export function nameOf(resource: Resource): ResourceName {
  const { namespace, name } = resource.metadata;
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** All resources by kind, then by name. A kind that did not change keeps its Map object. */
export interface ResourceSet {
  /** An empty map for a kind that has no resources. Kinds of ours and upstream's have different names, so the kind is enough. */
  of<R extends Resource = Resource>(kind: string): ReadonlyMap<ResourceName, R>;
}

const nothing: ReadonlyMap<ResourceName, Resource> = new Map();

export function resourceSet(byKind: ReadonlyMap<string, ReadonlyMap<ResourceName, Resource>>): ResourceSet {
  return {
    of<R extends Resource>(kind: string) {
      return (byKind.get(kind) ?? nothing) as ReadonlyMap<ResourceName, R>;
    },
  };
}
