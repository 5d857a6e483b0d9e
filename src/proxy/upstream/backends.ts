/** All backends of one proxy by key. They live as long as their key is in the configuration; snapshots come and go. */
import type { EndpointsPatch, Endpoint } from '../../contract/endpoints.ts';
import type { BackendConfig, Table } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import { PooledBackend, type UpstreamEnvironment } from './pooled-backend.ts';

export class Backends {
  readonly #environment: UpstreamEnvironment;
  readonly #byKey = new Map<Key, PooledBackend>();
  /** Endpoints may be known before the backend is, and stay known while it is away. */
  readonly #endpoints = new Map<Key, readonly Endpoint[]>();
  /** As active health checks found them; backends without any are not in it. */
  readonly #unhealthy = new Map<Key, ReadonlySet<string>>();
  #table: Table<BackendConfig> = {};
  /** No longer named, as far as is known. */
  readonly #leaving = new Set<Key>();

  constructor(environment: UpstreamEnvironment) {
    this.#environment = environment;
  }

  get(key: Key): PooledBackend | null {
    return this.#byKey.get(key) ?? null;
  }

  /**
   * Adds and changes the backends that `changed` names; `table` is what there is now. Those that are no longer in it stay
   * until `retire`, for the snapshot still in use.
   */
  applyConfig(table: Table<BackendConfig>, changed: Readonly<Record<Key, BackendConfig | null>> = table): void {
    this.#table = table;
    if (changed === table) for (const key of this.#byKey.keys()) this.#leaving.add(key);
    for (const key in changed) {
      const config = changed[key];
      if (!config) {
        this.#leaving.add(key);
        continue;
      }
      const known = this.#byKey.get(key);
      if (known !== undefined) known.updateConfig(config);
      else this.#add(key, config);
    }
  }

  applyEndpoints(patch: EndpointsPatch): void {
    for (const key in patch) {
      const endpoints = patch[key] ?? null;
      if (endpoints === null) this.#endpoints.delete(key);
      else this.#endpoints.set(key, endpoints);
      this.#byKey.get(key)?.updateEndpoints(endpoints ?? []);
    }
  }

  /** By backend, the names of all its endpoints that are unhealthy. */
  applyHealth(unhealthy: Readonly<Record<Key, readonly string[]>>): void {
    for (const key in unhealthy) {
      const names = new Set(unhealthy[key]);
      if (names.size === 0) this.#unhealthy.delete(key);
      else this.#unhealthy.set(key, names);
      this.#byKey.get(key)?.updateHealth(names);
    }
  }

  /** Closes what the newest table does not name. To be called once the snapshot that used it is replaced. */
  retire(): void {
    for (const key of this.#leaving) {
      if (Object.hasOwn(this.#table, key)) continue;
      this.#byKey.get(key)?.close();
      this.#byKey.delete(key);
    }
    this.#leaving.clear();
  }

  /** Idle connections close now, busy ones when they are done. */
  close(): void {
    for (const backend of this.#byKey.values()) backend.close();
  }

  #add(key: Key, config: BackendConfig): void {
    const backend = new PooledBackend(key, config, this.#environment);
    backend.updateEndpoints(this.#endpoints.get(key) ?? []);
    const unhealthy = this.#unhealthy.get(key);
    if (unhealthy) backend.updateHealth(unhealthy);
    this.#byKey.set(key, backend);
  }
}
