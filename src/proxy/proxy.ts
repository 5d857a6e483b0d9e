/**
 * One proxy: takes versions of the configuration, serves them, and says so. Puts the parts of the data plane together;
 * what each of them does is their own business.
 */
import { randomBytes } from 'node:crypto';
import { emptyConfigInPlace, mergePatches, patchInPlace, type ConfigPatch } from '../contract/config-diff.ts';
import type { EndpointsPatch } from '../contract/endpoints.ts';
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { Key } from '../contract/keys.ts';
import type { FromProxy, ToProxy } from '../contract/messages.ts';
import { DeadlineWheel } from '../lib/deadline-wheel.ts';
import { createForwarder } from './forward.ts';
import { Http1ServerConnection } from './http/http1-server.ts';
import { Http2ServerConnection } from './http/http2-server.ts';
import type { ServerHooks } from './http/streams.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { CodecFactory } from './listeners/connection.ts';
import { Ports } from './listeners/ports.ts';
import { MemoryGuard, type MemoryUse, processMemory } from './memory-guard.ts';
import type { WorkerObserver } from './observe/observer.ts';
import { SWEEP_MS } from './observe/retention.ts';
import { createPoolFactory } from './pools.ts';
import { buildSnapshot } from './routing/snapshot.ts';
import type { Snapshot } from './runtime.ts';
import { UdpPorts } from './udp/udp-ports.ts';
import { Backends } from './upstream/backends.ts';

export interface ProxyOptions {
  readonly filters: readonly AnyFilterDefinition[];
  readonly observer: WorkerObserver;
  /** IP addresses where listeners without addresses listen. */
  readonly defaultAddresses: readonly string[];
  /** Other workers listen on the same ports. */
  readonly isShared?: boolean;
  /** So may other processes: replicas of this one. */
  readonly othersMayShare?: boolean;
  /** 48 random bytes that all workers share; absent: its own. */
  readonly ticketKeys?: Buffer;
  readonly limits?: Limits;
  /** What the process may have and has; absent: what the kernel says of both. */
  readonly memory?: MemoryUse;
  /** An endpoint is left out because requests to it fail: other workers may want to know. */
  readonly onEjected?: (backend: Key, endpoint: string) => void;
}

const environment = { random: Math.random, now: () => performance.now() };

export class Proxy {
  readonly #options: ProxyOptions;
  readonly #wheel = new DeadlineWheel();
  readonly #backends: Backends;
  readonly #ports: Ports;
  readonly #udpPorts: UdpPorts;
  readonly #memory: MemoryGuard;
  readonly #sweeper: NodeJS.Timeout;
  #config = emptyConfigInPlace();
  /** What the next one is made from; null: from nothing. */
  #snapshot: Snapshot | null = null;
  /** What changed in `#config` since `#snapshot`: empty, unless a version was refused. */
  #unserved: ConfigPatch = {};
  #endpointKeys = new Set<Key>();
  /** Messages are taken one after the other; each waits for the ports of the one before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ProxyOptions) {
    this.#options = options;
    const { observer, limits = defaultLimits, onEjected } = options;
    const wheel = this.#wheel;
    wheel.start();
    const memory = new MemoryGuard({
      ...(options.memory ?? processMemory()),
      now: environment.now,
      onShedding: () => this.#ports.shed(),
    });
    this.#memory = memory;
    const connectionsOf = observer.upstreamConnections;
    this.#backends = new Backends({
      createPool: createPoolFactory({ limits, wheel, connectionsOf }),
      ...environment,
      ...(onEjected && { onEjected }),
    });
    const { onRequest } = createForwarder({
      observer,
      backendOf: (key) => this.#backends.get(key),
      limits,
      memory,
      ...environment,
    });
    const hooks: ServerHooks = {
      onRequest,
      onRejected: observer.onRejectedRequest,
    };
    this.#ports = new Ports({
      limits,
      memory,
      wheel,
      isShared: options.isShared ?? false,
      othersMayShare: options.othersMayShare ?? false,
      defaultAddresses: options.defaultAddresses,
      ticketKeys: options.ticketKeys ?? randomBytes(48),
      createCodec: codecFactory({ hooks, limits, wheel }),
      tcp: { limits, wheel, observer: observer.tcp, connectionsOf, ...environment },
      createObserver: observer.portObserver,
    });
    const { defaultAddresses, othersMayShare = false } = options;
    this.#udpPorts = new UdpPorts({
      limits,
      wheel,
      defaultAddresses,
      othersMayShare,
      observer: observer.udp,
      ...environment,
    });
    memory.start();
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Series of what is not configured any more go after a while; the machine's addresses are looked at anew. */
  #sweep(): void {
    const isConfigured = (table: 'listeners' | 'rules' | 'backends', key: Key) =>
      Object.hasOwn(this.#config[table], key);
    this.#options.observer.sweep(environment.now(), isConfigured);
    this.#udpPorts.refresh();
  }

  /** Where it listens; for tests. */
  get bound(): Ports['bound'] {
    return [...this.#ports.bound, ...this.#udpPorts.bound];
  }

  /** Null: this message has no answer. Never rejects. */
  apply(message: ToProxy): Promise<FromProxy | null> {
    const answer = this.#last.then(() => this.#take(message));
    this.#last = answer;
    return answer;
  }

  /** Accepts nothing more and lets what is in flight end; the rest is cut after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, Math.min(graceMs, 0x7fffffff))));
    await Promise.race([Promise.all([this.#ports.drain(), this.#udpPorts.drain()]), late]);
    clearTimeout(timer);
    this.close();
  }

  /** Ends everything now. */
  close(): void {
    clearInterval(this.#sweeper);
    this.#memory.close();
    this.#ports.close();
    this.#udpPorts.close();
    this.#backends.close();
    this.#options.observer.flush();
    this.#wheel.close();
  }

  async #take(message: ToProxy): Promise<FromProxy | null> {
    switch (message.type) {
      case 'endpoints':
        this.#applyEndpoints(message.endpoints, 'patch');
        return null;
      case 'health':
        this.#backends.applyHealth(message.unhealthy);
        return null;
      case 'ejection':
        this.#backends.get(message.backend)?.eject(message.endpoint);
        return null;
      case 'drain':
        await this.drain(message.graceMs);
        return { type: 'drained' };
      case 'config':
        return this.#applyConfig(message);
    }
  }

  async #applyConfig(message: Extract<ToProxy, { type: 'config' }>): Promise<FromProxy> {
    const { version, isSnapshot } = message;
    if (isSnapshot) {
      this.#config = emptyConfigInPlace();
      this.#snapshot = null;
      this.#unserved = {};
    }
    const config = this.#config;
    // Advances even where serving it fails: the next patch builds on it.
    patchInPlace(config, message.config);
    const patch = mergePatches(this.#unserved, message.config);
    this.#unserved = patch;
    try {
      // Make before break: whatever the new routes name is there first, and what only the old ones name goes last.
      this.#backends.applyConfig(config.backends, isSnapshot ? config.backends : (patch.backends ?? {}));
      this.#applyEndpoints(message.endpoints, isSnapshot ? 'snapshot' : 'patch');
      const snapshot = this.#buildSnapshot(version, patch);
      this.#snapshot = snapshot;
      this.#unserved = {};
      const listeners = snapshot.listeners.values();
      const udpProblems = this.#udpPorts.apply(snapshot.listeners.values());
      const problems = await this.#ports.apply({ listeners, certificates: config.certificates });
      this.#backends.retire();
      return { type: 'ack', version, problems: [...problems, ...udpProblems] };
    } catch (error) {
      return {
        type: 'nack',
        version,
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      };
    }
  }

  #buildSnapshot(version: number, patch: ConfigPatch): Snapshot {
    return buildSnapshot({
      previous: this.#snapshot,
      patch,
      config: this.#config,
      version,
      filterDefinitions: this.#options.filters,
      backendOf: (key) => this.#backends.get(key),
      filterContext: environment,
    });
  }

  /** A snapshot names all endpoints there are, so those of other backends are gone. */
  #applyEndpoints(patch: EndpointsPatch, mode: 'patch' | 'snapshot'): void {
    const gone = mode === 'patch' ? [] : [...this.#endpointKeys].filter((key) => !Object.hasOwn(patch, key));
    for (const key of gone) this.#endpointKeys.delete(key);
    for (const key in patch) this.#endpointKeys.add(key);
    this.#backends.applyEndpoints({ ...Object.fromEntries(gone.map((key) => [key, null])), ...patch });
  }
}

type CodecOptions = Omit<ConstructorParameters<typeof Http1ServerConnection>[0], 'socket' | 'connection'>;

function codecFactory(options: CodecOptions): CodecFactory {
  return ({ protocol, socket, connection }) =>
    protocol === 'http2'
      ? new Http2ServerConnection({ socket, connection, ...options })
      : new Http1ServerConnection({ socket, connection, ...options });
}
