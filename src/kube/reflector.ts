/**
 * Keeps the objects of one kind as the API server has them: list, then watch, for ever. Whatever breaks is tried again, and
 * until it works what was known stays known. Knows nothing of what the objects mean.
 */
import type { ApiError } from './api-result.ts';
import { createBackoff } from './backoff.ts';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import { listPages, followStream, streamQuery, watchQuery, type StreamEnd } from './list-and-watch.ts';
import { ObjectStore, type Change, type ListUnderway } from './object-store.ts';
import type { CollectionPath } from './paths.ts';
import type { ServerObject, WatchEvent } from './watch-events.ts';

export type ReflectorState =
  /** The first list is not in. */
  | { readonly type: 'Listing' }
  | { readonly type: 'Synced'; readonly path: CollectionPath }
  /** The server does not have the kind; looked for again. */
  | { readonly type: 'Absent' }
  /** What is known may be old. */
  | { readonly type: 'Failing'; readonly error: ApiError };

export interface ReflectorOptions<T> {
  readonly client: KubeClient;
  /** Where the objects may live, the preferred version first; the first that the server has is used. */
  readonly paths: readonly [CollectionPath, ...CollectionPath[]];
  readonly parts?: 'All' | 'Metadata';
  /** `path` tells the version that the object comes in. */
  readonly transform: (object: ServerObject, path: CollectionPath) => T;
  /** What came together comes in one call. */
  readonly onChanges: (changes: readonly Change<T>[]) => void;
  /** Once when it changes; a failure with another reason is a change. */
  readonly onState?: (state: ReflectorState) => void;
  /** A listener threw, which is a bug: it is told, and the reflector goes on. */
  readonly onFault: (error: unknown) => void;
  readonly clock?: Clock;
  readonly limits?: Partial<ReflectorLimits>;
}

export interface ReflectorLimits {
  /** Delays between attempts; the largest bounds how long after the server's return one is up to date. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Bookmarks come every minute, so a longer silence is a dead peer. */
  readonly silenceMs: number;
  /** A watch that lived so long was a good one. */
  readonly stableMs: number;
  /** How long a 404 must last before known objects are believed to be gone: a server that starts answers so, too. */
  readonly absenceMs: number;
  /** Delays between looks for a kind that is absent. */
  readonly maxAbsentDelayMs: number;
}

const defaultLimits: ReflectorLimits = {
  firstDelayMs: 250,
  maxDelayMs: 4000,
  silenceMs: 90_000,
  stableMs: 10_000,
  absenceMs: 15_000,
  maxAbsentDelayMs: 30_000,
};

/** After so many refusals of the same version it is the version that is wrong. */
const maxRefusals = 5;

/** These say nothing of the version; and a server that has too much to do must not be asked for lists on top. */
const sparing = new Set([401, 403, 429, 503]);

/** What undici says where nothing came for `silenceMs`. */
const silence = 'UND_ERR_BODY_TIMEOUT';

export class Reflector<T> {
  readonly store: ObjectStore<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #limits: ReflectorLimits;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  /** Ends a wait. */
  #wake = new AbortController();
  #state: ReflectorState = { type: 'Listing' };
  /** Where to watch from; undefined: a list is due. */
  #version: string | undefined;
  #pathIndex = 0;
  /** Paged lists are for servers that do not stream them, and for once after a stream that never came to its end. */
  #listing: 'Streamed' | 'PagedOnce' | 'Paged' = 'Streamed';
  #refusals = 0;
  #missingSince: number | undefined;
  #hasSynced = false;
  /** The last failure came after the server had accepted the watch, so that accepting alone proves nothing. */
  #hasBrokenInside = false;
  #running: Promise<void> | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.store = new ObjectStore((object) => options.transform(object, this.#path));
  }

  /** Where the objects live; undefined where the server does not have them. */
  get path(): CollectionPath | undefined {
    return this.#hasSynced && this.#state.type !== 'Absent' ? this.#path : undefined;
  }

  get #path(): CollectionPath {
    return this.#options.paths[this.#pathIndex]!;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** Whether what is in the store is all there was at one moment; stays true when the connection is lost. */
  get isSynced(): boolean {
    return this.#hasSynced;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Nothing is called back after it. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#wake.abort();
    await this.#running;
  }

  /** Ends the wait for the next attempt: there is reason to believe that it will go well. */
  retryNow(): void {
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { firstDelayMs, maxDelayMs, maxAbsentDelayMs } = this.#limits;
    const failing = createBackoff({ firstMs: firstDelayMs, maxMs: maxDelayMs }, this.#clock);
    const absent = createBackoff({ firstMs: firstDelayMs * 4, maxMs: maxAbsentDelayMs }, this.#clock);
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const end = await this.#attempt();
      if (signal.aborted) return;
      if (end.hasProgressed) failing.reset();
      const next = this.#judge(end);
      if (next !== 'Absent') absent.reset();
      if (next === 'Now') continue;
      const delayMs = next === 'Absent' ? absent.next() : failing.next(end.error?.retryAfterMs);
      await this.#clock.pause(delayMs, this.#wake.signal);
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
    }
  }

  /** One list or one watch, until it is over. */
  async #attempt(): Promise<StreamEnd> {
    const { client, parts } = this.#options;
    const { silenceMs, stableMs } = this.#limits;
    const { signal } = this.#abort;
    const path = this.#path;
    const startedAt = this.#clock.now();
    if (this.#version === undefined && this.#listing !== 'Streamed') return this.#listPaged(path);
    const query = this.#version === undefined ? streamQuery(this.#clock) : watchQuery(this.#version, this.#clock);
    const opened = await client.watch(path, { query, parts, silenceMs, signal });
    if (opened.error) return { hasProgressed: false, error: opened.error };
    if (this.#version !== undefined && !this.#hasBrokenInside) this.#becomeSynced(path);
    let hasProgressed = false;
    let list = this.#version === undefined ? this.store.beginList() : undefined;
    const end = await followStream(opened.value, {
      signal,
      onBatch: ({ objects, version, isListEnd }) => {
        const changes = objects.flatMap(({ type, object }) => this.#apply(type, object, list));
        if (list && !isListEnd) return;
        if (list) changes.push(...list.finish());
        else hasProgressed ||= objects.length > 0;
        list = undefined;
        this.#version = version ?? this.#version;
        this.#becomeSynced(path);
        this.#tell(changes);
      },
    });
    this.#hasBrokenInside = end.error !== undefined;
    const hasLived = list === undefined && this.#clock.now() - startedAt >= stableMs;
    return { ...end, hasLived, hasProgressed: hasProgressed || hasLived };
  }

  #apply(type: WatchEvent['type'], object: ServerObject, list: ListUnderway<T> | undefined): Change<T>[] {
    if (type === 'DELETED') return list ? list.remove(object) : this.store.remove(object);
    return list ? list.put(object) : this.store.put(object);
  }

  async #listPaged(path: CollectionPath): Promise<StreamEnd> {
    const { client, parts } = this.#options;
    const list = this.store.beginList();
    const listed = await listPages(client, path, {
      parts,
      signal: this.#abort.signal,
      onObject: (object) => list.put(object),
    });
    if (listed.error) return { hasProgressed: false, error: listed.error };
    if (this.#listing === 'PagedOnce') this.#listing = 'Streamed';
    this.#version = listed.value;
    this.#becomeSynced(path);
    this.#tell(list.finish());
    return { hasProgressed: false, isListed: true };
  }

  /** What an end means, and when to go on. */
  #judge({ error, hasProgressed, hasLived, isListed }: StreamEnd): 'Now' | 'Later' | 'Absent' {
    if (isListed) return 'Now';
    if (hasProgressed) this.#refusals = 0;
    if (!error) {
      // A server that closes watches at once must not be asked in a loop, and one that closes lists not by streams alone.
      if (this.#version === undefined) this.#listing = 'PagedOnce';
      return hasLived ? 'Now' : 'Later';
    }
    if (error.code === 404) return this.#judgeMissing(error);
    this.#missingSince = undefined;
    // Not every server sends bookmarks; one that is gone does not take the next watch.
    if (error.reason === silence && this.#version !== undefined) return 'Later';
    if (this.#version === undefined && this.#listing === 'Streamed') {
      if (error.code === 400 || error.code === 422) {
        this.#listing = 'Paged';
        return 'Now';
      }
      if (error.reason === silence) this.#listing = 'PagedOnce';
    }
    if (error.code > 0 && !sparing.has(error.code)) this.#refusals++;
    // Ordinary after a long silence, and mended by the list that follows.
    const isOrdinary = error.code === 410 && this.#version !== undefined;
    if (isVersionLost(error) || this.#refusals >= maxRefusals) {
      this.#version = undefined;
      this.#refusals = 0;
      if (isOrdinary) return 'Later';
    }
    this.#enter({ type: 'Failing', error });
    return 'Later';
  }

  #judgeMissing(error: ApiError): 'Now' | 'Later' | 'Absent' {
    this.#version = undefined;
    const { paths } = this.#options;
    this.#pathIndex = (this.#pathIndex + 1) % paths.length;
    if (this.#pathIndex !== 0) return 'Now';
    const now = this.#clock.now();
    this.#missingSince ??= now;
    if (this.store.size > 0 && now - this.#missingSince < this.#limits.absenceMs) {
      this.#enter({ type: 'Failing', error });
      return 'Later';
    }
    this.#hasSynced = true;
    this.#enter({ type: 'Absent' });
    this.#tell(this.store.clear());
    return 'Absent';
  }

  #becomeSynced(path: CollectionPath): void {
    this.#hasSynced = true;
    this.#missingSince = undefined;
    this.#enter({ type: 'Synced', path });
  }

  #enter(state: ReflectorState): void {
    if (isSameState(this.#state, state)) return;
    this.#state = state;
    this.#guard(() => this.#options.onState?.(state));
  }

  #tell(changes: readonly Change<T>[]): void {
    if (changes.length > 0) this.#guard(() => this.#options.onChanges(changes));
  }

  #guard(call: () => void): void {
    if (this.#abort.signal.aborted) return;
    try {
      call();
    } catch (error) {
      this.#options.onFault(error);
    }
  }
}

function isSameState(a: ReflectorState, b: ReflectorState): boolean {
  if (a.type === 'Synced' && b.type === 'Synced') return a.path === b.path;
  if (a.type === 'Failing' && b.type === 'Failing')
    return a.error.code === b.error.code && a.error.reason === b.error.reason;
  return a.type === b.type;
}

/** Too old, or of a time that the server does not know of (it was restored from a backup). */
function isVersionLost({ code, causes, message }: ApiError): boolean {
  return (
    code === 410 || causes?.includes('ResourceVersionTooLarge') === true || /Too large resource version/.test(message)
  );
}
