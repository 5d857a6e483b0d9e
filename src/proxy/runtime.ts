/** What the parts of the data plane hand each other at run time: the snapshot and what it is made of. Types only. */
import type {
  BackendConfig,
  ListenerConfig,
  RouteConfig,
  RuleConfig,
  WeightedBackend,
} from '../contract/gateway-config.ts';
import type { Endpoint } from '../contract/endpoints.ts';
import type { Filter } from '../contract/filter.ts';
import type { Key } from '../contract/keys.ts';
import type { FieldList } from './http/fields.ts';
import type { ResponseSink, Upstream, UpstreamRequest } from './http/streams.ts';

/** All of routing at one moment. Never changed; exchanges keep the one they began with through their match. */
export interface Snapshot {
  readonly version: number;
  readonly listeners: ReadonlyMap<Key, ListenerRuntime>;
}

export interface ListenerRuntime {
  readonly key: Key;
  readonly config: ListenerConfig;
  /** Of every request, before `match`. */
  readonly filters: readonly Filter[];
  /** The rule that takes a request, or null (404). `host` is lower case, without port; `path` has no query; `query` is without `?`. */
  match(request: MatchInput): RuleMatch | null;
  /** The rule that takes a connection or session, or null. `serverName` is lower case; empty where there is none (TCP, UDP). */
  matchConnection(serverName: string): RuleRuntime | null;
}

/** What matching looks at. The exchange implements it. */
export interface MatchInput {
  readonly host: string;
  readonly method: string;
  /** Normalised. */
  readonly path: string;
  /** Raw, without `?`; empty where there is none. */
  readonly query: string;
  /** Without what codecs take out of a head; of that, these two can be matched. */
  readonly headers: FieldList;
  /** Host as received. */
  readonly authority: string;
  /** Lower-case protocol, or empty. */
  readonly upgrade: string;
}

export interface RuleMatch {
  readonly rule: RuleRuntime;
  /** The value of the PathPrefix match that took it; undefined for Exact and RegularExpression. */
  readonly pathPrefix: string | undefined;
}

export interface RuleRuntime {
  readonly key: Key;
  readonly config: RuleConfig;
  readonly route: RouteConfig;
  readonly filters: readonly Filter[];
  readonly backends: readonly BackendChoice[];
  /** The only one of `backends`, where it has a weight. */
  readonly onlyBackend: BackendChoice | null;
  /** Sum of the weights; 0: nobody takes requests. */
  readonly totalWeight: number;
  /** What every request asks of `config`, which lies elsewhere in memory. 0: no time-out. */
  readonly requestTimeoutMs: number;
  readonly backendRequestTimeoutMs: number;
  readonly retry: RuleConfig['retry'];
  readonly sessionPersistence: RuleConfig['sessionPersistence'];
  /** Its requests are gRPC calls: their time-outs and statuses are heeded. */
  readonly isGrpc: boolean;
  /** Scratch for whoever observes requests of this rule (metric slots, log text): what was found last, and all of it. */
  observed: unknown;
  allObserved: unknown;
}

export interface BackendChoice {
  readonly ref: WeightedBackend;
  /** Null where the reference could not be resolved. */
  readonly backend: BackendRuntime | null;
  readonly filters: readonly Filter[];
}

/** One backend with its endpoints, balancer and pools. Lives as long as its key is in the configuration. */
export interface BackendRuntime {
  readonly key: Key;
  readonly config: BackendConfig;
  readonly endpoints: readonly Endpoint[];
  /**
   * Chooses an endpoint, or null where none is usable. `tried` endpoints are chosen again only when nothing else is left.
   * `affinity` is a hash for consistent balancing; `sticky` names the endpoint of a session (`address:port`).
   */
  pick(options: PickOptions): EndpointRuntime | null;
  /** Another number whenever its endpoints have changed: what long sessions look at before they ask `has`. */
  readonly revision: number;
  /** Whether the endpoint is still there and may be used by those that use it already. */
  has(endpoint: EndpointRuntime): boolean;
  /** Absent: retries are not limited beyond the rule's attempts. */
  readonly retryBudget?: RetryBudget;
}

/** Keeps retries of one backend from multiplying its load: each retry takes a place and gives it back. */
export interface RetryBudget {
  /** False: no place is free, do not retry. */
  take(): boolean;
  giveBack(): void;
}

export interface PickOptions {
  readonly tried: readonly EndpointRuntime[];
  readonly affinity: number;
  readonly sticky: string;
}

export interface EndpointRuntime {
  /** `address:port`, IPv6 in brackets. */
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Requests in flight, for least-request balancing. The caller calls `done` once for each. */
  open(request: UpstreamRequest, sink: ResponseSink): Upstream;
  /** As `open` for what is no HTTP: the caller makes the connection, or the session, itself. */
  begin(): void;
  /** Ends what `open` or `begin` began; `undefined` where the endpoint is not to be judged by it (the client went away). */
  done(isSuccess: boolean | undefined): void;
  /** Too many requests wait for a connection already (503). Absent: not known. */
  readonly isOverflowing?: boolean;
}

/** A socket that accepts connections for one or more listeners: what `ConnectionInfo.port` is. */
export interface PortRuntime {
  readonly port: number;
  /** Of the newest snapshot; replaced on each change, so read it for each request. */
  readonly listeners: readonly ListenerRuntime[];
}
