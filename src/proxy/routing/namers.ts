/** Who names what: by a key, the entries that name it, so that a changed part leads to what is made of it. May tell of more, never of fewer. */
import type { Key } from '../../contract/keys.ts';

/** Most keys have one namer, and a Set for each would be most of the memory. */
export type Namers = Map<Key, Key | Set<Key>>;

export function namersOf(namers: Namers, key: Key): Iterable<Key> {
  const known = namers.get(key);
  return typeof known === 'string' ? [known] : (known ?? []);
}

export function addNamer(namers: Namers, namer: Key, keys: Iterable<Key>): void {
  for (const key of keys) {
    const known = namers.get(key);
    if (known === undefined || known === namer) namers.set(key, namer);
    else if (typeof known === 'string') namers.set(key, new Set([known, namer]));
    else known.add(namer);
  }
}

export function removeNamer(namers: Namers, namer: Key, keys: Iterable<Key>): void {
  for (const key of keys) {
    const known = namers.get(key);
    if (known === namer) namers.delete(key);
    else if (known instanceof Set && known.delete(namer) && known.size === 0) namers.delete(key);
  }
}
