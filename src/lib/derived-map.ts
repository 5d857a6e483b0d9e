/**
 * Immutable maps that are made from one another: the price of a new one is that of what changed, and so is the price of the
 * difference of two. Knows nothing of what they hold.
 *
 * The newest of a family has the entries; each older one has what it takes to undo the step to the next (after H. Baker,
 * "Shallow binding makes functional arrays fast", 1991). So old ones can be read, at the price of a walk, and are forgotten
 * by the newer ones, which do not know them.
 *
 * An old one that somebody keeps must not keep all that ever comes after it: once as much can be undone as there is, the newest
 * is left with its entries, and a new family begins with a copy.
 */

/** What became of an entry; undefined: it is not there. */
export type Difference<K, V> = readonly [key: K, before: V | undefined, after: V | undefined];

/** Fewer entries than this to undo are no reason to copy, however small the map is. */
const undoneAtLeast = 16;

class DerivedMap<K, V> implements ReadonlyMap<K, V> {
  /** Null: the entries are those of `#next`, but for `#undo`. */
  #entries: Map<K, V> | null;
  /** Null: this is the newest. */
  #next: DerivedMap<K, V> | null = null;
  #undo: ReadonlyMap<K, V | undefined> = new Map();
  /** How many entries all steps of the family up to this one undo. */
  #undone = 0;

  constructor(entries: Map<K, V>) {
    this.#entries = entries;
  }

  get isNewest(): boolean {
    return this.#next === null;
  }

  /** For the newest only. The same map where nothing changes. */
  change(changes: Iterable<readonly [K, V | undefined]>): DerivedMap<K, V> {
    const entries = this.#entries!;
    const isLong = this.#undone > Math.max(undoneAtLeast, entries.size);
    if (isLong) return this.#leave(changes);
    const undo = new Map<K, V | undefined>();
    for (const [key, value] of changes) {
      const before = entries.get(key);
      if (before === value) continue;
      if (!undo.has(key)) undo.set(key, before);
      put(entries, key, value);
    }
    if (undo.size === 0) return this;
    const next = new DerivedMap(entries);
    next.#undone = this.#undone + undo.size;
    this.#entries = null;
    this.#undo = undo;
    this.#next = next;
    return next;
  }

  #leave(changes: Iterable<readonly [K, V | undefined]>): DerivedMap<K, V> {
    const list = [...changes];
    if (list.every(([key, value]) => this.get(key) === value)) return this;
    const copy = new DerivedMap(new Map(this.#entries));
    const next = copy.change(list);
    return next === copy ? this : next;
  }

  /** Null where `after` was not made from this one. */
  differencesTo(after: DerivedMap<K, V>): Difference<K, V>[] | null {
    const firsts = new Map<K, V | undefined>();
    const isNext =
      this === after ||
      DerivedMap.#steps(this).some((step) => {
        for (const [key, value] of step.#undo) if (!firsts.has(key)) firsts.set(key, value);
        return step.#next === after;
      });
    return isNext ? [...firsts].flatMap(([key, before]) => difference(key, before, after.get(key))) : null;
  }

  get(key: K): V | undefined {
    if (this.#entries !== null) return this.#entries.get(key);
    for (const step of DerivedMap.#steps(this)) {
      if (step.#entries !== null) return step.#entries.get(key);
      if (step.#undo.has(key)) return step.#undo.get(key);
    }
    return undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  get size(): number {
    return this.#whole().size;
  }

  keys(): MapIterator<K> {
    return this.#whole().keys();
  }

  values(): MapIterator<V> {
    return this.#whole().values();
  }

  entries(): MapIterator<[K, V]> {
    return this.#whole().entries();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#whole().entries();
  }

  forEach(call: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.#whole()) call(value, key, this);
  }

  /** The map itself and those after it, up to the newest. */
  static *#steps<K, V>(from: DerivedMap<K, V>): Generator<DerivedMap<K, V>> {
    for (let at: DerivedMap<K, V> | null = from; at !== null; at = at.#next) yield at;
  }

  /** All entries of an old one are copied once, for somebody who looks at all of them. */
  #whole(): Map<K, V> {
    if (this.#entries !== null) return this.#entries;
    const steps = [...DerivedMap.#steps(this)];
    const entries = new Map(steps.pop()!.#entries);
    for (const step of steps.toReversed()) for (const [key, value] of step.#undo) put(entries, key, value);
    return (this.#entries = entries);
  }
}

function put<K, V>(entries: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) entries.delete(key);
  else entries.set(key, value);
}

function difference<K, V>(key: K, before: V | undefined, after: V | undefined): Difference<K, V>[] {
  return before === after ? [] : [[key, before, after]];
}

/**
 * `from` with these changes; undefined: to be removed. The same map where nothing changes. Cheap for the newest map of its
 * family; any other one is copied. Nobody may change a map that was handed in.
 */
export function deriveMap<K, V>(
  from: ReadonlyMap<K, V>,
  changes: Iterable<readonly [K, V | undefined]>,
): ReadonlyMap<K, V> {
  if (from instanceof DerivedMap && from.isNewest) return from.change(changes);
  return new DerivedMap(new Map(from)).change(changes);
}

/** Entries that are two different values. Costs no more than what changed where `after` was derived from `before`. */
export function differences<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): readonly Difference<K, V>[] {
  if (before === after) return [];
  if (before instanceof DerivedMap && after instanceof DerivedMap) {
    const known = before.differencesTo(after);
    if (known) return known;
  }
  const found: Difference<K, V>[] = [];
  for (const [key, value] of after) found.push(...difference(key, before.get(key), value));
  for (const [key, value] of before) if (!after.has(key)) found.push([key, value, undefined]);
  return found;
}
