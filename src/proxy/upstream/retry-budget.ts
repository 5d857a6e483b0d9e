/** Keeps the retries of one backend to a fifth of its first tries in flight, so that a failing backend is not buried. */
import type { RetryBudget } from '../runtime.ts';

/** With little traffic a share means nothing: this many retries at a time are always allowed. */
const LEAST_CONCURRENT = 3;
const SHARE = 0.2;

export class RetryShare implements RetryBudget {
  /** Requests in flight, first tries and retries. */
  active = 0;
  #retries = 0;

  take(): boolean {
    const allowed = Math.max(LEAST_CONCURRENT, SHARE * (this.active - this.#retries));
    if (this.#retries + 1 > allowed) return false;
    this.#retries++;
    return true;
  }

  giveBack(): void {
    this.#retries--;
  }
}
