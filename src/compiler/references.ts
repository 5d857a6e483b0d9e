/** Looks up what objects refer to, and remembers what was asked: a result stays true as long as every answer stays the same. */
import type { Problem } from '../contract/problem.ts';
import type { Resource, ResourceName, ResourceSet } from '../model/resources.ts';
import { refusal, type GrantIndex, type ReferenceEnd, type ReferenceTarget } from './reference-grants.ts';

/** Where references are looked up. */
export interface ReferenceWorld {
  readonly resources: ResourceSet;
  readonly grants: GrantIndex;
  /** Kinds that the cluster does not serve. */
  readonly absentKinds: ReadonlySet<string>;
}

export interface References {
  /** Undefined where there is no such object. Ask `refusal` first. */
  find(kind: string, name: ResourceName): Resource | undefined;
  /** Whether the cluster does not even have the kind. */
  isAbsent(kind: string): boolean;
  /** `RefNotPermitted` where the reference leaves its namespace and nobody allows it. */
  refusal(from: ReferenceEnd, to: ReferenceTarget): Problem | null;
}

export interface RecordedReferences extends References {
  /** Whether everything that was asked would be answered the same. */
  holdsIn(world: ReferenceWorld): boolean;
}

export function recordReferences({ resources, grants, absentKinds }: ReferenceWorld): RecordedReferences {
  const kinds = new Map<string, boolean>();
  const lookups: { readonly kind: string; readonly name: ResourceName; readonly found: Resource | undefined }[] = [];
  let usesGrants = false;
  return {
    find(kind, name) {
      const found = resources.of(kind).get(name);
      lookups.push({ kind, name, found });
      return found;
    },
    isAbsent(kind) {
      const isAbsent = absentKinds.has(kind);
      kinds.set(kind, isAbsent);
      return isAbsent;
    },
    refusal(from, to) {
      usesGrants ||= from.namespace !== to.namespace;
      return refusal(grants, from, to);
    },
    holdsIn(world) {
      if (usesGrants && world.grants !== grants) return false;
      for (const [kind, isAbsent] of kinds) if (world.absentKinds.has(kind) !== isAbsent) return false;
      return lookups.every(({ kind, name, found }) => world.resources.of(kind).get(name) === found);
    },
  };
}
