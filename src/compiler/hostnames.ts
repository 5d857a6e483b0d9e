/** Hostnames of listeners and routes: what both accept, and which of two is more specific. Text only; knows no resources. */

/** As tables hold it: lower case, without trailing dot; empty for every host. */
export function normaliseHostname(hostname: string | undefined): string {
  if (hostname === undefined || hostname === '*') return '';
  const lower = hostname.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** Whether every host of `narrow` is also one of `wide`. `*.example.com` holds `a.b.example.com`, but not `example.com`. */
export function isCovered(narrow: string, wide: string): boolean {
  if (wide === '' || wide === narrow) return true;
  if (narrow === '' || !wide.startsWith('*.')) return false;
  return narrow.endsWith(wide.slice(1)) && narrow.length > wide.length - 1;
}

/** The hosts that both accept, or null where there is none: always one of the two, since wildcards only nest. */
export function intersectHostnames(a: string, b: string): string | null {
  if (isCovered(a, b)) return a;
  if (isCovered(b, a)) return b;
  return null;
}

/** Sorts the most specific first: longest without wildcard characters, then longest (Gateway API, HTTPRoute.spec.hostnames). */
export function compareHostnames(a: string, b: string): number {
  return rankOf(b) - rankOf(a) || b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Exact names before wildcards before the empty one; a wildcard ranks by its length. */
function rankOf(hostname: string): number {
  if (hostname === '') return 0;
  return hostname.startsWith('*.') ? 1 : 2;
}
