/**
 * Whether a silent backend lives: when to ask it by PING, and when to give it up. Knows no frames; its connection asks it now and then.
 * gRPC servers end connections that ping more often than every five minutes while they have nothing to say
 * (grpc/proposal A8, "too_many_pings": the third strike), so that a long silence is asked twice quickly, then seldom.
 */

export interface KeepAliveLimits {
  /** Milliseconds of silence before a PING; 0: never. */
  readonly http2PingIntervalMs: number;
  /** Milliseconds its answer may take. */
  readonly http2PingTimeoutMs: number;
}

export interface PingSender {
  ping(flags: number, payload: Buffer, start: number): void;
}

const payload = Buffer.from('are you?');
const QUICK_PINGS = 2;
const SELDOM_MS = 310_000;

export class KeepAlive {
  readonly #limits: KeepAliveLimits;
  readonly #sender: PingSender;
  /** When bytes last came, or requests began; monotonic milliseconds. */
  #heardAt: number;
  /** 0: no answer is waited for. */
  #askedAt = 0;
  #lastAskedAt = 0;
  /** Since the last message. */
  #pings = 0;
  #messages = 0;

  constructor(limits: KeepAliveLimits, sender: PingSender, now: number) {
    this.#limits = limits;
    this.#sender = sender;
    this.#heardAt = now;
  }

  /** Bytes came, or the first request after a time without any begins. */
  restart(now: number): void {
    this.#heardAt = now;
    this.#askedAt = 0;
  }

  /** To be asked now and then while there are requests. `messages`: HEADERS and DATA frames received on the connection, ever. */
  isDead(now: number, messages: number): boolean {
    const { http2PingIntervalMs, http2PingTimeoutMs } = this.#limits;
    if (http2PingIntervalMs === 0) return false;
    if (this.#askedAt > 0) return now - this.#askedAt >= http2PingTimeoutMs;
    if (messages !== this.#messages) {
      this.#messages = messages;
      this.#pings = 0;
    }
    const isSilent = now - this.#heardAt >= http2PingIntervalMs;
    const mayAsk = this.#pings < QUICK_PINGS || now - this.#lastAskedAt >= SELDOM_MS;
    if (!isSilent || !mayAsk) return false;
    this.#pings++;
    this.#askedAt = now;
    this.#lastAskedAt = now;
    this.#sender.ping(0, payload, 0);
    return false;
  }
}
