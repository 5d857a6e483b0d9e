/** Time and chance, handed in, so that tests neither wait nor guess. Knows nothing of what is timed. */

export interface Clock {
  /** Monotonic milliseconds: nobody who sets the machine's clock makes a lease expire. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Resolves after that time, or at once when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  random: () => Math.random(),
  pause(ms, signal) {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal.addEventListener('abort', finish, { once: true });
    });
  },
};
