/** Which Secrets and ConfigMaps are named by any resource: only those are read. Knows no field by name, so policies need no entry. */
import type { Resource, ResourceName } from '../model/resources.ts';

/** Kinds of which only what is referenced is read. */
export const referencedKinds = ['Secret', 'ConfigMap'] as const;

export type ReferencedKind = (typeof referencedKinds)[number];

export interface Reference {
  readonly kind: ReferencedKind;
  /** `namespace/name`. */
  readonly name: ResourceName;
}

/** All references within a resource: whatever has a `kind` of these and a `name`. Defaults must have been applied. */
export function referencesOf(resource: Resource): readonly Reference[] {
  const found: Reference[] = [];
  const { metadata, ...rest } = resource;
  visit(rest, metadata.namespace, found);
  return found;
}

function visit(value: unknown, namespace: string, found: Reference[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) visit(item, namespace, found);
    return;
  }
  const { kind, name, group = '', namespace: own = namespace } = value as Record<string, unknown>;
  if (
    (kind === 'Secret' || kind === 'ConfigMap') &&
    group === '' &&
    typeof name === 'string' &&
    typeof own === 'string'
  )
    found.push({ kind, name: `${own}/${name}` });
  for (const inner of Object.values(value)) visit(inner, namespace, found);
}

/** Counts who names what. */
export class ReferenceCounter {
  readonly #counts = new Map<string, number>();
  readonly #onChange: (reference: Reference) => void;

  /** Called when something is named for the first time, or no longer. */
  constructor(onChange: (reference: Reference) => void) {
    this.#onChange = onChange;
  }

  isWanted({ kind, name }: Reference): boolean {
    return this.#counts.has(`${kind} ${name}`);
  }

  /** A resource takes the place of another; undefined where there is or was none. */
  replace(before: Resource | undefined, after: Resource | undefined): void {
    // The new ones first, so that what both name is never unwanted.
    if (after) for (const reference of referencesOf(after)) this.#add(reference, 1);
    if (before) for (const reference of referencesOf(before)) this.#add(reference, -1);
  }

  #add(reference: Reference, by: 1 | -1): void {
    const key = `${reference.kind} ${reference.name}`;
    const before = this.#counts.get(key) ?? 0;
    const after = before + by;
    if (after > 0) this.#counts.set(key, after);
    else this.#counts.delete(key);
    if (before > 0 !== after > 0) this.#onChange(reference);
  }
}
