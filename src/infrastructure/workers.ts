/**
 * Proxies as worker threads of this process: starts them, replaces those that crash, and asks all of them before it
 * calls a version acknowledged. Knows nothing of what a proxy does with a message.
 */
import { Worker } from 'node:worker_threads';
import type { FromProxy, ToProxy } from '../contract/messages.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { Infrastructure, InfrastructureEvents, MessageFeed } from './infrastructure.ts';

export interface WorkersOptions extends InfrastructureEvents {
  readonly count: number;
  /** The module a worker runs. */
  readonly entry: URL;
  /** What each worker is started with, by its number from 0. */
  workerData(worker: number): unknown;
  readonly channel: MessageFeed;
  /** Whatever a worker posts that is no FromProxy message (those are JSON text): metrics, log lines. */
  onReport(worker: number, report: unknown): void;
  /** A worker ended: its gauges count no more. */
  onExit?(worker: number): void;
}

/** A crashed worker is replaced after this long; each crash soon after a start doubles it, up to the limit. */
const FIRST_RESPAWN_MS = 50;
const MAX_RESPAWN_MS = 10_000;
/** A worker that lived this long did not crash of its start. */
const STABLE_MS = 30_000;
const STUCK_MS = 2000;

interface Slot {
  readonly number: number;
  worker: Worker | null;
  unsubscribe: () => void;
  startedAtMs: number;
  respawnMs: number;
  respawnTimer: NodeJS.Timeout | undefined;
  /** Why it ended, until it has answered again. */
  failure: string | null;
  gone: Promise<void> | null;
  onGone: (() => void) | null;
}

export class Workers implements Infrastructure {
  readonly #options: WorkersOptions;
  readonly #slots: Slot[];
  readonly #acknowledgements: Acknowledgements<Slot>;
  #state: 'running' | 'draining' | 'closed' = 'running';

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#acknowledgements = new Acknowledgements(options);
    this.#slots = Array.from({ length: options.count }, (_, number) => newSlot(number));
  }

  async start(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => this.#spawn(slot)));
  }

  get absence(): string | null {
    const failures = this.#slots.map(({ failure }) => failure).filter((failure) => failure !== null);
    if (this.#acknowledgements.isAnswered || failures.length < this.#slots.length) return null;
    const [cause = ''] = failures[0]!.split('\n');
    return `all proxy workers of the process end before they serve anything (${cause}): they are started again and again; their log says where it happens`;
  }

  /** Which threads run now, by worker number; for tests and the admin API. */
  get threadIds(): readonly (number | null)[] {
    return this.#slots.map(({ worker }) => worker?.threadId ?? null);
  }

  async drain(graceMs: number): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'draining';
    // A worker that does not even manage to cut its connections in time is ended from here.
    const late = setTimeout(() => void this.close(), graceMs + STUCK_MS);
    await this.#whenGone((slot) => send(slot, { type: 'drain', graceMs }));
    clearTimeout(late);
    await this.close();
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    await this.#whenGone((slot) => void slot.worker?.terminate());
  }

  /** Does it to every worker there is, and waits until they are gone. */
  async #whenGone(end: (slot: Slot) => void): Promise<void> {
    await Promise.all(
      this.#slots.map((slot) => {
        clearTimeout(slot.respawnTimer);
        slot.unsubscribe();
        if (slot.worker === null) return Promise.resolve();
        slot.gone ??= new Promise<void>((resolve) => (slot.onGone = resolve));
        end(slot);
        return slot.gone;
      }),
    );
  }

  #spawn(slot: Slot): Promise<void> {
    const { entry, workerData, channel } = this.#options;
    const worker = new Worker(entry, { workerData: workerData(slot.number), name: `proxy-${slot.number}` });
    slot.worker = worker;
    slot.startedAtMs = performance.now();
    this.#acknowledgements.add(slot);
    let cause = '';
    worker.on('message', (message: unknown) => this.#receive(slot, message));
    worker.on(
      'error',
      (error: unknown) => (cause = error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    worker.on('exit', (code) => this.#exited(slot, cause || `exit code ${code}`));
    return new Promise((resolve) => {
      worker.once('exit', () => resolve());
      worker.once('online', () => {
        if (this.#state === 'running') slot.unsubscribe = channel.subscribe((message) => send(slot, message));
        resolve();
      });
    });
  }

  #exited(slot: Slot, cause: string): void {
    slot.worker = null;
    slot.unsubscribe();
    this.#options.onExit?.(slot.number);
    slot.onGone?.();
    if (this.#state !== 'running') return;
    slot.failure = cause;
    this.#acknowledgements.remove(slot);
    const livedMs = performance.now() - slot.startedAtMs;
    slot.respawnMs = livedMs > STABLE_MS ? FIRST_RESPAWN_MS : Math.min(MAX_RESPAWN_MS, slot.respawnMs * 2);
    this.#options.onTrouble(`Proxy worker ${slot.number} ended and is replaced in ${slot.respawnMs} ms: ${cause}`);
    slot.respawnTimer = setTimeout(() => void this.#spawn(slot), slot.respawnMs);
  }

  #receive(slot: Slot, message: unknown): void {
    if (typeof message !== 'string') {
      this.#options.onReport(slot.number, message);
      return;
    }
    const answer = JSON.parse(message) as FromProxy;
    switch (answer.type) {
      case 'ack':
        slot.failure = null;
        this.#acknowledgements.acknowledge(slot, answer.version, answer.problems);
        break;
      case 'nack':
        slot.failure = null;
        this.#acknowledgements.refuse(slot);
        this.#options.onRefused(answer.version, answer.message);
        break;
      case 'drained':
        void slot.worker?.terminate();
        break;
    }
  }
}

function newSlot(number: number): Slot {
  return {
    number,
    worker: null,
    unsubscribe: () => {},
    startedAtMs: 0,
    respawnMs: FIRST_RESPAWN_MS / 2,
    respawnTimer: undefined,
    failure: null,
    gone: null,
    onGone: null,
  };
}

/** The same message goes to every worker. */
let newest: { readonly message: ToProxy; readonly text: string } | null = null;

/** Text is copied between threads faster than objects are. */
function send(slot: Slot, message: ToProxy): void {
  if (newest?.message !== message) newest = { message, text: JSON.stringify(message) };
  slot.worker?.postMessage(newest.text);
}
