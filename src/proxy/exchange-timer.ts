/** A timer for the rules that set a time-out. Knows that setTimeout cannot wait longer than 24 days, and that routes may. */

const LONGEST_MS = 0x7fffffff;

export class ExchangeTimer {
  #handle: NodeJS.Timeout;

  /** Calls `onTime` once after `ms`, unless cancelled. */
  constructor(ms: number, onTime: () => void) {
    this.#handle = this.#wait(ms, onTime);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #wait(ms: number, onTime: () => void): NodeJS.Timeout {
    if (ms <= LONGEST_MS) return setTimeout(onTime, ms);
    return setTimeout(() => {
      this.#handle = this.#wait(ms - LONGEST_MS, onTime);
    }, LONGEST_MS);
  }
}
