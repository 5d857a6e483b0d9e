/** Finds what belongs to a host: exact names first, then wildcards from the longest to the shortest, then what takes every host. */
import { deriveMap } from '../../lib/derived-map.ts';

export interface HostnameTable<T> {
  readonly exact: ReadonlyMap<string, readonly T[]>;
  /** By suffix with its dot: `.example.com` for `*.example.com`. */
  readonly wildcards: ReadonlyMap<string, readonly T[]>;
  readonly any: readonly T[];
}

type Entries<T> = Iterable<readonly [hostname: string, entry: T]>;

const nothing: HostnameTable<never> = { exact: new Map(), wildcards: new Map(), any: [] };

/** Entries of the same hostname keep their order. Hostnames are lower case; empty: every host. */
export function buildHostnameTable<T>(entries: Entries<T>): HostnameTable<T> {
  return changeHostnameTable<T>(nothing, { gone: [], come: entries, compare: () => 0 });
}

interface TableChange<T> {
  readonly gone: Entries<T>;
  readonly come: Entries<T>;
  /** The order of entries of the same hostname; where it is 0, they stay in the order in which they came. */
  compare(a: T, b: T): number;
}

/** The table after the change, at the price of the change. */
export function changeHostnameTable<T>(table: HostnameTable<T>, change: TableChange<T>): HostnameTable<T> {
  const changed = new Map<string, { readonly gone: Set<T>; readonly come: T[] }>();
  const at = (hostname: string) => {
    const known = changed.get(hostname) ?? { gone: new Set<T>(), come: [] };
    changed.set(hostname, known);
    return known;
  };
  for (const [hostname, entry] of change.gone) at(hostname).gone.add(entry);
  for (const [hostname, entry] of change.come) at(hostname).come.push(entry);
  const exact = new Map<string, readonly T[] | undefined>();
  const wildcards = new Map<string, readonly T[] | undefined>();
  let { any } = table;
  for (const [hostname, { gone, come }] of changed) {
    const merge = (before: readonly T[]) =>
      [...before.filter((entry) => !gone.has(entry)), ...come].toSorted(change.compare);
    const put = (
      from: ReadonlyMap<string, readonly T[]>,
      name: string,
      into: Map<string, readonly T[] | undefined>,
    ) => {
      const list = merge(into.get(name) ?? from.get(name) ?? []);
      into.set(name, list.length > 0 ? list : undefined);
    };
    if (hostname === '' || hostname === '*') any = merge(any);
    else if (hostname.startsWith('*.')) put(table.wildcards, hostname.slice(1), wildcards);
    else put(table.exact, hostname, exact);
  }
  return { exact: deriveMap(table.exact, exact), wildcards: deriveMap(table.wildcards, wildcards), any };
}

/** What `take` makes of the first entry, from the most specific hostname on, for which it is not null. */
export function findByHost<T, R, A>(table: HostnameTable<T>, host: string, query: HostQuery<T, R, A>): R | null {
  const exact = table.exact.get(host);
  if (exact !== undefined) {
    const found = firstOf(exact, query);
    if (found !== null) return found;
  }
  if (table.wildcards.size > 0) {
    // A wildcard stands for one label at least, and for any number of them.
    for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1)) {
      const entries = table.wildcards.get(host.slice(dot));
      const found = entries === undefined ? null : firstOf(entries, query);
      if (found !== null) return found;
    }
  }
  return firstOf(table.any, query);
}

/** `subject` is passed on, so that a search needs no closure. */
export interface HostQuery<T, R, A> {
  readonly subject: A;
  take(entry: T, subject: A): R | null;
}

function firstOf<T, R, A>(entries: readonly T[], query: HostQuery<T, R, A>): R | null {
  for (let i = 0; i < entries.length; i++) {
    const found = query.take(entries[i]!, query.subject);
    if (found !== null) return found;
  }
  return null;
}

/** Orders hostnames from the most specific: exact before wildcard before every host, then the longer (Gateway API). */
export function compareHostnames(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || b.length - a.length;
}

function rankOf(hostname: string): number {
  if (hostname === '' || hostname === '*') return 2;
  return hostname.startsWith('*.') ? 1 : 0;
}
