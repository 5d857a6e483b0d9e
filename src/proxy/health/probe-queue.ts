/** Runs probes, only so many at a time; the others wait in the order in which they came. Knows nothing of what they probe. */
export class ProbeQueue {
  readonly #maxRunning: number;
  #running = 0;
  #waiting: (() => Promise<void>)[] = [];

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /** Tasks must not reject. */
  add(task: () => Promise<void>): void {
    if (this.#running < this.#maxRunning) void this.#run(task);
    else this.#waiting.push(task);
  }

  async #run(task: () => Promise<void>): Promise<void> {
    this.#running++;
    await task();
    this.#running--;
    const next = this.#waiting.shift();
    if (next) void this.#run(next);
  }
}
