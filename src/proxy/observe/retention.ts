/**
 * Forgets the series of what is no longer configured, so that routes and backends that come and go do not fill the memory.
 * Knows neither metrics nor configuration: it asks each entry whether it is in use.
 */
import type { Key } from '../../contract/keys.ts';

/** Whether the newest configuration names it. */
export type IsConfigured = (table: 'listeners' | 'rules' | 'backends', key: Key) => boolean;

export interface Retained {
  /** Is configured, or still counts something. */
  isInUse(isConfigured: IsConfigured): boolean;
  /** Is never used again. */
  release(): void;
}

/** Long enough for every scrape in between to see the last values, and for an edit to be taken back. */
export const RETAIN_MS = 5 * 60_000;
export const SWEEP_MS = 60_000;

export class Retention {
  readonly #unusedSince = new Map<Retained, number>();

  add(entry: Retained): void {
    this.#unusedSince.set(entry, Infinity);
  }

  /** `now` is in monotonic milliseconds. To be called every SWEEP_MS. */
  sweep(now: number, isConfigured: IsConfigured): void {
    for (const [entry, since] of this.#unusedSince) {
      if (entry.isInUse(isConfigured)) {
        if (since !== Infinity) this.#unusedSince.set(entry, Infinity);
      } else if (since === Infinity) this.#unusedSince.set(entry, now);
      else if (now - since >= RETAIN_MS) {
        this.#unusedSince.delete(entry);
        entry.release();
      }
    }
  }
}

/** What is made once for a key, and again where it was released since. */
export function createIntern<S extends Retained>(retention: Retention): (key: string, make: () => S) => S {
  const known = new Map<string, S>();
  return (key, make) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make();
    known.set(key, made);
    retention.add({
      isInUse: (isConfigured) => made.isInUse(isConfigured),
      release() {
        known.delete(key);
        made.release();
      },
    });
    return made;
  };
}
