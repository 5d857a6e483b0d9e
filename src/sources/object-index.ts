/**
 * All objects of all files, as one ResourceSet: one object a name, generations counted, and what did not change stays the
 * same object. Knows no disk.
 */
import { deriveMap } from '../lib/derived-map.ts';
import { nameOf, resourceSet, type Resource, type ResourceName, type ResourceSet } from '../model/resources.ts';
import type { FileObject } from './read-objects.ts';
import { isSame } from './same.ts';
import type { SourceProblem } from './source.ts';

type KindMap = ReadonlyMap<ResourceName, Resource>;

export class ObjectIndex {
  /** All that claim to be an object, by its id. The first by path order is it. */
  readonly #claims = new Map<string, FileObject[]>();
  readonly #byKind = new Map<string, KindMap>();
  /** What is to be written at the next `resources()`; undefined: to be removed. */
  readonly #changes = new Map<string, Map<ResourceName, Resource | undefined>>();
  readonly #doubles = new Set<string>();

  /** Replaces what a file holds. */
  replace(before: readonly FileObject[], after: readonly FileObject[]): void {
    const touched = new Map<string, FileObject>();
    for (const object of before) {
      touched.set(object.id, object);
      const claims = this.#claims.get(object.id)!.filter((claim) => claim !== object);
      if (claims.length > 0) this.#claims.set(object.id, claims);
      else this.#claims.delete(object.id);
    }
    for (const object of after) {
      touched.set(object.id, object);
      const claims = this.#claims.get(object.id);
      if (claims) claims.push(object);
      else this.#claims.set(object.id, [object]);
    }
    for (const object of touched.values()) this.#settle(object);
  }

  /** The same set as before where nothing changed; null tells that. */
  takeChanges(): ResourceSet | null {
    if (this.#changes.size === 0) return null;
    for (const [kind, changes] of this.#changes) {
      this.#byKind.set(kind, deriveMap(this.#byKind.get(kind) ?? new Map(), changes));
    }
    this.#changes.clear();
    return this.resources();
  }

  resources(): ResourceSet {
    return resourceSet(new Map(this.#byKind));
  }

  /** Objects that more than one file has; those of files that are about to be read are left out. */
  problems(isDue: (file: string) => boolean): SourceProblem[] {
    return [...this.#doubles].flatMap((id) => {
      const [first, ...others] = this.#claims.get(id)!.filter(({ file }) => !isDue(file));
      return others.map((other) => ({
        // The same text twice, such as a GatewayClass that several folders bring along, harms nobody.
        severity: isSame(first!.resource, other.resource) ? ('warning' as const) : ('error' as const),
        file: other.file,
        ...other.position(),
        object: id,
        message: `is in ${first!.file}:${first!.position().line} too: that one counts, this one is ignored`,
      }));
    });
  }

  /** Where the object of an id (`HTTPRoute shop/cart`) stands; undefined where there is none. */
  locate(id: string): { readonly file: string; readonly line: number } | undefined {
    const claim = this.#claims.get(id)?.[0];
    return claim && { file: claim.file, line: claim.position().line };
  }

  /** Decides who is the object of an id now. */
  #settle({ id, resource: { kind }, resource }: FileObject): void {
    const claims = this.#claims.get(id);
    claims?.sort((a, b) => (a.file < b.file ? -1 : 1));
    if (claims && claims.length > 1) this.#doubles.add(id);
    else this.#doubles.delete(id);
    const name = nameOf(resource);
    const changes = this.#changes.get(kind);
    const present = changes?.has(name) ? changes.get(name) : this.#byKind.get(kind)?.get(name);
    const next = claims && successor(present, claims[0]!.resource);
    if (next === present) return;
    const kindChanges = changes ?? new Map<ResourceName, Resource | undefined>();
    this.#changes.set(kind, kindChanges.set(name, next));
  }
}

/** The object as it is from now on: the present one where nothing changed, else with the generation an API server would give. */
function successor(present: Resource | undefined, next: Resource): Resource {
  if (!present) return { ...next, metadata: { ...next.metadata, generation: next.metadata.generation ?? 1 } };
  const { generation = 1 } = present.metadata;
  const candidate = { ...next, metadata: { ...next.metadata, generation } };
  if (isSame(present, candidate)) return present;
  if (isSame(withoutMetadata(present), withoutMetadata(candidate))) return candidate;
  return { ...next, metadata: { ...next.metadata, generation: generation + 1 } };
}

function withoutMetadata({ metadata: _metadata, ...rest }: Resource): object {
  return rest;
}
