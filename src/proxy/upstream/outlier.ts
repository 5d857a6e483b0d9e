/** Passive health: an endpoint that fails several times in a row is left out for a while. Knows only verdicts and the clock. */

const CONSECUTIVE_FAILURES = 5;
const BASE_EJECTION_MS = 10_000;
const LONGEST_EJECTION_MS = 60_000;

export class Outlier {
  /** Monotonic milliseconds until which it is left out; 0: in use. */
  ejectedUntilMs = 0;
  #failures = 0;
  #ejections = 0;
  #returnedAtMs = 0;

  onSuccess(): void {
    this.#failures = 0;
  }

  /** True where it is time to eject it; the owner knows whether it can spare the endpoint. */
  onFailure(): boolean {
    this.#failures++;
    return this.#failures >= CONSECUTIVE_FAILURES && this.ejectedUntilMs === 0;
  }

  /** Leaves it out for 10 s × n, n being how often that happened without a good spell between. */
  eject(nowMs: number): void {
    const wasWell = nowMs - this.#returnedAtMs > this.#durationMs();
    this.#ejections = this.#ejections === 0 || wasWell ? 1 : this.#ejections + 1;
    this.#failures = 0;
    this.ejectedUntilMs = nowMs + this.#durationMs();
  }

  /** Takes it back where its time is over. True: it is in use again. */
  returnAt(nowMs: number): boolean {
    if (this.ejectedUntilMs === 0 || nowMs < this.ejectedUntilMs) return false;
    this.ejectedUntilMs = 0;
    this.#returnedAtMs = nowMs;
    return true;
  }

  #durationMs(): number {
    return Math.min(LONGEST_EJECTION_MS, BASE_EJECTION_MS * this.#ejections);
  }
}
