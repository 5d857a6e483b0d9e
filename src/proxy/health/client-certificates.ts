/**
 * Which client certificate a probe of a backend shows: that of a Gateway whose requests come there. Knows the tables, and
 * nothing of probes.
 */
import type { ClientCertificate, GatewayConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';

/** Undefined where no Gateway that leads to the backend has one; of several the first by name of the listener. */
export type CertificateOf = (backend: Key) => ClientCertificate | undefined;

/** Looks at each configuration once, and only into those with a client certificate. */
export function createCertificateOf(currentConfig: () => GatewayConfig): CertificateOf {
  let seen: GatewayConfig | null = null;
  let found: ReadonlyMap<Key, ClientCertificate> = new Map();
  return (backend) => {
    const config = currentConfig();
    if (config !== seen) found = certificatesIn(config);
    seen = config;
    return found.get(backend);
  };
}

function certificatesIn(config: GatewayConfig): ReadonlyMap<Key, ClientCertificate> {
  const found = new Map<Key, ClientCertificate>();
  const listeners = Object.keys(config.listeners).filter((key) => config.listeners[key]?.clientCertificate);
  if (listeners.length === 0) return found;
  const byListener = rulesByListener(config);
  for (const listener of listeners.toSorted()) {
    const { clientCertificate, filters = [] } = config.listeners[listener]!;
    const backends = [...(byListener.get(listener) ?? [])].flatMap((rule) => backendsOf(rule, config));
    for (const backend of [...backends, ...filters.flatMap((key) => askedBy(key, config))])
      if (!found.has(backend)) found.set(backend, clientCertificate!);
  }
  return found;
}

function rulesByListener({ paths, connections }: GatewayConfig): ReadonlyMap<Key, ReadonlySet<Key>> {
  const rules = new Map<Key, Set<Key>>();
  const add = (listener: Key, rule: Key) => rules.getOrInsertComputed(listener, () => new Set()).add(rule);
  for (const { listener, matches } of Object.values(paths)) for (const { rule } of matches) add(listener, rule);
  for (const { listener, rule } of Object.values(connections)) add(listener, rule);
  return rules;
}

function backendsOf(rule: Key, config: GatewayConfig): readonly Key[] {
  const { backends, filters } = config.rules[rule] ?? { backends: [], filters: [] };
  const own = backends.flatMap(({ backend }) => backend ?? []);
  return [...own, ...[...filters, ...backends.flatMap((one) => one.filters)].flatMap((key) => askedBy(key, config))];
}

/** Filters that send requests of their own say where to in the same field. */
function askedBy(filter: Key, { filters }: GatewayConfig): readonly Key[] {
  const { backend } = (filters[filter]?.config ?? {}) as { readonly backend?: unknown };
  return typeof backend === 'string' ? [backend] : [];
}
