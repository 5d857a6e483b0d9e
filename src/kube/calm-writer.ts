/**
 * Writes to objects of the cluster: one write an object at a time, only while we lead, again after failures, and the less
 * often the more somebody else undoes them. Knows nothing of what is written.
 */
import type { Key } from '../contract/keys.ts';
import type { ApiError } from './api-result.ts';
import type { KubeClient } from './client.ts';
import type { ObjectPath } from './paths.ts';
import { isContested, leftOf, nextPace, retryAfter, type Pace, type WriteKind } from './write-pace.ts';

export interface PatchedMetadata {
  readonly resourceVersion: string | undefined;
  readonly finalizers?: readonly string[];
}

export interface PlannedWrite {
  readonly path: ObjectPath;
  /** JSON merge patch. Its version guards against writing over what somebody else wrote meanwhile. */
  readonly patch: { readonly metadata: PatchedMetadata; readonly status?: object };
}

export interface CalmWriterOptions {
  readonly client: KubeClient;
  /** Asked right before each write. */
  isLeader(): boolean;
  /** The write that the object needs as it is now; null: none, or not now. */
  plan(key: Key): PlannedWrite | null;
  /** What is to be said of the object. As long as it is the same value, a further write is a repetition. */
  wishFor(key: Key): unknown;
  /** People wait for those that are urgent. */
  isUrgent(key: Key): boolean;
  /** A write failed for good, or for now; each message once an object until it works. */
  onError(key: Key, error: ApiError): void;
  /** Somebody else undoes each of our writes: from now on they come more and more seldom. */
  onContested(key: Key): void;
}

/** The last write that worked. */
interface Written {
  readonly pace: Pace;
  readonly wish: unknown;
  /** That the server made of it. */
  readonly resourceVersion: string | undefined;
}

/** Writes that failed, one after another. */
interface Failure {
  readonly count: number;
  /** Until then nothing is tried, unless there is news. Monotonic milliseconds. */
  readonly until: number;
  readonly wish: unknown;
  readonly message: string;
}

/** Whose fields those are that Headgate writes. */
export const fieldManager = 'headgate';

/** The API server's clients of one kind should not starve the others: so many writes are under way at once. */
const maxParallel = 16;

export class CalmWriter {
  readonly #options: CalmWriterOptions;
  readonly #abort = new AbortController();
  /** Objects to look at, in the order in which they came up. */
  readonly #urgent = new Set<Key>();
  readonly #others = new Set<Key>();
  readonly #busy = new Set<Key>();
  /** Gone while they were written. */
  readonly #gone = new Set<Key>();
  readonly #written = new Map<Key, Written>();
  readonly #failures = new Map<Key, Failure>();
  /** Those that come up by themselves. */
  readonly #timers = new Map<Key, { readonly timer: NodeJS.Timeout; readonly dueAt: number }>();

  constructor(options: CalmWriterOptions) {
    this.#options = options;
  }

  /** The object has to be looked at, by the next call of `work`. */
  mark(key: Key): void {
    (this.#options.isUrgent(key) ? this.#urgent : this.#others).add(key);
  }

  /** Looks at what is marked; while others lead it stays marked. */
  work(): void {
    if (this.#abort.signal.aborted || !this.#options.isLeader()) return;
    for (const keys of [this.#urgent, this.#others]) {
      for (const key of keys) {
        if (this.#busy.size >= maxParallel) return;
        // Comes again when its write has ended.
        if (this.#busy.has(key)) continue;
        keys.delete(key);
        const leftMs = this.#leftOf(key);
        if (leftMs > 0) this.#wakeAfter(key, leftMs);
        else this.#look(key);
      }
    }
  }

  /** The object is gone. */
  drop(key: Key): void {
    this.#urgent.delete(key);
    this.#others.delete(key);
    this.#forget(key);
    if (this.#busy.has(key)) this.#gone.add(key);
  }

  close(): void {
    this.#abort.abort();
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #look(key: Key): void {
    const write = this.#options.plan(key);
    if (!write || this.#isUseless(key, write)) return this.#calm(key);
    this.#busy.add(key);
    void this.#write(key, write).then(() => {
      this.#busy.delete(key);
      if (this.#gone.delete(key)) this.#forget(key);
      this.work();
    });
  }

  /** The server made of these words what is there now, and would do so again: it does not know a field, for one. */
  #isUseless(key: Key, { patch }: PlannedWrite): boolean {
    const last = this.#written.get(key);
    if (last?.resourceVersion === undefined || last.wish !== this.#options.wishFor(key)) return false;
    return last.resourceVersion === patch.metadata.resourceVersion;
  }

  async #write(key: Key, { path, patch }: PlannedWrite): Promise<void> {
    const { client, onError } = this.#options;
    const wish = this.#options.wishFor(key);
    const { signal } = this.#abort;
    const { value, error } = await client.patch<Partial<PlannedWrite['patch']>>(path, patch, {
      signal,
      fieldManager,
    });
    if (signal.aborted) return;
    // 404: gone, and with it what it should say.
    if (error?.code === 404) return this.#calm(key);
    if (!error) return this.#succeed(key, wish, value.metadata?.resourceVersion);
    // A Conflict: the newer version is on its way to us, and will be looked at then; again later in case it was ours.
    if (error.code !== 409 && this.#failures.get(key)?.message !== error.message) onError(key, error);
    this.#fail(key, wish, error);
  }

  #succeed(key: Key, wish: unknown, resourceVersion: string | undefined): void {
    const before = this.#written.get(key);
    const pace = nextPace(before?.pace, performance.now(), before && before.wish === wish ? 'Repeat' : 'News');
    this.#written.set(key, { pace, wish, resourceVersion });
    this.#calm(key);
    if (before && isContested(before.pace, pace)) this.#options.onContested(key);
  }

  #fail(key: Key, wish: unknown, { code, message, retryAfterMs = 0 }: ApiError): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const afterMs = Math.max(retryAfterMs, retryAfter(count, code));
    // Who was a little late once may try at once.
    const until = code === 409 && count === 1 ? 0 : performance.now() + afterMs;
    this.#failures.set(key, { count, until, wish, message });
    this.#wakeAfter(key, afterMs);
  }

  #leftOf(key: Key): number {
    const now = performance.now();
    const wish = this.#options.wishFor(key);
    const written = this.#written.get(key);
    const failure = this.#failures.get(key);
    const kindAfter = (last: { readonly wish: unknown }): WriteKind => (last.wish === wish ? 'Repeat' : 'News');
    const ofPace = written ? leftOf(written.pace, now, kindAfter(written)) : 0;
    const ofFailure = failure && kindAfter(failure) === 'Repeat' ? failure.until - now : 0;
    return Math.max(ofPace, ofFailure);
  }

  #wakeAfter(key: Key, ms: number): void {
    const dueAt = performance.now() + ms;
    const known = this.#timers.get(key);
    if (known && known.dueAt <= dueAt) return;
    clearTimeout(known?.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.mark(key);
      this.work();
    }, ms);
    this.#timers.set(key, { timer, dueAt });
  }

  #forget(key: Key): void {
    this.#written.delete(key);
    this.#calm(key);
  }

  #calm(key: Key): void {
    clearTimeout(this.#timers.get(key)?.timer);
    this.#timers.delete(key);
    this.#failures.delete(key);
  }
}
