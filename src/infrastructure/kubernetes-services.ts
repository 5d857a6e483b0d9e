/**
 * Keeps the Services and EndpointSlices of Gateways in a cluster as they are wished: by level, only what differs, and only while
 * this replica leads. An object that is not Headgate's is never touched. Knows no Gateways, only wishes.
 */
import type { InfrastructureWishes, ServiceWish } from '../contract/infrastructure.ts';
import { partsOf, type Key } from '../contract/keys.ts';
import type { ApiError } from '../kube/api-result.ts';
import { createBackoff, type Backoff } from '../kube/backoff.ts';
import type { KubeClient } from '../kube/client.ts';
import { systemClock, type Clock } from '../kube/clock.ts';
import type { ObjectPath } from '../kube/paths.ts';
import { isContested, isQuiet, leftOf, nextPace, type Pace, type WriteKind } from '../kube/write-pace.ts';
import { differences } from '../lib/derived-map.ts';
import type { Resource, ResourceName, ResourceSet } from '../model/resources.ts';
import { isApplied, isOurs, isOwnedBy, manifestsFor, type Manifest } from './kubernetes-objects.ts';

export interface KubernetesServicesOptions {
  readonly client: KubeClient;
  /** Asked right before each write. */
  isLeader(): boolean;
  /** A write failed; it is tried again. Each message once an object until it works. */
  onError(object: Key, error: ApiError): void;
  /** Somebody else undoes each of our writes to the object: they come more and more seldom. */
  onContested(object: Key): void;
  readonly clock?: Clock;
}

/** A write that makes the cluster more like what is wished. */
type Write =
  | { readonly type: 'Apply'; readonly manifest: Manifest; readonly existing: Resource | undefined }
  | { readonly type: 'Delete'; readonly existing: Resource };

/** The last write of an object. */
interface Written {
  readonly text: string;
  readonly pace: Pace;
}

const kinds = ['Service', 'EndpointSlice'] as const;
const maxParallel = 4;

export class KubernetesServices {
  readonly #options: KubernetesServicesOptions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #wishes: InfrastructureWishes = new Map();
  #resources: ResourceSet | null = null;
  readonly #busy = new Set<Key>();
  readonly #ours = new Map<string, Resource>();
  /** Failed: to be tried again at its time, while others go on. */
  readonly #waiting = new Set<Key>();
  readonly #retries = new Map<
    Key,
    { readonly timer: NodeJS.Timeout; readonly backoff: Backoff; readonly told: string }
  >();
  readonly #written = new Map<Key, Written>();
  /** The watch has told of these since their last write began. Of others it may not have yet, and they must not be written twice. */
  readonly #told = new Set<Key>();
  /** When the next of those that were written a moment ago may be written again. */
  #wake: { readonly timer: NodeJS.Timeout; readonly dueAt: number } | undefined;

  constructor(options: KubernetesServicesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** What is wished now, and what there is. A wish that did not change is the same object. */
  take(wishes: InfrastructureWishes, resources: ResourceSet): void {
    const isSame =
      kinds.every((kind) => this.#resources?.of(kind) === resources.of(kind)) &&
      wishes.size === this.#wishes.size &&
      [...wishes].every(([key, wish]) => this.#wishes.get(key) === wish);
    for (const kind of kinds) this.#findOurs(kind, resources);
    this.#wishes = wishes;
    this.#resources = resources;
    if (!isSame) this.work();
  }

  /** Nearly all belong to others, and need not be looked at again with every change. */
  #findOurs(kind: string, resources: ResourceSet): void {
    const before: ReadonlyMap<ResourceName, Resource> = this.#resources?.of(kind) ?? new Map();
    for (const [name, , resource] of differences(before, resources.of(kind))) {
      if (resource && isOurs(resource)) this.#ours.set(`${kind} ${name}`, resource);
      else this.#ours.delete(`${kind} ${name}`);
      const id = `${kind}/${name}`;
      if (this.#busy.has(id) || this.#written.has(id)) this.#told.add(id);
    }
  }

  /** Looks at everything: this replica may have begun to lead. */
  work(): void {
    if (this.#resources === null || this.#abort.signal.aborted || !this.#options.isLeader()) return;
    this.#forgetGone(this.#resources);
    for (const write of planWrites(this.#wishes, this.#resources, this.#ours)) {
      // Comes again when a write has ended.
      if (this.#busy.size >= maxParallel) return;
      const id = idOf(write);
      const last = this.#written.get(id);
      const isWritten = last !== undefined && !this.#told.has(id) && last.text === textOf(write);
      if (isWritten || this.#busy.has(id) || this.#waiting.has(id)) continue;
      const leftMs = last ? leftOf(last.pace, this.#clock.now(), kindAfter(last, write)) : 0;
      if (leftMs > 0) {
        this.#wakeAfter(leftMs);
        continue;
      }
      this.#busy.add(id);
      this.#told.delete(id);
      void this.#carryOut(id, write);
    }
  }

  /** Objects come and go: of those that have gone nobody needs to know for ever what was written. */
  #forgetGone(resources: ResourceSet): void {
    const now = this.#clock.now();
    for (const [id, { pace }] of this.#written) {
      const { kind, namespace, name } = partsOf(id);
      if (this.#busy.has(id) || !isQuiet(pace, now) || resources.of(kind).has(`${namespace}/${name}`)) continue;
      this.#written.delete(id);
      this.#told.delete(id);
    }
  }

  #wakeAfter(ms: number): void {
    const dueAt = this.#clock.now() + ms;
    if (this.#wake && this.#wake.dueAt <= dueAt) return;
    clearTimeout(this.#wake?.timer);
    const timer = setTimeout(() => {
      this.#wake = undefined;
      this.work();
    }, ms);
    this.#wake = { timer, dueAt };
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#wake?.timer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
  }

  async #carryOut(id: Key, write: Write): Promise<void> {
    const error = await this.#write(write);
    if (this.#abort.signal.aborted) return;
    this.#busy.delete(id);
    if (error) this.#retryLater(id, error);
    else this.#succeed(id, write);
    this.work();
  }

  #succeed(id: Key, write: Write): void {
    this.#retries.delete(id);
    const last = this.#written.get(id);
    const pace = nextPace(last?.pace, this.#clock.now(), last ? kindAfter(last, write) : 'News');
    this.#written.set(id, { text: textOf(write), pace });
    if (last && isContested(last.pace, pace)) this.#options.onContested(id);
  }

  #retryLater(id: Key, error: ApiError): void {
    const known = this.#retries.get(id);
    const backoff = known?.backoff ?? createBackoff({ firstMs: 200, maxMs: 30_000 }, this.#clock);
    // A Conflict is no news: somebody was faster, and the watch will tell.
    const isNews = error.code !== 409 && error.message !== known?.told;
    if (isNews) this.#options.onError(id, error);
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      this.work();
    }, backoff.next(error.retryAfterMs));
    this.#waiting.add(id);
    this.#retries.set(id, { timer, backoff, told: isNews ? error.message : (known?.told ?? '') });
  }

  /** Null: done. Gone is as good as deleted. */
  async #write(write: Write): Promise<ApiError | null> {
    const { client } = this.#options;
    const { signal } = this.#abort;
    if (write.type === 'Delete') {
      const { uid } = write.existing.metadata;
      const { error } = await client.delete(pathOf(write.existing), { signal, ...(uid !== undefined && { uid }) });
      return error && error.code !== 404 ? error : null;
    }
    const { manifest, existing } = write;
    const path = pathOf(manifest);
    // An apply would be merged into what somebody else has just made.
    const there = existing ? null : await client.get(path, { signal });
    if (there && !there.error) return { code: 409, reason: 'Conflict', message: 'made by somebody else meanwhile' };
    if (there?.error && there.error.code !== 404) return there.error;
    // The uid makes a namesake, made since, a Conflict.
    const uid = existing?.metadata.uid;
    const metadata = { ...manifest.metadata, ...(uid !== undefined && { uid }) };
    const options = { fieldManager: 'headgate', force: existing !== undefined, signal };
    const { error } = await client.apply(path, { ...manifest, metadata }, options);
    return error ?? null;
  }
}

/** Objects made by us, by kind and name. */
type Ours = ReadonlyMap<string, Resource>;

/** Everything that differs. Pure. */
export function planWrites(wishes: InfrastructureWishes, resources: ResourceSet, ours: Ours): readonly Write[] {
  const services = [...wishes.values()].filter((wish): wish is ServiceWish => wish.type === 'Service');
  const writes: Write[] = [];
  const wanted = new Set<string>();
  for (const wish of services) {
    const manifests = manifestsFor(wish);
    for (const manifest of manifests) {
      const { kind, metadata } = manifest;
      const name = `${metadata.namespace}/${metadata.name}`;
      wanted.add(`${kind} ${name}`);
      const existing = resources.of(kind).get(name);
      // Whatever belongs to a Service of somebody else leads nowhere.
      if (existing && !isOwnedBy(existing, wish.gateway.uid)) {
        if (kind === 'Service') break;
        continue;
      }
      if (!existing || !isApplied(manifest, existing)) writes.push({ type: 'Apply', manifest, existing });
    }
  }
  return [...writes, ...leftovers(wishes, { ours, wanted })];
}

/** What was made for Gateways that are not ours any more, or wish for less. */
function leftovers(
  wishes: InfrastructureWishes,
  { ours, wanted }: { readonly ours: Ours; readonly wanted: ReadonlySet<string> },
): readonly Write[] {
  return [...ours].flatMap(([id, existing]): readonly Write[] => {
    if (wanted.has(id)) return [];
    const { namespace, ownerReferences = [], deletionTimestamp } = existing.metadata;
    const isKept = ownerReferences.some((owner) => wishes.get(`Gateway/${namespace}/${owner.name}`)?.type === 'AsIs');
    return isKept || deletionTimestamp !== undefined ? [] : [{ type: 'Delete', existing }];
  });
}

function idOf(write: Write): Key {
  const { kind, metadata } = write.type === 'Apply' ? write.manifest : write.existing;
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

function kindAfter(last: Written, write: Write): WriteKind {
  return last.text === textOf(write) ? 'Repeat' : 'News';
}

function textOf(write: Write): string {
  return write.type === 'Apply' ? JSON.stringify(write.manifest) : 'Delete';
}

function pathOf({ kind, metadata: { namespace, name } }: Manifest | Resource): ObjectPath {
  return kind === 'Service'
    ? { group: '', version: 'v1', plural: 'services', namespace, name }
    : { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', namespace, name };
}
