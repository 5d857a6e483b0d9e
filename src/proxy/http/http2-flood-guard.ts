/**
 * Counts what a peer does that costs it nothing and us something (resets, settings, empty frames …) and says when to end it.
 * One budget for most of it, refilled slowly, so that a long-lived connection may misbehave a little. Knows no frames.
 */

/** As nghttp2: what comes back of the budget. */
const REFILL_PER_SECOND = 33;

/** What a glitch costs. */
export const Glitch = {
  /** A request reset by the client before it was answered (CVE-2023-44487). */
  reset: 1,
  /** A stream that we had to reset (CVE-2025-8671), a frame on a closed stream. */
  streamError: 1,
  settings: 1,
  ping: 0.1,
  /** Beyond one in a row. */
  emptyFrame: 100,
  unknownFrame: 0.1,
} as const;

export class FloodGuard {
  readonly #budget: number;
  #left: number;
  #refilledAt: number;
  #emptyFrames = 0;
  #priorities = 0;
  #windowUpdates = 0;
  /** Streams opened on the connection, ever. */
  streams = 0;

  constructor(budget: number, now: number) {
    this.#budget = budget;
    this.#left = budget;
    this.#refilledAt = now;
  }

  /** False: too much; the connection is to end with ENHANCE_YOUR_CALM. `now` in monotonic milliseconds. */
  allows(cost: number, now: number): boolean {
    if (now > this.#refilledAt) {
      const refill = ((now - this.#refilledAt) / 1000) * REFILL_PER_SECOND;
      this.#left = Math.min(this.#budget, this.#left + refill);
      this.#refilledAt = now;
    }
    this.#left -= cost;
    return this.#left >= 0;
  }

  /** DATA or HEADERS without payload and without END_STREAM; false as in `allows`. */
  allowsEmptyFrame(now: number): boolean {
    this.#emptyFrames++;
    return this.#emptyFrames <= 1 || this.allows(Glitch.emptyFrame, now);
  }

  onFullFrame(): void {
    this.#emptyFrames = 0;
  }

  /** Envoy's rule: 100 for each stream there was. */
  allowsPriority(): boolean {
    this.#priorities++;
    return this.#priorities <= 100 * (1 + this.streams);
  }

  /** Envoy's rule: what streams and the DATA frames we sent give reason to. */
  allowsWindowUpdate(sentDataFrames: number): boolean {
    this.#windowUpdates++;
    return this.#windowUpdates <= 5 + 2 * (this.streams + 10 * sentDataFrames);
  }
}
