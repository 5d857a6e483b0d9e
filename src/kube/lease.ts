/**
 * Leader election by a Lease (coordination.k8s.io/v1): of those who run for one lease, at most one leads, and only as long as
 * it could renew in time. Knows nothing of what the leader does.
 */
import type { ApiError } from './api-result.ts';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import type { ObjectPath } from './paths.ts';

export interface LeaseTimes {
  /** Others wait so long after the last renewal they saw before they take over. */
  readonly durationMs: number;
  /** A leader that could not renew for so long stops leading; shorter than the duration, so that it stops before others begin. */
  readonly renewWithinMs: number;
  /** Between attempts, jittered. */
  readonly retryMs: number;
  /** To give the lease up may take so long: whoever ends should not wait for a server that is away. */
  readonly releaseWithinMs: number;
}

export interface LeaseOptions extends Partial<LeaseTimes> {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of any other contender: the pod's name and something random. */
  readonly identity: string;
  /** Called each time the lease is won; the signal aborts when it is lost or given up. */
  readonly onLead: (signal: AbortSignal) => void;
  /** Who holds it, whenever that changes; empty: nobody. */
  readonly onHolder?: (identity: string) => void;
  /** An attempt failed, each time with the reason; the next one follows. */
  readonly onError?: (error: ApiError) => void;
  readonly clock?: Clock;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** RFC 3339 with microseconds. For people: no decision rests on the clock of another machine. */
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface Lease {
  readonly apiVersion: 'coordination.k8s.io/v1';
  readonly kind: 'Lease';
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec: LeaseSpec;
}

/** As client-go has them. */
const defaultTimes: LeaseTimes = { durationMs: 15_000, renewWithinMs: 10_000, retryMs: 2000, releaseWithinMs: 2000 };

const leases = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };

export class LeaderElection {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  /** The lease as last seen, and since when nobody has renewed it by our own monotonic clock. */
  #seen: Lease | undefined;
  #seenAt = 0;
  #holder: string | undefined;
  /** Until when we lead without another renewal. */
  #leadsUntil = -Infinity;
  #leading: AbortController | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#times = { ...defaultTimes, ...options };
    this.#clock = options.clock ?? systemClock;
  }

  /** True only while nobody else can lead; to be asked right before a write, since a stopped process gets no timers. */
  get isLeader(): boolean {
    return this.#leading !== undefined && this.#clock.now() < this.#leadsUntil;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops leading, then gives the lease up, so that another need not wait until it expires. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    const isHeld = this.#leading !== undefined;
    this.#stopLeading();
    if (isHeld) await this.#release();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#attempt();
      // Jitter keeps contenders from meeting at each turn.
      if (!signal.aborted) await this.#clock.pause(this.#times.retryMs * (1 + this.#clock.random() * 0.2), signal);
    }
  }

  /** Renews, or takes over what is free. */
  async #attempt(): Promise<void> {
    const startedAt = this.#clock.now();
    // An answer that comes later than this is of no use.
    const limitMs = this.isLeader ? this.#leadsUntil - startedAt : this.#times.renewWithinMs;
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)))]);
    // A leader need not read first: whoever took the lease meanwhile has changed its version.
    if (!this.isLeader && !(await this.#look(signal))) return;
    if (!this.isLeader && !this.#isFree()) return;
    const written = await this.#write(this.#nextSpec(), signal);
    if (!written) return;
    // Counted from before the request was sent: others count from after it arrived.
    this.#lead(startedAt + this.#times.renewWithinMs);
  }

  /** Whether the lease could be read; one that is not there is free. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#options;
    const read = await client.get<Lease>(this.#path(), { signal });
    if (!read.error) this.#observe(read.value);
    else if (read.error.code === 404) this.#observe(undefined);
    else this.#fail(read.error);
    return !read.error || read.error.code === 404;
  }

  #observe(lease: Lease | undefined): void {
    const isNews = lease?.metadata.resourceVersion !== this.#seen?.metadata.resourceVersion;
    if (isNews) this.#seenAt = this.#clock.now();
    this.#seen = lease;
    const holder = lease?.spec.holderIdentity ?? '';
    if (holder === this.#holder) return;
    this.#holder = holder;
    this.#options.onHolder?.(holder);
  }

  #isFree(): boolean {
    const spec = this.#seen?.spec;
    // Our own name: from a life before this one, or a renewal whose answer was lost.
    if (!spec?.holderIdentity || spec.holderIdentity === this.#options.identity) return true;
    const durationMs = (spec.leaseDurationSeconds ?? this.#times.durationMs / 1000) * 1000;
    return this.#clock.now() - this.#seenAt >= durationMs;
  }

  #nextSpec(): LeaseSpec {
    const { identity } = this.#options;
    const before = this.#seen?.spec;
    const isOurs = before?.holderIdentity === identity;
    const now = microTime();
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#times.durationMs / 1000)),
      acquireTime: (isOurs && before.acquireTime) || now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (isOurs || !before ? 0 : 1),
    };
  }

  /** Guarded by the version that was seen: of two who write at once, one gets a Conflict. */
  async #write(spec: LeaseSpec, signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name } = this.#options;
    const base = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;
    const lease: Lease = { ...base, metadata: this.#seen?.metadata ?? { name, namespace }, spec };
    const written = this.#seen
      ? await client.replace(this.#path(), lease, { signal })
      : await client.create({ ...leases, namespace }, lease, { signal });
    if (!written.error) {
      this.#observe(written.value);
      return true;
    }
    const isTaken = written.error.code === 409 || written.error.code === 404;
    // Whether it is lost must be seen: a Conflict may also come of somebody who set a label, or of our own lost answer.
    if (isTaken && this.#leading) await this.#recheck(signal);
    else if (!isTaken) this.#fail(written.error);
    return false;
  }

  async #recheck(signal: AbortSignal): Promise<void> {
    if ((await this.#look(signal)) && this.#seen?.spec.holderIdentity !== this.#options.identity) this.#stopLeading();
  }

  #lead(until: number): void {
    if (this.#abort.signal.aborted) return;
    this.#leadsUntil = until;
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.#stopLeading(), Math.max(0, until - this.#clock.now()));
    if (this.#leading) return;
    this.#leading = new AbortController();
    this.#options.onLead(this.#leading.signal);
  }

  #stopLeading(): void {
    clearTimeout(this.#expiry);
    this.#leadsUntil = -Infinity;
    const leading = this.#leading;
    this.#leading = undefined;
    leading?.abort();
  }

  async #release(): Promise<void> {
    const signal = AbortSignal.timeout(this.#times.releaseWithinMs);
    // Twice: the renewal that was under way may have arrived although its answer did not.
    for (let attempt = 0; attempt < 2; attempt++) {
      if (this.#seen?.spec.holderIdentity !== this.#options.identity) return;
      const spec = { ...this.#seen.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
      if ((await this.#write(spec, signal)) || !(await this.#look(signal))) return;
    }
  }

  #path(): ObjectPath {
    const { namespace, name } = this.#options;
    return { ...leases, namespace, name };
  }

  #fail(error: ApiError): void {
    if (!this.#abort.signal.aborted) this.#options.onError?.(error);
  }
}

/** `MicroTime` of the Kubernetes API. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
