/**
 * Writes statuses to the objects of a cluster: one write an object, only where it says something new, and only while we lead.
 * What the words mean is the compiler's business, what others wrote is left to mergeStatus.
 */
import { isEqual } from '../contract/config-diff.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { ApiError } from '../kube/api-result.ts';
import { CalmWriter, type PlannedWrite } from '../kube/calm-writer.ts';
import type { KubeClient } from '../kube/client.ts';
import { differences } from '../lib/derived-map.ts';
import { kinds } from '../model/kinds.ts';
import type { Resource, ResourceName, ResourceSet } from '../model/resources.ts';
import type { KubernetesSource } from '../sources/kubernetes.ts';
import { leftOut, mergeStatus } from './merge-status.ts';
import type { Statuses } from './statuses.ts';
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
  /** Somebody else undoes each of our writes to the object: they come more and more seldom. */
  onContested(key: Key): void;
  /** The lists of the object's status have no room for these parents or ancestors. Told at each look, mostly with none. */
  onLeftOut(key: Key, parents: readonly Key[]): void;
}

interface ObservedStatus {
  readonly parents?: readonly { readonly controllerName?: string }[];
  readonly ancestors?: readonly { readonly controllerName?: string }[];
}

const statusKinds: ReadonlySet<string> = new Set(kinds.filter(({ hasStatus }) => hasStatus).map(({ kind }) => kind));

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #writes: CalmWriter;
  #statuses: Statuses = new Map();
  #resources: ResourceSet | null = null;
  /** Seen in another version than compiled: to be looked at after the next compilation. */
  readonly #early = new Set<Key>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#writes = new CalmWriter({
      ...options,
      // Nothing can be said before there is something to say.
      isLeader: () => this.#resources !== null && options.isLeader(),
      plan: (key) => this.#plan(key),
      wishFor: (key) => this.#statuses.get(key),
      isUrgent: (key) => !key.includes('Route/'),
    });
  }

  /** What should be said now of the objects as they were compiled. A status that did not change is the same object. */
  take(statuses: Statuses, resources: ResourceSet): void {
    const before = this.#statuses;
    this.#statuses = statuses;
    const isFirst = this.#resources === null;
    this.#resources = resources;
    for (const [key, , status] of differences(before, statuses)) {
      if (status !== undefined || this.#isThere(key)) this.#writes.mark(key);
      else this.#drop(key);
    }
    for (const key of this.#early) this.#writes.mark(key);
    this.#early.clear();
    // Entries from a life before this one.
    if (isFirst) this.rewrite();
    this.#writes.work();
  }

  /** The server has another version of the object: somebody may have changed its status. */
  observed(kind: string, name: ResourceName): void {
    if (!statusKinds.has(kind)) return;
    const key = keyFor(kind, name);
    if (!this.#options.source.observe(kind, name)) return this.#drop(key);
    this.#writes.mark(key);
    this.#writes.work();
  }

  /** Everything is looked at again: we have just begun to lead. */
  rewrite(): void {
    for (const key of this.#statuses.keys()) this.#writes.mark(key);
    for (const kind of statusKinds)
      for (const name of this.#resources?.of(kind).keys() ?? []) this.#writes.mark(keyFor(kind, name));
    this.#writes.work();
  }

  close(): void {
    this.#writes.close();
  }

  #isThere(key: Key): boolean {
    const { kind, id } = nameOf(key);
    return this.#options.source.observe(kind, id) !== undefined;
  }

  /** The object is gone. Who does not lead never looks, and would keep what it has to look at for ever. */
  #drop(key: Key): void {
    this.#writes.drop(key);
    this.#early.delete(key);
    this.#options.onLeftOut(key, []);
  }

  /** The write that the object needs; null: none, or not now. */
  #plan(key: Key): PlannedWrite | null {
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
    const ours = this.#statuses.get(key) ?? takeBack(resource, observed);
    if (!ours && !this.#hasEntries(observed.status)) {
      this.#options.onLeftOut(key, []);
      return null;
    }
    const { controllerName, date } = this.#options;
    const now = `${date().toISOString().slice(0, 19)}Z`;
    const status = mergeStatus(observed.status, ours as Readonly<Record<string, unknown>> | null, {
      kind,
      controllerName,
      now,
    });
    const absent = leftOut(status, ours as Readonly<Record<string, unknown>> | null);
    this.#options.onLeftOut(key, [...new Set(absent.map((reference) => parentKey(reference, namespace)))]);
    if (isEqual(observed.status, status)) return null;
    const patch = { metadata: { resourceVersion: observed.resourceVersion }, status: patchOf(observed.status, status) };
    return { path: { ...collection, ...(namespace !== '' && { namespace }), name, subresource: 'status' }, patch };
  }

  #hasEntries(status: unknown): boolean {
    const { parents = [], ancestors = [] } = (status ?? {}) as ObservedStatus;
    return [...parents, ...ancestors].some(({ controllerName }) => controllerName === this.#options.controllerName);
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

/** Of a parentRef or ancestorRef of ours, which names kind and name. */
function parentKey(reference: Readonly<Record<string, unknown>>, ownNamespace: string): Key {
  const { kind, namespace = ownNamespace, name } = reference as Readonly<Record<string, string>>;
  return keyOf(kind!, namespace, name!);
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
