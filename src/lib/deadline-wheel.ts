/**
 * Coarse deadlines for many long-lived owners: setting one is a field write, so it costs nothing on the path of a request.
 * Fires up to one tick late, never early. For exact or rare times use setTimeout.
 */

/** An owner of one deadline. The wheel calls `onDeadline` once the time has come, then forgets it until it is armed again. */
export interface DeadlineOwner {
  onDeadline(): void;
}

export class Deadline {
  /** Monotonic milliseconds; 0: none. */
  at = 0;
  /** Whether the wheel holds it; it looks at `at` only when its slot comes round, at `seenAt`. */
  isQueued = false;
  seenAt = 0;
  owner: DeadlineOwner | null;

  constructor(owner: DeadlineOwner) {
    this.owner = owner;
  }
}

const SLOTS = 64;

export class DeadlineWheel {
  /** The time of the last tick, in monotonic milliseconds: a clock that costs nothing. */
  now: number;
  readonly #tickMs: number;
  readonly #slots: Deadline[][] = Array.from({ length: SLOTS }, () => []);
  readonly #clock: () => number;
  #position = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(tickMs = 250, clock: () => number = () => performance.now()) {
    this.#tickMs = tickMs;
    this.#clock = clock;
    this.now = clock();
  }

  start(): void {
    this.#timer = setInterval(() => this.advance(), this.#tickMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Sets the deadline `ms` from now; an earlier or later one is replaced. */
  arm(deadline: Deadline, ms: number): void {
    deadline.at = this.now + this.#tickMs + ms;
    // One that moved closer than its slot is queued a second time; the later slot then holds a stale entry.
    if (deadline.isQueued && deadline.at >= deadline.seenAt) return;
    this.#enqueue(deadline);
  }

  disarm(deadline: Deadline): void {
    deadline.at = 0;
  }

  /** For an owner whose life is over: the wheel keeps the deadline for one turn at most, and no longer what it belongs to. */
  release(deadline: Deadline): void {
    deadline.at = 0;
    deadline.owner = null;
  }

  /** Moves on to the present; called by the timer, or by a test. */
  advance(): void {
    const now = this.#clock();
    let steps = Math.floor((now - this.now) / this.#tickMs);
    if (steps > SLOTS) {
      // After a long stall one turn of the wheel sees everything.
      this.now += (steps - SLOTS) * this.#tickMs;
      steps = SLOTS;
    }
    // Time and position move together: what is queued anew within a step is visited when its slot comes round.
    for (let i = 0; i < steps; i++) {
      this.now += this.#tickMs;
      this.#position = (this.#position + 1) % SLOTS;
      this.#visit(this.#position);
    }
  }

  #visit(position: number): void {
    const due = this.#slots[position]!;
    if (due.length === 0) return;
    this.#slots[position] = [];
    for (const deadline of due) {
      // Stale: it was queued again for another slot, and that one counts.
      if (!deadline.isQueued || deadline.seenAt > this.now) continue;
      deadline.isQueued = false;
      if (deadline.at === 0) continue;
      if (deadline.at > this.now) this.#enqueue(deadline);
      else {
        deadline.at = 0;
        deadline.owner?.onDeadline();
      }
    }
  }

  #enqueue(deadline: Deadline): void {
    const ticks = Math.min(SLOTS - 1, Math.max(1, Math.ceil((deadline.at - this.now) / this.#tickMs)));
    deadline.isQueued = true;
    deadline.seenAt = this.now + ticks * this.#tickMs;
    this.#slots[(this.#position + ticks) % SLOTS]!.push(deadline);
  }
}
