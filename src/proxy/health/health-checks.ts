/**
 * The active health checks of one process, for all of its workers: whom to probe, and who is unhealthy. Knows the
 * configuration by the messages that workers get; what a probe asks, and what workers do, is not its business.
 */
import type { Endpoint, EndpointsPatch } from '../../contract/endpoints.ts';
import type { BackendConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import type { ToProxy } from '../../contract/messages.ts';
import { nameOf } from '../upstream/pooled-endpoint.ts';
import type { CertificateOf } from './client-certificates.ts';
import type { Probe } from './probe.ts';
import { ProbeQueue } from './probe-queue.ts';
import { type CheckedBackend, WatchedEndpoint } from './watched-endpoint.ts';

/** Another view is taken of an endpoint. */
export interface HealthChange {
  readonly backend: BackendConfig;
  /** `address:port`. */
  readonly endpoint: string;
  /** Null: it is healthy again; otherwise why not. */
  readonly problem: string | null;
}

export interface HealthChecksOptions {
  readonly probe: Probe;
  /** What a probe of the backend shows where it is asked for a certificate. */
  readonly certificateOf: CertificateOf;
  /** Probes that run at a time. */
  readonly maxProbes: number;
  /** Uniform in [0, 1). */
  random(): number;
  onChange(change: HealthChange): void;
}

/** Of one backend that is probed. */
export interface HealthCount {
  readonly backend: BackendConfig;
  readonly healthy: number;
  readonly unhealthy: number;
}

type Watched = ReadonlyMap<string, WatchedEndpoint>;

const nobody: Watched = new Map();

export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #queue: ProbeQueue;
  readonly #backends = new Map<Key, BackendConfig>();
  readonly #endpoints = new Map<Key, readonly Endpoint[]>();
  /** By backend and name of the endpoint. */
  readonly #watched = new Map<Key, Watched>();
  readonly #subscribers = new Set<(message: ToProxy) => void>();
  /** Backends whose unhealthy endpoints have changed since they were told. */
  readonly #untold = new Set<Key>();

  constructor(options: HealthChecksOptions) {
    this.#options = options;
    this.#queue = new ProbeQueue(options.maxProbes);
  }

  /** A message as the workers get it. */
  take(message: ToProxy): void {
    if (message.type === 'endpoints') this.#takeEndpoints(message.endpoints);
    if (message.type !== 'config') return;
    const { endpoints } = message;
    const { backends = {} } = message.config;
    // A snapshot names all that there is.
    this.#takeBackends(message.isSnapshot ? { ...absent(this.#backends, backends), ...backends } : backends);
    this.#takeEndpoints(message.isSnapshot ? { ...absent(this.#endpoints, endpoints), ...endpoints } : endpoints);
  }

  /** `send` gets what is unhealthy now, if anything, then every change. Returns what ends it. */
  subscribe(send: (message: ToProxy) => void): () => void {
    this.#subscribers.add(send);
    const unhealthy = [...this.#watched.keys()].map((key) => [key, this.#unhealthyOf(key)] as const);
    const found = unhealthy.filter(([, names]) => names.length > 0);
    if (found.length > 0) send({ type: 'health', unhealthy: Object.fromEntries(found) });
    return () => void this.#subscribers.delete(send);
  }

  counts(): readonly HealthCount[] {
    return [...this.#watched].flatMap(([key, watched]) => {
      const backend = this.#backends.get(key);
      const unhealthy = this.#unhealthyOf(key).length;
      return backend ? [{ backend, healthy: watched.size - unhealthy, unhealthy }] : [];
    });
  }

  /** Probes no more. */
  close(): void {
    this.#subscribers.clear();
    this.#takeBackends(absent(this.#backends, {}));
  }

  #takeBackends(changed: Readonly<Record<Key, BackendConfig | null>>): void {
    for (const key in changed) {
      const backend = changed[key];
      if (backend) this.#backends.set(key, backend);
      else this.#backends.delete(key);
      this.#watch(key);
    }
  }

  #takeEndpoints(patch: EndpointsPatch): void {
    for (const key in patch) {
      const endpoints = patch[key];
      if (endpoints) this.#endpoints.set(key, endpoints);
      else this.#endpoints.delete(key);
      this.#watch(key);
    }
  }

  /** Endpoints that stay keep what is thought of them. */
  #watch(key: Key): void {
    const backend = this.#backends.get(key);
    const before = this.#watched.get(key) ?? nobody;
    const now = backend && isChecked(backend) ? this.#watchedNow(key, backend) : null;
    if (now) this.#watched.set(key, now);
    else this.#watched.delete(key);
    for (const [name, watched] of before) {
      if (now?.has(name)) continue;
      watched.close();
      if (!watched.isHealthy) this.#tell(key);
    }
  }

  #watchedNow(key: Key, backend: CheckedBackend): Watched {
    const before = this.#watched.get(key) ?? nobody;
    const now = new Map<string, WatchedEndpoint>();
    for (const endpoint of this.#endpoints.get(key) ?? []) {
      const name = nameOf(endpoint);
      if (now.has(name) || !takesRequests(endpoint)) continue;
      const known = before.get(name);
      known?.update(backend);
      now.set(name, known ?? this.#begin(key, endpoint, backend));
    }
    return now;
  }

  #begin(key: Key, endpoint: Endpoint, backend: CheckedBackend): WatchedEndpoint {
    const { probe, certificateOf, random, onChange } = this.#options;
    return new WatchedEndpoint(endpoint, backend, {
      probe: (target) => probe({ ...target, clientCertificate: certificateOf(key) }),
      queue: this.#queue,
      random,
      onChange: (problem) => {
        this.#tell(key);
        onChange({ backend: this.#backends.get(key) ?? backend, endpoint: nameOf(endpoint), problem });
      },
    });
  }

  /** What changes in one turn is told at once: a machine takes many endpoints with it. */
  #tell(key: Key): void {
    const isBegun = this.#untold.size > 0;
    this.#untold.add(key);
    if (isBegun) return;
    setImmediate(() => {
      const unhealthy = Object.fromEntries([...this.#untold].map((one) => [one, this.#unhealthyOf(one)]));
      this.#untold.clear();
      const message: ToProxy = { type: 'health', unhealthy };
      for (const send of this.#subscribers) send(message);
    });
  }

  #unhealthyOf(key: Key): readonly string[] {
    return [...(this.#watched.get(key) ?? nobody)].filter(([, { isHealthy }]) => !isHealthy).map(([name]) => name);
  }
}

function isChecked(backend: BackendConfig): backend is CheckedBackend {
  return backend.healthCheck !== undefined;
}

/** Whoever takes no requests need not be asked. */
function takesRequests({ ready, serving, terminating }: Endpoint): boolean {
  return ready || (serving && terminating);
}

function absent(known: ReadonlyMap<Key, unknown>, named: object): Record<Key, null> {
  return Object.fromEntries([...known.keys()].filter((key) => !Object.hasOwn(named, key)).map((key) => [key, null]));
}
