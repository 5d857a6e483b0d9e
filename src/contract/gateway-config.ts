/**
 * What the compiler tells the proxies: keyed tables, in which a child names its parent and its parts by key.
 * Plain JSON data. Every order that matters (precedence of matches, order of filters) was decided by the compiler.
 */
import type { Key } from './keys.ts';

/** Entries by key. A changed resource changes few entries, so that patches stay small. */
export type Table<T> = Readonly<Record<Key, T>>;

/** The object (and the part of it) an entry was made from: what logs, metrics and statuses name. */
export interface Origin {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Listener name, or rule name (`rules[2]` where it has none). */
  readonly section?: string;
  readonly generation?: number;
}

export interface GatewayConfig {
  readonly listeners: Table<ListenerConfig>;
  readonly paths: Table<PathConfig>;
  readonly connections: Table<ConnectionConfig>;
  readonly routes: Table<RouteConfig>;
  readonly rules: Table<RuleConfig>;
  readonly filters: Table<FilterConfig>;
  readonly backends: Table<BackendConfig>;
  readonly certificates: Table<CertificateConfig>;
}

export type TableName = keyof GatewayConfig;

export type ListenerProtocol = 'HTTP' | 'HTTPS' | 'TLS' | 'TCP' | 'UDP';

/** One listener that is to be served. Several may share an address and a port; the proxy then tells them apart by hostname. */
export interface ListenerConfig {
  readonly origin: Origin;
  readonly gateway: Key;
  readonly protocol: ListenerProtocol;
  /** IP addresses to listen on; empty: the addresses the proxy was started with. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Lower case; `*.example.com` for a wildcard, empty for every host. */
  readonly hostname: string;
  readonly tls?: ListenerTls;
  /** Shown to TLS backends that ask for one, in requests that came in by this listener. */
  readonly clientCertificate?: ClientCertificate;
  /** GEP-5224: run in this order on every request, before a route is chosen. */
  readonly filters?: readonly Key[];
  /** Connections begin with a PROXY header that names the client, and only these may make some. Holds for the whole port. */
  readonly proxyProtocol?: AcceptedProxyProtocol;
}

/** haproxy, proxy-protocol.txt, versions 1 and 2. */
export interface AcceptedProxyProtocol {
  /** IP addresses, or ranges in CIDR notation. */
  readonly trustedPeers: readonly string[];
}

export interface ClientCertificate {
  readonly origin: Origin;
  /** PEM chain, leaf first. */
  readonly certificate: string;
  /** PEM private key. */
  readonly key: string;
}

export interface ListenerTls {
  readonly mode: 'Terminate' | 'Passthrough';
  /** In the order of the Gateway's certificateRefs; the first one serves clients that no certificate fits. */
  readonly certificates: readonly Key[];
  /** Absent: clients are not asked for a certificate. The same for all TLS listeners of a Gateway on a port. */
  readonly clientValidation?: ClientValidation;
}

/** Gateway API, FrontendTLSValidation. */
export interface ClientValidation {
  /** `AllowInsecureFallback` asks for a certificate, and takes any or none. */
  readonly mode: 'AllowValidOnly' | 'AllowInsecureFallback';
  /** PEM; the only CAs that are trusted. */
  readonly ca: string;
}

/**
 * What one path leads to: the matches of the routes that share a listener, an effective hostname, an own hostname and a path.
 * An entry for each path, so that a changed route costs with its own paths, whatever else its hostname has.
 * A request tries, on its listener, the entries whose `hostname` fits from the most specific to the least; among equal
 * `hostname`s the most specific `own` first; it falls through to the next where no match takes it.
 */
export interface PathConfig {
  readonly listener: Key;
  /** The intersection of listener and route hostname. Empty: every host. */
  readonly hostname: string;
  /** The route's own hostname, before the intersection. Empty: the route names none. */
  readonly own: string;
  readonly path: PathMatch;
  /** In order of precedence: the first that fits takes the request, unless one of another path is before it. */
  readonly matches: readonly MatchConfig[];
}

export interface MatchConfig {
  readonly rule: Key;
  /** Among the matches of all paths: the lowest goes first. Of different paths that fit a request only expressions can have the same. */
  readonly order: number;
  /** Of expressions: decides, as text, between those of the same order; without, their own texts do. */
  readonly tie?: string;
  /** Only requests of a gRPC content type (`application/grpc…`) fit. */
  readonly isGrpc?: true;
  readonly method?: string;
  /** All must fit. Names are lower case. */
  readonly headers?: readonly ValueMatch[];
  /** All must fit. Names are case-sensitive. */
  readonly query?: readonly ValueMatch[];
}

export interface PathMatch {
  /** `PathPrefix` is by whole segments; its value has no trailing slash, except `/` itself. */
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  readonly value: string;
}

export interface ValueMatch {
  readonly name: string;
  readonly type: 'Exact' | 'RegularExpression';
  readonly value: string;
}

/**
 * Which rule takes the connections of a TLS or TCP listener, or the sessions of a UDP listener: what `PathConfig` is
 * to requests. A TLS connection tries, on its listener, the entries whose `hostname` fits from the most specific to the
 * least; among equal `hostname`s there is one entry only. TCP and UDP listeners have at most one entry.
 */
export interface ConnectionConfig {
  readonly listener: Key;
  /** The intersection of listener and route hostname, compared with the server name (SNI). Empty: every name, and none. */
  readonly hostname: string;
  readonly rule: Key;
}

export interface RouteConfig {
  readonly origin: Origin;
}

export interface RuleConfig {
  readonly route: Key;
  readonly origin: Origin;
  /** In the order in which they run. */
  readonly filters: readonly Key[];
  /** Empty: the rule has no backend; filters may still answer, otherwise 500. */
  readonly backends: readonly WeightedBackend[];
  /** Milliseconds; absent or 0: no limit. */
  readonly requestTimeoutMs?: number;
  readonly backendRequestTimeoutMs?: number;
  readonly retry?: RetryConfig;
  readonly sessionPersistence?: SessionPersistenceConfig;
}

/** A backendRef. Without `backend` it could not be resolved: its share of requests is answered with 500. */
export interface WeightedBackend {
  readonly backend?: Key;
  /** Why there is no backend, for the access log: a condition reason such as `RefNotPermitted`. */
  readonly problem?: string;
  readonly weight: number;
  readonly filters: readonly Key[];
}

/** HTTPRouteRetry. */
export interface RetryConfig {
  /** Response codes that are retried. */
  readonly codes: readonly number[];
  /** Retries after the first try; 0: none. */
  readonly attempts: number;
  /** The least time between two tries; the default is 0. */
  readonly backoffMs: number;
  /** Retry when no connection could be made, or it broke before any byte of a response. */
  readonly connectionErrors: boolean;
}

/** GEP-1619. */
export interface SessionPersistenceConfig {
  readonly type: 'Cookie' | 'Header';
  readonly sessionName: string;
  /** Cookie only: `Session` cookies end with the browser, `Permanent` ones carry `absoluteTimeoutMs` as Max-Age. */
  readonly cookieLifetime: 'Session' | 'Permanent';
  /** Cookie only: its Path; absent: `/`. */
  readonly cookiePath?: string;
  /** 0: none. */
  readonly absoluteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** A compiled filter: `type` picks the FilterDefinition, `config` is what its `compile` returned. */
export interface FilterConfig {
  readonly type: string;
  readonly config: unknown;
  /** Why there is no filter of this type (a condition reason): requests that come to it are answered with 500. */
  readonly problem?: string;
}

/**
 * How a backend is spoken to. `tcp` and `tcp-tls` carry bytes, `udp` datagrams, for rules that connections name. What comes by
 * a passthrough listener goes to `tcp-tls` as to `tcp`: it is TLS already.
 */
export type BackendProtocol = 'http1' | 'h2c' | 'http1-tls' | 'h2-tls' | 'tcp' | 'tcp-tls' | 'udp';

/** A resolved backendRef: one Service port. Its endpoints come on a stream of their own. */
export interface BackendConfig {
  readonly origin: Origin;
  readonly port: number;
  readonly protocol: BackendProtocol;
  readonly tls?: BackendTls;
  /** Only `tcp-tls`. A CamelCase word: why no TLS may be begun with it; what passes through is TLS already, and goes there. */
  readonly tlsRefused?: string;
  /** Each connection begins with a PROXY header of this version, and carries one client only. Not for `udp`. */
  readonly proxyProtocol?: ProxyProtocolVersion;
  readonly loadBalancing: LoadBalancing;
  readonly connectTimeoutMs?: number;
  /** Absent: endpoints are judged by the requests that they answer only. */
  readonly healthCheck?: HealthCheckConfig;
}

/** How each endpoint of a backend is probed. */
export interface HealthCheckConfig {
  readonly probe: HealthProbe;
  readonly intervalMs: number;
  /** Of one probe, from the connection on. */
  readonly timeoutMs: number;
  /** Probes in a row that change what is thought of an endpoint. */
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
}

export type HealthProbe =
  | {
      readonly type: 'HTTP';
      /** Origin form: path and query. */
      readonly path: string;
      /** Absent: address and port of the endpoint. */
      readonly hostname?: string;
      /** Absent: 200 to 399. */
      readonly expectedStatuses?: readonly number[];
    }
  /** `grpc.health.v1.Health/Check`; an empty service is the server as a whole. */
  | { readonly type: 'GRPC'; readonly service: string }
  | { readonly type: 'TCP' };

/** `V1` is a line of text, `V2` is binary. */
export type ProxyProtocolVersion = 'V1' | 'V2';

export interface BackendTls {
  /** SNI, and the name the certificate must carry where `subjectAltNames` is absent. */
  readonly serverName: string;
  /** The certificate must carry one of these. */
  readonly subjectAltNames?: readonly SubjectAltName[];
  /** PEM; absent: the system's CAs. */
  readonly ca?: string;
}

export interface SubjectAltName {
  readonly type: 'Hostname' | 'URI';
  /** A hostname is in lower case and may be a wildcard's match; a URI is compared as it is. */
  readonly value: string;
}

export type LoadBalancing =
  | { readonly type: 'LeastRequest' }
  | { readonly type: 'RoundRobin' }
  | { readonly type: 'Random' }
  | { readonly type: 'ConsistentHash'; readonly on: 'SourceIP' | 'Header'; readonly header?: string };

export interface CertificateConfig {
  readonly origin: Origin;
  /** PEM chain, leaf first. */
  readonly certificate: string;
  /** PEM private key. */
  readonly key: string;
  /** DNS names of the leaf, lower case, wildcards as they are. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** A configuration without entries. */
export const emptyConfig: GatewayConfig = {
  listeners: {},
  paths: {},
  connections: {},
  routes: {},
  rules: {},
  filters: {},
  backends: {},
  certificates: {},
};
