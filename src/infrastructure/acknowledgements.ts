/** Which version all proxies serve: adds up what each of them says. Knows nothing of how they are reached. */
import { isEqual } from '../contract/config-diff.ts';
import type { ListenerProblem } from '../contract/messages.ts';

/** One proxy's answer to the newest version it has answered. */
interface Answer {
  /** 0: none yet. */
  version: number;
  /** It serves an older version, or nothing, and has said why. */
  hasRefused: boolean;
  problems: readonly ListenerProblem[];
}

export interface AcknowledgementEvents {
  onAcknowledged(version: number, problems: readonly ListenerProblem[]): void;
  /** The last proxy that had answered has gone. */
  onUnserved(): void;
}

export class Acknowledgements<Proxy> {
  readonly #answers = new Map<Proxy, Answer>();
  readonly #events: AcknowledgementEvents;
  #announced = 0;
  /** Of the version that was announced last; null: it has to be announced again. */
  #problems: readonly ListenerProblem[] | null = [];

  constructor(events: AcknowledgementEvents) {
    this.#events = events;
  }

  /** Whether a proxy is there that serves some version, or has said why not. */
  get isAnswered(): boolean {
    return [...this.#answers.values()].some(isAnswer);
  }

  get isEmpty(): boolean {
    return this.#answers.size === 0;
  }

  /** Nothing is acknowledged until this proxy has answered too. */
  add(proxy: Proxy): void {
    this.#answers.set(proxy, { version: 0, hasRefused: false, problems: [] });
  }

  /** Those that live on may have been waiting for this one only. */
  remove(proxy: Proxy): void {
    const answer = this.#answers.get(proxy);
    if (!answer) return;
    this.#answers.delete(proxy);
    if (!isAnswer(answer) || this.isAnswered) return this.#announce();
    // Whoever comes next is told of, whatever was told before.
    this.#announced = 0;
    this.#problems = [];
    this.#events.onUnserved();
  }

  acknowledge(proxy: Proxy, version: number, problems: readonly ListenerProblem[]): void {
    const answer = this.#answers.get(proxy);
    if (!answer) return;
    answer.version = version;
    answer.hasRefused = false;
    answer.problems = problems;
    this.#announce();
  }

  refuse(proxy: Proxy): void {
    const answer = this.#answers.get(proxy);
    if (!answer) return;
    answer.hasRefused = true;
    // Should this one go, the others still serve what they have acknowledged.
    this.#problems = null;
  }

  /** Tells of a version once all that run have it. A later version stands for those before it. */
  #announce(): void {
    const answers = [...this.#answers.values()];
    const version = Math.min(...answers.map((answer) => answer.version));
    if (answers.length === 0 || version === 0 || version < this.#announced) return;
    const problems = distinct(answers.flatMap((answer) => answer.problems));
    if (version === this.#announced) {
      // One that came later, or went, may have had problems of its own; some may be ahead already.
      if (answers.some((answer) => answer.version > version) || isEqual(problems, this.#problems)) return;
    }
    this.#announced = version;
    this.#problems = problems;
    this.#events.onAcknowledged(version, problems);
  }
}

function isAnswer({ version, hasRefused }: Answer): boolean {
  return version > 0 || hasRefused;
}

function distinct(problems: readonly ListenerProblem[]): ListenerProblem[] {
  return [
    ...new Map(
      problems.map((problem) => [`${problem.listener} ${problem.reason} ${problem.message}`, problem]),
    ).values(),
  ];
}
