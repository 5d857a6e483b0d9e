/** The objects of one kind as last seen, by name, and what changed when others take their place. Knows no connection. */
import type { ServerObject } from './watch-events.ts';

/** `namespace/name`, or `name` for cluster-scoped kinds. */
export type ObjectName = string;

export type Change<T> =
  | { readonly type: 'Added'; readonly name: ObjectName; readonly value: T }
  | { readonly type: 'Modified'; readonly name: ObjectName; readonly value: T; readonly before: T }
  | { readonly type: 'Deleted'; readonly name: ObjectName; readonly before: T };

interface Kept<T> {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly value: T;
}

export class ObjectStore<T> {
  #kept = new Map<ObjectName, Kept<T>>();
  readonly #transform: (object: ServerObject) => T;

  /** `transform` drops what nobody reads; what it returns is never changed. */
  constructor(transform: (object: ServerObject) => T) {
    this.#transform = transform;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Undefined where there is none. */
  get(name: ObjectName): T | undefined {
    return this.#kept.get(name)?.value;
  }

  *values(): IterableIterator<T> {
    for (const { value } of this.#kept.values()) yield value;
  }

  /** An object as it is now. One that was deleted and made again in between is another, so that is two changes. */
  put(object: ServerObject): Change<T>[] {
    const name = nameOfObject(object);
    const before = this.#kept.get(name);
    const { uid, resourceVersion } = object.metadata;
    if (before && before.uid === uid && before.resourceVersion === resourceVersion) return [];
    const value = this.#transform(object);
    this.#kept.set(name, { uid, resourceVersion, value });
    return changesOf(name, before, { uid, value });
  }

  remove(object: ServerObject): Change<T>[] {
    const name = nameOfObject(object);
    const before = this.#kept.get(name);
    if (!before) return [];
    this.#kept.delete(name);
    return [{ type: 'Deleted', name, before: before.value }];
  }

  /** Begins a new list, beside what is kept: until it is whole, the old objects stay. */
  beginList(): ListUnderway<T> {
    const next = new Map<ObjectName, Kept<T>>();
    return {
      put: (object) => {
        const name = nameOfObject(object);
        const { uid, resourceVersion } = object.metadata;
        const before = this.#kept.get(name);
        const isSame = before?.uid === uid && before?.resourceVersion === resourceVersion;
        next.set(name, before && isSame ? before : { uid, resourceVersion, value: this.#transform(object) });
        return [];
      },
      remove: (object) => {
        next.delete(nameOfObject(object));
        return [];
      },
      finish: () => this.#replaceAll(next),
    };
  }

  clear(): Change<T>[] {
    return this.#replaceAll(new Map());
  }

  #replaceAll(next: Map<ObjectName, Kept<T>>): Change<T>[] {
    const changes: Change<T>[] = [];
    for (const [name, before] of this.#kept)
      if (!next.has(name)) changes.push({ type: 'Deleted', name, before: before.value });
    for (const [name, kept] of next) {
      const before = this.#kept.get(name);
      if (before !== kept) changes.push(...changesOf(name, before, kept));
    }
    this.#kept = next;
    return changes;
  }
}

/** Changes nothing until it is finished. */
export interface ListUnderway<T> {
  put(object: ServerObject): Change<T>[];
  remove(object: ServerObject): Change<T>[];
  /** Makes the list what is kept. */
  finish(): Change<T>[];
}

function changesOf<T>(
  name: ObjectName,
  before: Kept<T> | undefined,
  { uid, value }: { readonly uid: string | undefined; readonly value: T },
): Change<T>[] {
  if (!before) return [{ type: 'Added', name, value }];
  if (before.uid === uid) return [{ type: 'Modified', name, value, before: before.value }];
  return [
    { type: 'Deleted', name, before: before.value },
    { type: 'Added', name, value },
  ];
}

export function nameOfObject({ metadata: { namespace, name } }: ServerObject): ObjectName {
  return namespace ? `${namespace}/${name}` : name;
}
