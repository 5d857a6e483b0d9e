/** How long to wait before the next attempt: exponential, jittered, without an end. Knows nothing of what is attempted. */
import type { Clock } from './clock.ts';

export interface BackoffOptions {
  readonly firstMs: number;
  /** Bounds how late one sees that the other side is back. */
  readonly maxMs: number;
}

export interface Backoff {
  /** Failures since the last progress. */
  readonly failures: number;
  /** The next delay, in ms: between half and all of what doubling gives; never less than what the server asked for. */
  next(atLeastMs?: number): number;
  /** To be called after progress only: a connection that was made and lost is none. */
  reset(): void;
}

export function createBackoff({ firstMs, maxMs }: BackoffOptions, clock: Clock): Backoff {
  let failures = 0;
  return {
    get failures() {
      return failures;
    },
    next(atLeastMs = 0) {
      const whole = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
      failures++;
      // Those who were told the same time must not come back at the same moment, so jitter is added there too.
      return Math.max(whole * (0.5 + clock.random() / 2), atLeastMs * (1 + clock.random() / 10));
    },
    reset() {
      failures = 0;
    },
  };
}
