/**
 * Writes statuses to the objects of a cluster: one write an object, only where it says something new, and only while we lead.
 * What the words mean is the compiler's business, what others wrote is left to mergeStatus.
 */
import { isEqual } from '../contract/config-diff.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { ApiError } from '../kube/api-result.ts';
import type { KubeClient } from '../kube/client.ts';
import type { ObjectPath } from '../kube/paths.ts';
import { differences } from '../lib/derived-map.ts';
import { kinds } from '../model/kinds.ts';
import type { Resource, ResourceName, ResourceSet } from '../model/resources.ts';
import type { KubernetesSource } from '../sources/kubernetes.ts';
import { mergeStatus } from './merge-status.ts';
import type { ResourceStatus, Statuses } from './statuses.ts';
import { takeBack } from './take-back.ts';

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly source: Pick<KubernetesSource, 'observe' | 'pathOf'>;
  readonly controllerName: string;
  /** Asked right before each write. */
  isLeader(): boolean;
  /** Wall clock. */
  date(): Date;
  /** A write failed for good, or for now; each message once an object until it works. */
  onError(key: Key, error: ApiError): void;
}

interface ObservedStatus {
  readonly parents?: readonly { readonly controllerName?: string }[];
  readonly ancestors?: readonly { readonly controllerName?: string }[];
}

/** The API server's clients of one kind should not starve the others: so many writes are under way at once. */
const maxParallel = 16;
const firstRetryMs = 100;
const maxRetryMs = 5000;
/** Between writes to one object, growing while it keeps changing: a thousand routes that come make few writes of their Gateway. */
const firstGapMs = 50;
const maxGapMs = 800;

const statusKinds: ReadonlySet<string> = new Set(kinds.filter(({ hasStatus }) => hasStatus).map(({ kind }) => kind));

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #abort = new AbortController();
  #statuses: Statuses = new Map();
  #resources: ResourceSet | null = null;
  /** Objects to look at, in the order in which they came up; people wait for those that are urgent. */
  readonly #urgent = new Set<Key>();
  readonly #dirty = new Set<Key>();
  readonly #busy = new Set<Key>();
  /** Seen in another version than compiled: to be looked at after the next compilation. */
  readonly #early = new Set<Key>();
  /** What was said of objects that are not ours any more, until it is taken back, or somebody else has spoken. */
  readonly #left = new Map<Key, ResourceStatus>();
  /** The last write to each object. */
  readonly #paces = new Map<Key, { readonly endedAt: number; readonly gapMs: number }>();
  /** Those that must wait for their turn. */
  readonly #waiting = new Map<Key, NodeJS.Timeout>();
  /** Failed writes wait here. */
  readonly #retries = new Map<Key, { timer: NodeJS.Timeout; afterMs: number; message: string }>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** What should be said now of the objects as they were compiled. A status that did not change is the same object. */
  take(statuses: Statuses, resources: ResourceSet): void {
    const before = this.#statuses;
    this.#statuses = statuses;
    const isFirst = this.#resources === null;
    this.#resources = resources;
    for (const [key, old, status] of differences(before, statuses)) {
      if (status === undefined) this.#leave(key, old!);
      else {
        this.#left.delete(key);
        this.#mark(key);
      }
    }
    for (const key of this.#early) this.#mark(key);
    this.#early.clear();
    // Entries from a life before this one.
    if (isFirst) this.rewrite();
    this.#work();
  }

  /** The server has another version of the object: somebody may have changed its status. */
  observed(kind: string, name: ResourceName): void {
    if (!statusKinds.has(kind)) return;
    const key = keyFor(kind, name);
    if (!this.#options.source.observe(kind, name)) return this.#drop(key);
    this.#mark(key);
    this.#work();
  }

  /** Everything is looked at again: we have just begun to lead. */
  rewrite(): void {
    for (const key of this.#statuses.keys()) this.#mark(key);
    for (const kind of statusKinds)
      for (const name of this.#resources?.of(kind).keys() ?? []) this.#mark(keyFor(kind, name));
    this.#work();
  }

  close(): void {
    this.#abort.abort();
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
    this.#retries.clear();
  }

  #mark(key: Key): void {
    (key.includes('Route/') ? this.#dirty : this.#urgent).add(key);
  }

  #work(): void {
    // What is dirty while others lead is looked at when we do.
    if (this.#abort.signal.aborted || this.#resources === null || !this.#options.isLeader()) return;
    for (const keys of [this.#urgent, this.#dirty]) {
      for (const key of keys) {
        if (this.#busy.size >= maxParallel) return;
        // Comes again when its write has ended.
        if (this.#busy.has(key)) continue;
        keys.delete(key);
        if (!this.#mustWait(key)) this.#look(key);
      }
    }
  }

  #look(key: Key): void {
    const write = this.#plan(key);
    if (!write) {
      this.#forget(key);
      return;
    }
    this.#busy.add(key);
    void this.#write(key, write).then(() => {
      this.#busy.delete(key);
      this.#work();
    });
  }

  #leave(key: Key, said: ResourceStatus): void {
    const { kind, id } = nameOf(key);
    if (!this.#options.source.observe(kind, id)) return this.#drop(key);
    this.#mark(key);
    this.#paces.delete(key);
    this.#left.set(key, said);
  }

  /** The object is gone. Who does not lead never looks, and would keep what it has to look at for ever. */
  #drop(key: Key): void {
    for (const kept of [this.#urgent, this.#dirty, this.#early, this.#left, this.#paces]) kept.delete(key);
  }

  /** Whether the object was written a moment ago: then it comes again by itself. */
  #mustWait(key: Key): boolean {
    const pace = this.#paces.get(key);
    const leftMs = pace ? pace.endedAt + pace.gapMs - performance.now() : 0;
    if (leftMs <= 0) return false;
    if (this.#waiting.has(key)) return true;
    const timer = setTimeout(() => {
      this.#waiting.delete(key);
      this.#mark(key);
      this.#work();
    }, leftMs);
    this.#waiting.set(key, timer);
    return true;
  }

  /** Twice as long as before, unless it was quiet for a while. */
  #paced(key: Key): void {
    const endedAt = performance.now();
    const pace = this.#paces.get(key);
    const isBurst = pace !== undefined && endedAt - pace.endedAt < 2 * pace.gapMs + firstGapMs;
    this.#paces.set(key, { endedAt, gapMs: isBurst ? Math.min(maxGapMs, pace.gapMs * 2) : firstGapMs });
  }

  /** The write that the object needs; null: none, or not now. */
  #plan(key: Key): { readonly path: ObjectPath; readonly patch: object } | null {
    const { kind, namespace, name, id } = nameOf(key);
    const observed = this.#options.source.observe(kind, id);
    const resource = this.#resources!.of(kind).get(id);
    const collection = this.#options.source.pathOf(kind);
    if (!observed || !collection) return null;
    if (!resource || !isSameObject(resource, observed)) {
      // What we know is out of date, and the next compilation is on its way.
      this.#early.add(key);
      return null;
    }
    const ours = this.#statuses.get(key) ?? this.#takenBack(key, resource, observed.status);
    if (!ours && !this.#hasEntries(observed.status)) return null;
    const { controllerName, date } = this.#options;
    const now = `${date().toISOString().slice(0, 19)}Z`;
    const status = mergeStatus(observed.status, ours as Readonly<Record<string, unknown>> | null, {
      kind,
      controllerName,
      now,
    });
    if (isEqual(observed.status, status)) return null;
    // The version guards against writing over what somebody else wrote meanwhile.
    const patch = { metadata: { resourceVersion: observed.resourceVersion }, status: patchOf(observed.status, status) };
    return { path: { ...collection, ...(namespace !== '' && { namespace }), name, subresource: 'status' }, patch };
  }

  #takenBack(key: Key, resource: Resource, observed: unknown): ResourceStatus | null {
    const said = this.#left.get(key);
    if (!said) return null;
    const status = takeBack(said, resource, observed);
    // A write may fail; once it is seen there is nothing left. What others say there from then on is not for us to judge.
    if (!status) this.#left.delete(key);
    return status;
  }

  #hasEntries(status: unknown): boolean {
    const { parents = [], ancestors = [] } = (status ?? {}) as ObservedStatus;
    return [...parents, ...ancestors].some(({ controllerName }) => controllerName === this.#options.controllerName);
  }

  async #write(key: Key, { path, patch }: { readonly path: ObjectPath; readonly patch: object }): Promise<void> {
    const { client, onError } = this.#options;
    const { error } = await client.patch(path, patch, { signal: this.#abort.signal, fieldManager: 'headgate' });
    if (this.#abort.signal.aborted) return;
    if (!error && this.#statuses.has(key)) this.#paced(key);
    // 404: gone, and with it what it should say.
    if (!error || error.code === 404) return this.#forget(key);
    // A Conflict: the newer version is on its way to us, and will be looked at then; again later in case it was ours.
    const known = this.#retries.get(key);
    if (error.code !== 409 && known?.message !== error.message) onError(key, error);
    this.#retryLater(key, error);
  }

  #forget(key: Key): void {
    clearTimeout(this.#retries.get(key)?.timer);
    this.#retries.delete(key);
  }

  #retryLater(key: Key, { message, retryAfterMs }: ApiError): void {
    const known = this.#retries.get(key);
    clearTimeout(known?.timer);
    const afterMs = Math.min(maxRetryMs, Math.max(retryAfterMs ?? 0, (known?.afterMs ?? firstRetryMs / 2) * 2));
    const timer = setTimeout(() => {
      this.#mark(key);
      this.#work();
    }, afterMs);
    this.#retries.set(key, { timer, afterMs, message });
  }
}

function keyFor(kind: string, id: ResourceName): Key {
  const slash = id.indexOf('/');
  return slash < 0 ? keyOf(kind, '', id) : keyOf(kind, id.slice(0, slash), id.slice(slash + 1));
}

function nameOf(key: Key): ReturnType<typeof partsOf> & { readonly id: ResourceName } {
  const parts = partsOf(key);
  const { namespace, name } = parts;
  return { ...parts, id: namespace === '' ? name : `${namespace}/${name}` };
}

function isSameObject(
  { metadata }: Resource,
  { uid, generation }: { readonly uid: string | undefined; readonly generation: number | undefined },
): boolean {
  return metadata.uid === uid && metadata.generation === generation;
}

/** In a merge patch (RFC 7396) a field that is to go is null. */
function patchOf(before: unknown, after: Readonly<Record<string, unknown>>): object {
  const gone = Object.keys(before ?? {}).filter((name) => !(name in after));
  return { ...after, ...Object.fromEntries(gone.map((name) => [name, null])) };
}
