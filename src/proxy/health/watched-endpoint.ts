/** One endpoint that is probed again and again, and what is thought of it. Knows nothing of other endpoints. */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { BackendConfig, HealthCheckConfig } from '../../contract/gateway-config.ts';
import type { Probe } from './probe.ts';
import type { ProbeQueue } from './probe-queue.ts';

/** A backend that has a health check. */
export type CheckedBackend = BackendConfig & { readonly healthCheck: HealthCheckConfig };

export interface WatchOptions {
  readonly probe: Probe;
  readonly queue: ProbeQueue;
  /** Uniform in [0, 1). */
  random(): number;
  /** Another view is taken of it. Null: it is well again; otherwise why not. */
  onChange(problem: string | null): void;
}

/** A new endpoint is probed within this time, or within its interval. */
const FIRST_PROBE_MS = 1000;
/** Intervals differ by so much of themselves, so that probes do not come in step. */
const JITTER = 0.2;

export class WatchedEndpoint {
  readonly endpoint: Endpoint;
  /** Nothing is held against an endpoint that has not been probed. */
  isHealthy = true;
  readonly #options: WatchOptions;
  #backend: CheckedBackend;
  #timer: NodeJS.Timeout | undefined;
  #isProbing = false;
  #isClosed = false;
  /** Probes in a row that speak against what is thought of it. */
  #against = 0;

  constructor(endpoint: Endpoint, backend: CheckedBackend, options: WatchOptions) {
    this.endpoint = endpoint;
    this.#backend = backend;
    this.#options = options;
    this.#schedule(this.#firstDelay());
  }

  /** The next probe is made as the backend is now. */
  update(backend: CheckedBackend): void {
    const isSameInterval = backend.healthCheck.intervalMs === this.#backend.healthCheck.intervalMs;
    this.#backend = backend;
    if (!isSameInterval) this.#schedule(this.#firstDelay());
  }

  /** Probed no more; what a probe under way finds does not count. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #firstDelay(): number {
    return Math.min(FIRST_PROBE_MS, this.#backend.healthCheck.intervalMs) * this.#options.random();
  }

  #schedule(delayMs: number): void {
    if (this.#isProbing) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isProbing = true;
      this.#options.queue.add(() => this.#probe());
    }, delayMs).unref();
  }

  async #probe(): Promise<void> {
    if (this.#isClosed) return;
    const { endpoint } = this;
    const problem = await this.#options.probe({ endpoint, backend: this.#backend, check: this.#backend.healthCheck });
    this.#isProbing = false;
    if (this.#isClosed) return;
    const { intervalMs } = this.#backend.healthCheck;
    this.#schedule(intervalMs * (1 + JITTER * (this.#options.random() - 0.5)));
    this.#judge(problem);
  }

  #judge(problem: string | null): void {
    const isWell = problem === null;
    if (isWell === this.isHealthy) {
      this.#against = 0;
      return;
    }
    const { unhealthyThreshold, healthyThreshold } = this.#backend.healthCheck;
    if (++this.#against < (isWell ? healthyThreshold : unhealthyThreshold)) return;
    this.#against = 0;
    this.isHealthy = isWell;
    this.#options.onChange(problem);
  }
}
