/** Who names what: by a key, the entries that name it, so that a changed part leads to what is made of it. May tell of more, never of fewer. */
import type { Key } from '../../contract/keys.ts';
import { deriveMap } from '../../lib/derived-map.ts';

/** Most keys have one namer, and a Set for each would be most of the memory. */
export type Namers = Map<Key, Key | Set<Key>>;

/** What the entries of the next version are made from, besides their configuration. */
export interface Earlier<T> {
  readonly before: ReadonlyMap<Key, T>;
  /** Entries that are new, other or gone; null: none. */
  readonly changed: ReadonlySet<Key> | null;
  /** What entries may name, of which something changed. */
  readonly changedNames: Iterable<Key>;
  /** Of what the entries name; kept up to date. */
  readonly namers: Namers;
}

/** How one entry is made. */
interface Making<C, T> {
  build(config: C, key: Key): T;
  namesIn(config: C): readonly Key[];
}

/** Makes anew what changed and what names something that changed. Answers the same map where nothing did. */
export function deriveNaming<C, T extends { readonly config: C }>(
  configs: Readonly<Record<Key, C>>,
  { before, changed, changedNames, namers }: Earlier<T>,
  { build, namesIn }: Making<C, T>,
): ReadonlyMap<Key, T> {
  const stale = new Set(changed);
  for (const name of changedNames) for (const key of namersOf(namers, name)) stale.add(key);
  const built = [...stale].map((key) => {
    const config = configs[key];
    return [key, config && build(config, key)] as const;
  });
  for (const [key, entry] of built) {
    const known = before.get(key)?.config;
    if (known === entry?.config) continue;
    if (known) removeNamer(namers, key, namesIn(known));
    if (entry) addNamer(namers, key, namesIn(entry.config));
  }
  return deriveMap(before, built);
}

function namersOf(namers: Namers, key: Key): Iterable<Key> {
  const known = namers.get(key);
  return typeof known === 'string' ? [known] : (known ?? []);
}

function addNamer(namers: Namers, namer: Key, keys: Iterable<Key>): void {
  for (const key of keys) {
    const known = namers.get(key);
    if (known === undefined || known === namer) namers.set(key, namer);
    else if (typeof known === 'string') namers.set(key, new Set([known, namer]));
    else known.add(namer);
  }
}

function removeNamer(namers: Namers, namer: Key, keys: Iterable<Key>): void {
  for (const key of keys) {
    const known = namers.get(key);
    if (known === namer) namers.delete(key);
    else if (known instanceof Set && known.delete(namer) && known.size === 0) namers.delete(key);
  }
}
