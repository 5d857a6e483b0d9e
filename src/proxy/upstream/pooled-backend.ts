/**
 * One backend: its endpoints by name, which of them may be used, and the choice among them.
 * Endpoints that stay keep their connections and health. Knows nothing of exchanges.
 */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { BackendConfig, ProxyProtocolVersion } from '../../contract/gateway-config.ts';
import { isEqual } from '../../contract/config-diff.ts';
import type { Key } from '../../contract/keys.ts';
import type { Pool } from '../http/streams.ts';
import type { BackendRuntime, EndpointRuntime, PickOptions } from '../runtime.ts';
import type { Balancer } from './balancers/balancer.ts';
import { createBalancer } from './balancers/index.ts';
import { type EndpointOwner, nameOf, PooledEndpoint, type PoolPurpose } from './pooled-endpoint.ts';
import { RetryShare } from './retry-budget.ts';

/** What backends are made with. */
export interface UpstreamEnvironment {
  createPool(endpoint: Endpoint, backend: BackendConfig, purpose?: PoolPurpose): Pool;
  /** Uniform in [0, 1). */
  random(): number;
  /** Monotonic milliseconds. */
  now(): number;
  /** An endpoint is left out because requests to it fail. Absent: nobody else needs to know. */
  onEjected?(backend: Key, endpoint: string): void;
}

/** At most this share of the endpoints is left out at a time. */
const MAX_EJECTED_SHARE = 0.5;

export class PooledBackend implements BackendRuntime, EndpointOwner {
  readonly key: Key;
  readonly retryBudget = new RetryShare();
  revision = 0;
  readonly #environment: UpstreamEnvironment;
  #config: BackendConfig;
  #balancer: Balancer;
  #endpoints: readonly Endpoint[] = [];
  #byName = new Map<string, PooledEndpoint>();
  /** By name: what active health checks found. */
  #unhealthy: ReadonlySet<string> = new Set();
  /** By their conditions and health checks. */
  #eligible: readonly PooledEndpoint[] = [];
  /** Eligible ones that are not ejected by their failures. */
  #usable: readonly PooledEndpoint[] = [];
  #nextReturnMs = Infinity;

  constructor(key: Key, config: BackendConfig, environment: UpstreamEnvironment) {
    this.key = key;
    this.#config = config;
    this.#environment = environment;
    this.#balancer = createBalancer(config.loadBalancing.type, environment.random);
  }

  get config(): BackendConfig {
    return this.#config;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  pick(options: PickOptions): PooledEndpoint | null {
    if (this.#nextReturnMs !== Infinity) this.#takeBack();
    const usable = this.#usable;
    if (usable.length === 0) return null;
    if (options.sticky !== '') {
      const sticky = this.#byName.get(options.sticky);
      if (sticky !== undefined && usable.includes(sticky) && !options.tried.includes(sticky)) return sticky;
    }
    if (options.tried.length === 0) return this.#balancer.choose(usable, options.affinity);
    const fresh = usable.filter((endpoint) => !options.tried.includes(endpoint));
    return this.#balancer.choose(fresh.length > 0 ? fresh : usable, options.affinity);
  }

  has(endpoint: EndpointRuntime): boolean {
    const known = this.#byName.get(endpoint.name);
    return known === endpoint && rank(known.endpoint) > 0;
  }

  /** Connections stay unless how they are made has changed. */
  updateConfig(config: BackendConfig): void {
    const before = this.#config;
    this.#config = config;
    if (!isEqual(before.loadBalancing, config.loadBalancing)) {
      this.#balancer = createBalancer(config.loadBalancing.type, this.#environment.random);
    }
    const isSameTransport =
      before.protocol === config.protocol &&
      before.proxyProtocol === config.proxyProtocol &&
      before.connectTimeoutMs === config.connectTimeoutMs &&
      isEqual(before.tls, config.tls);
    if (!isSameTransport) for (const endpoint of this.#byName.values()) endpoint.close();
  }

  updateEndpoints(endpoints: readonly Endpoint[]): void {
    const byName = new Map<string, PooledEndpoint>();
    for (const endpoint of endpoints) {
      const name = nameOf(endpoint);
      const twin = byName.get(name);
      // Twice in overlapping slices: the one that can serve counts.
      if (twin !== undefined && rank(twin.endpoint) >= rank(endpoint)) continue;
      const pooled = twin ?? this.#byName.get(name) ?? new PooledEndpoint(endpoint, this);
      pooled.endpoint = endpoint;
      byName.set(name, pooled);
    }
    for (const [name, pooled] of this.#byName) if (!byName.has(name)) pooled.close();
    this.#byName = byName;
    this.#endpoints = endpoints;
    this.revision++;
    this.#judge();
  }

  /** By name, all endpoints that active health checks found unhealthy. */
  updateHealth(unhealthy: ReadonlySet<string>): void {
    this.#unhealthy = unhealthy;
    this.#judge();
  }

  /** Drains the connections. Exchanges of an old snapshot may still come; they find the endpoints as they were. */
  close(): void {
    for (const endpoint of this.#byName.values()) endpoint.close();
  }

  get isTls(): boolean {
    return this.#config.protocol === 'http1-tls' || this.#config.protocol === 'h2-tls';
  }

  get proxyProtocol(): ProxyProtocolVersion | undefined {
    return this.#config.proxyProtocol;
  }

  createPool(endpoint: Endpoint, purpose?: PoolPurpose): Pool {
    return this.#environment.createPool(endpoint, this.#config, purpose);
  }

  onOpen(): void {
    this.retryBudget.active++;
  }

  onDone(): void {
    this.retryBudget.active--;
  }

  onOutlier(endpoint: PooledEndpoint): void {
    if (this.#eject(endpoint)) this.#environment.onEjected?.(this.key, endpoint.name);
  }

  /** Another worker leaves this endpoint out. */
  eject(name: string): void {
    const endpoint = this.#byName.get(name);
    if (endpoint?.outlier.ejectedUntilMs === 0) this.#eject(endpoint);
  }

  /** False: it stays in use, or is left out already. */
  #eject(endpoint: PooledEndpoint): boolean {
    const total = this.#eligible.length;
    const ejected = total - this.#usable.length;
    // Never the last, and never more than half: a bad guess about all of them must not end the service.
    if (this.#usable.length <= 1 || ejected + 1 > total * MAX_EJECTED_SHARE) return false;
    if (!this.#usable.includes(endpoint)) return false;
    endpoint.outlier.eject(this.#environment.now());
    this.#refresh();
    return true;
  }

  #judge(): void {
    const inUse = endpointsInUse([...this.#byName.values()]);
    const healthy = this.#unhealthy.size === 0 ? inUse : inUse.filter(({ name }) => !this.#unhealthy.has(name));
    // Where all are unhealthy the checks are more likely wrong than every endpoint: better a bad answer than none.
    this.#eligible = healthy.length > 0 ? healthy : inUse;
    this.#refresh();
  }

  #takeBack(): void {
    const now = this.#environment.now();
    if (now < this.#nextReturnMs) return;
    for (const endpoint of this.#eligible) endpoint.outlier.returnAt(now);
    this.#refresh();
  }

  #refresh(): void {
    const usable = this.#eligible.filter((endpoint) => endpoint.outlier.ejectedUntilMs === 0);
    // Endpoints may have gone until only ejected ones were left.
    this.#usable = usable.length > 0 ? usable : this.#eligible;
    this.#nextReturnMs = Infinity;
    for (const { outlier } of this.#eligible) {
      if (outlier.ejectedUntilMs > 0) this.#nextReturnMs = Math.min(this.#nextReturnMs, outlier.ejectedUntilMs);
    }
  }
}

/** 2: ready; 1: on its way out but still serving; 0: not to be used. EndpointSlice API, `conditions`. */
function rank(endpoint: Endpoint): number {
  if (endpoint.ready) return 2;
  return endpoint.serving && endpoint.terminating ? 1 : 0;
}

/** The ready endpoints; without any, those that are terminating but still serve (as kube-proxy does). */
function endpointsInUse(endpoints: readonly PooledEndpoint[]): readonly PooledEndpoint[] {
  const ready = endpoints.filter((pooled) => rank(pooled.endpoint) === 2);
  return ready.length > 0 ? ready : endpoints.filter((pooled) => rank(pooled.endpoint) === 1);
}
