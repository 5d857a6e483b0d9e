/**
 * The Secrets or ConfigMaps that are wanted. All are watched by their metadata alone, so that what nobody names is never
 * even sent to us; one that is wanted is fetched whole when it is new or has changed.
 */
import type { ApiError } from '../kube/api-result.ts';
import { createBackoff } from '../kube/backoff.ts';
import type { KubeClient } from '../kube/client.ts';
import { systemClock, type Clock } from '../kube/clock.ts';
import type { ObjectPath } from '../kube/paths.ts';
import type { ServerObject } from '../kube/watch-events.ts';
import type { ResourceName } from '../model/resources.ts';

export interface BodiesOptions {
  readonly client: KubeClient;
  readonly pathOf: (name: ResourceName) => ObjectPath;
  readonly isWanted: (name: ResourceName) => boolean;
  /** The version that the watch knows; undefined where there is no such object. */
  readonly versionOf: (name: ResourceName) => string | undefined;
  /** Undefined: gone, or not wanted any more; also where that was known. */
  readonly onBody: (name: ResourceName, object: ServerObject | undefined) => void;
  /** Nothing is under way any more. */
  readonly onSettled: () => void;
  /** It cannot be had; where trying again may help, that is done. */
  readonly onError: (name: ResourceName, error: ApiError) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

const maxConcurrent = 8;

const forbiddenRetryMs = 30_000;

export class Bodies {
  readonly #options: BodiesOptions;
  readonly #versions = new Map<ResourceName, string>();
  readonly #due = new Set<ResourceName>();
  readonly #fetching = new Set<ResourceName>();

  constructor(options: BodiesOptions) {
    this.#options = options;
  }

  get isSettled(): boolean {
    return this.#due.size === 0 && this.#fetching.size === 0;
  }

  /** To be called when a name is wanted or not any more, and when the watch has seen a change of it. */
  refresh(name: ResourceName): void {
    const { isWanted, versionOf, onBody } = this.#options;
    const version = isWanted(name) ? versionOf(name) : undefined;
    if (version === undefined) {
      this.#due.delete(name);
      this.#versions.delete(name);
      return onBody(name, undefined);
    }
    if (this.#versions.get(name) === version) return;
    this.#due.add(name);
    this.#pump();
  }

  #pump(): void {
    for (const name of this.#due) {
      if (this.#fetching.size >= maxConcurrent) return;
      // It is looked at again once that is over.
      if (this.#fetching.has(name)) continue;
      this.#due.delete(name);
      this.#fetching.add(name);
      void this.#fetch(name);
    }
  }

  async #fetch(name: ResourceName): Promise<void> {
    const { client, pathOf, signal, clock = systemClock, isWanted, versionOf } = this.#options;
    const backoff = createBackoff({ firstMs: 100, maxMs: 5000 }, clock);
    for (;;) {
      const { value, error } = await client.get<ServerObject>(pathOf(name), { signal });
      if (signal.aborted) return;
      if (value) {
        this.#take(name, value);
        break;
      }
      if (error.code === 404) break;
      this.#options.onError(name, error);
      if (error.code === 403) {
        // Others need not wait until somebody grants us the right.
        void clock.pause(forbiddenRetryMs, signal).then(() => signal.aborted || this.refresh(name));
        break;
      }
      await clock.pause(backoff.next(error.retryAfterMs), signal);
      if (signal.aborted || !isWanted(name) || versionOf(name) === undefined) break;
    }
    this.#fetching.delete(name);
    this.#pump();
    if (this.isSettled) this.#options.onSettled();
  }

  #take(name: ResourceName, object: ServerObject): void {
    if (!this.#options.isWanted(name)) return;
    // It may be newer than what the watch has told; that version is then told without being fetched again.
    this.#versions.set(name, object.metadata.resourceVersion ?? '');
    this.#options.onBody(name, object);
  }
}
