/**
 * Finds the certificate for a server name (SNI): first the listener, by its hostname, then among that listener's
 * certificates. Knows names only, neither TLS nor routing.
 */

export interface CertificateChoice<C> {
  /** DNS names of the leaf, lower case, wildcards as they are. */
  readonly names: readonly string[];
  readonly context: C;
}

export interface CertificateListener<C> {
  /** Lower case; `*.example.com` for a wildcard, empty for every name. */
  readonly hostname: string;
  /** In the order of certificateRefs. */
  readonly certificates: readonly CertificateChoice<C>[];
}

export interface CertificateTable<C> {
  /** For clients that send no name: a listener for every name, else the first; null where there is no certificate. */
  readonly fallback: C | null;
  /** All certificates that can be chosen, each once. */
  readonly contexts: ReadonlySet<C>;
  /** The most specific listener's best certificate, or its first; null where no listener has that name. */
  select(serverName: string): C | null;
}

/** Later listeners of the same hostname are conflicts that the compiler has sorted out; the first one counts. */
export function certificateTable<C>(listeners: readonly CertificateListener<C>[]): CertificateTable<C> {
  const served = listeners.filter((listener) => listener.certificates.length > 0);
  const byHostname = new Map<string, CertificateListener<C>>();
  for (const listener of served) if (!byHostname.has(listener.hostname)) byHostname.set(listener.hostname, listener);
  const fallback = (byHostname.get('') ?? served[0])?.certificates[0]?.context ?? null;
  const contexts = new Set(served.flatMap((listener) => listener.certificates.map(({ context }) => context)));
  return {
    fallback,
    contexts,
    select(serverName) {
      const name = canonicalName(serverName);
      const listener = mostSpecific(byHostname, name);
      return listener === undefined ? null : bestCertificate(listener.certificates, name);
    },
  };
}

function canonicalName(serverName: string): string {
  const lower = serverName.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** A listener's wildcard stands for one label or more (Gateway API, Listener.hostname). */
function mostSpecific<T>(byHostname: ReadonlyMap<string, T>, name: string): T | undefined {
  const exact = byHostname.get(name);
  if (exact !== undefined) return exact;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const found = byHostname.get(`*${name.slice(dot)}`);
    if (found !== undefined) return found;
  }
  return byHostname.get('');
}

/** A certificate's wildcard stands for exactly one label (RFC 6125 §6.4.3). */
function bestCertificate<C>(certificates: readonly CertificateChoice<C>[], name: string): C | null {
  const wildcard = `*${name.slice(name.indexOf('.'))}`;
  const best =
    certificates.find(({ names }) => names.includes(name)) ??
    (name.includes('.') ? certificates.find(({ names }) => names.includes(wildcard)) : undefined) ??
    certificates[0];
  return best?.context ?? null;
}
