/**
 * All UDP sessions of a worker from the least to the most recently used: ends those that are idle, and the least recently used
 * one when there are too many. A datagram costs a comparison. Knows neither sockets nor routing.
 */
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';

/** What a session lets the list keep in it. */
export interface Listed {
  /** Of the wheel's clock. Set by the list. */
  seenAt: number;
  older: Listed | null;
  newer: Listed | null;
  /** Ends the session, which then removes itself from the list. */
  end(reason: 'Idle' | 'Evicted'): void;
}

export interface SessionListOptions {
  readonly wheel: DeadlineWheel;
  readonly maxSessions: number;
  readonly idleTimeoutMs: number;
}

export class SessionList implements DeadlineOwner {
  size = 0;
  readonly #wheel: DeadlineWheel;
  readonly #maxSessions: number;
  readonly #deadline = new Deadline(this);
  #idleTimeoutMs: number;
  #oldest: Listed | null = null;
  #newest: Listed | null = null;
  #onEmpty: (() => void) | null = null;

  constructor({ wheel, maxSessions, idleTimeoutMs }: SessionListOptions) {
    this.#wheel = wheel;
    this.#maxSessions = maxSessions;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Makes room for one more: a flood of strangers costs those their session who have been silent for longest. */
  makeRoom(): void {
    if (this.size >= this.#maxSessions) this.evict();
  }

  evict(): void {
    this.#oldest?.end('Evicted');
  }

  add(session: Listed): void {
    session.seenAt = this.#wheel.now;
    this.#append(session);
    this.size++;
    if (this.size === 1) this.#arm();
  }

  /** A datagram of the session came. The order is as fine as the wheel's ticks. */
  touch(session: Listed): void {
    if (session.seenAt === this.#wheel.now) return;
    session.seenAt = this.#wheel.now;
    if (session === this.#newest) return;
    this.#unlink(session);
    this.#append(session);
  }

  remove(session: Listed): void {
    this.#unlink(session);
    this.size--;
    if (this.size === 0) this.#onEmpty?.();
  }

  /** From now on a session is idle after `idleTimeoutMs`. Resolves when there is none. */
  drain(idleTimeoutMs: number): Promise<void> {
    this.#idleTimeoutMs = idleTimeoutMs;
    if (this.size === 0) return Promise.resolve();
    this.#arm();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  close(): void {
    this.#wheel.release(this.#deadline);
  }

  onDeadline(): void {
    while (this.#oldest !== null && this.#wheel.now - this.#oldest.seenAt >= this.#idleTimeoutMs) {
      this.#oldest.end('Idle');
    }
    if (this.#oldest !== null) this.#arm();
  }

  #arm(): void {
    const left = this.#oldest!.seenAt + this.#idleTimeoutMs - this.#wheel.now;
    this.#wheel.arm(this.#deadline, Math.max(0, left));
  }

  #append(session: Listed): void {
    session.older = this.#newest;
    if (this.#newest === null) this.#oldest = session;
    else this.#newest.newer = session;
    this.#newest = session;
  }

  #unlink(session: Listed): void {
    const { older, newer } = session;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    session.older = null;
    session.newer = null;
  }
}
