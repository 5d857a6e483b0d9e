/** Finds what belongs to a host: exact names first, then wildcards from the longest to the shortest, then what takes every host. */

export interface HostnameTable<T> {
  readonly exact: ReadonlyMap<string, readonly T[]>;
  /** By suffix with its dot: `.example.com` for `*.example.com`. */
  readonly wildcards: ReadonlyMap<string, readonly T[]>;
  readonly any: readonly T[];
}

/** Entries of the same hostname keep their order. Hostnames are lower case; empty: every host. */
export function buildHostnameTable<T>(entries: Iterable<readonly [hostname: string, entry: T]>): HostnameTable<T> {
  const exact = new Map<string, T[]>();
  const wildcards = new Map<string, T[]>();
  const any: T[] = [];
  for (const [hostname, entry] of entries) {
    if (hostname === '' || hostname === '*') any.push(entry);
    else if (hostname.startsWith('*.')) addTo(wildcards, hostname.slice(1), entry);
    else addTo(exact, hostname, entry);
  }
  return { exact, wildcards, any };
}

function addTo<T>(table: Map<string, T[]>, name: string, entry: T): void {
  const entries = table.get(name);
  if (entries) entries.push(entry);
  else table.set(name, [entry]);
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
