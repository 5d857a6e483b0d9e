/**
 * Watches how much of the memory that the process may have is taken, so that a flood costs its clients and not everybody: beyond one
 * mark requests are answered with 503 and connections end, beyond a second one new ones are refused. Knows no sockets.
 */
import { totalmem } from 'node:os';

/** Shares of the limit. As Envoy's overload manager, which has them off by default. */
const SHED_AT = 0.85;
const REFUSE_AT = 0.95;
/** What was borne is forgotten below this: around the mark itself it goes up and down with the garbage. */
const CALM_AT = 0.8;
const LOOK_MS = 250;
/** Garbage that nobody has collected yet is no reason to refuse anybody; but collecting it stops the worker for a moment. */
const COLLECT_EVERY_MS = 5000;
/**
 * What was freed stays with the process where pieces that are in use lie between: after a flood its share may never fall again,
 * although the next requests find room in it. So what has not grown for so long is borne, and a little more.
 */
const STILL_MS = 20_000;
const STEP = 0.01;

/** How it stands; read on the way of each request and connection. */
export interface MemoryState {
  /** Requests are answered with 503, and no connection is kept. */
  readonly isShedding: boolean;
  /** New connections are closed. */
  readonly isRefusing: boolean;
}

/** Enough for everybody. */
export const calm: MemoryState = { isShedding: false, isRefusing: false };

export interface MemoryUse {
  /** What the process may have, in bytes; 0: there is no limit. */
  readonly limitBytes: number;
  /** What the process has. */
  usedBytes(): number;
  /** Gives back what is not in use. */
  collect(): void;
}

export interface MemoryGuardOptions extends MemoryUse {
  /** Monotonic milliseconds. */
  now(): number;
  /** It begins to shed. */
  onShedding(): void;
}

export class MemoryGuard implements MemoryState {
  isShedding = false;
  isRefusing = false;
  readonly #options: MemoryGuardOptions;
  #collectedAt = -COLLECT_EVERY_MS;
  /** The highest share since it was last calm, and since when that is so. */
  #highest = { share: 0, since: 0 };
  /** Up to this share nobody is refused anything. */
  #borne = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MemoryGuardOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.limitBytes > 0) this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    let share = this.#share();
    if (share >= SHED_AT && this.#mayCollect()) share = this.#share();
    if (share < CALM_AT) {
      this.#highest = { share: 0, since: 0 };
      this.#borne = 0;
    }
    const wasShedding = this.isShedding;
    this.isShedding = share >= SHED_AT && !this.#isBorne(share);
    this.isRefusing = this.isShedding && share >= REFUSE_AT;
    if (this.isShedding && !wasShedding) this.#options.onShedding();
  }

  #isBorne(share: number): boolean {
    const now = this.#options.now();
    if (share > this.#highest.share) this.#highest = { share, since: now };
    // Only after a time of refusals: what grows slowly must not get through.
    else if (this.isShedding && now - this.#highest.since >= STILL_MS) this.#borne = this.#highest.share + STEP;
    return share <= this.#borne;
  }

  #share(): number {
    return this.#options.usedBytes() / this.#options.limitBytes;
  }

  #mayCollect(): boolean {
    const now = this.#options.now();
    if (now - this.#collectedAt < COLLECT_EVERY_MS) return false;
    this.#collectedAt = now;
    this.#options.collect();
    return true;
  }
}

export function processMemory(): MemoryUse {
  return {
    limitBytes: memoryLimit(process.constrainedMemory(), totalmem()),
    usedBytes: () => process.memoryUsage.rss(),
    // Only where Node was told to offer it (`--expose-gc`, as `bin/headgate` does).
    collect: () => globalThis.gc?.(),
  };
}

/** What the kernel lets this process have: a cgroup's limit. 0: none that is below the machine's memory. */
export function memoryLimit(constrainedBytes: number, totalBytes: number): number {
  return constrainedBytes > 0 && constrainedBytes < totalBytes ? constrainedBytes : 0;
}
