/** Which Gateways and ListenerSets the statuses of routes and policies have no room to name. Knows not what is said of it. */
import type { Key } from '../contract/keys.ts';

export class Unlisted {
  readonly #parentsOf = new Map<Key, readonly Key[]>();
  #objectsOf: ReadonlyMap<Key, readonly Key[]> = new Map();

  /** The objects by whom they do not name, in the order of their names; the same map as long as nothing changes. */
  get objects(): ReadonlyMap<Key, readonly Key[]> {
    return this.#objectsOf;
  }

  /** The object's status has no room for these parents or ancestors. Whether that is news. */
  set(object: Key, parents: readonly Key[]): boolean {
    if ((this.#parentsOf.get(object) ?? []).join() === parents.join()) return false;
    if (parents.length > 0) this.#parentsOf.set(object, parents);
    else this.#parentsOf.delete(object);
    const objectsOf = new Map<Key, Key[]>();
    for (const [key, all] of [...this.#parentsOf].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      for (const parent of all) objectsOf.getOrInsert(parent, []).push(key);
    this.#objectsOf = objectsOf;
    return true;
  }
}
