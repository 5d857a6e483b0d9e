/** Collects what the steps made into the keyed tables of a GatewayConfig. Decides nothing. */
import type {
  BackendConfig,
  CertificateConfig,
  FilterConfig,
  GatewayConfig,
  HostnameConfig,
  ListenerConfig,
  RouteConfig,
  RuleConfig,
} from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { HostnameTables } from './hostname-tables.ts';
import type { ResolvedGateway, TranslatedRoute } from './resolved.ts';

export function buildConfig(gateways: readonly ResolvedGateway[], tables: HostnameTables): GatewayConfig {
  const listeners: Record<Key, ListenerConfig> = {};
  const certificates: Record<Key, CertificateConfig> = {};
  for (const listener of gateways.flatMap((gateway) => gateway.listeners)) {
    if (listener.config === null) continue;
    listeners[listener.key] = listener.config;
    for (const [key, certificate] of listener.certificates) certificates[key] = certificate;
  }
  const hostnames: Record<Key, HostnameConfig> = {};
  const served = new Set<TranslatedRoute>();
  for (const [key, table] of tables) {
    hostnames[key] = table.config;
    for (const route of table.contributors) served.add(route);
  }
  return { listeners, hostnames, certificates, ...routeTables(served) };
}

/** Only routes that stand in a hostname table are of use to a proxy. */
function routeTables(
  served: ReadonlySet<TranslatedRoute>,
): Pick<GatewayConfig, 'routes' | 'rules' | 'filters' | 'backends'> {
  const routes: Record<Key, RouteConfig> = {};
  const rules: Record<Key, RuleConfig> = {};
  const filters: Record<Key, FilterConfig> = {};
  const backends: Record<Key, BackendConfig> = {};
  for (const route of served) {
    routes[route.key] = route.config;
    for (const [key, rule] of route.rules) rules[key] = rule;
    for (const [key, filter] of route.filters) filters[key] = filter;
    for (const [key, backend] of route.backends) backends[key] = backend;
  }
  return { routes, rules, filters, backends };
}
