/** The streams of a connection by number, and what is remembered of those that are gone. Knows no frames. */
import type { Http2Stream } from './http2-stream.ts';

/** Streams that we reset: the peer may not know yet, so what it still sends on them is no error. */
const REMEMBERED_RESETS = 256;

export class StreamTable {
  readonly streams = new Map<number, Http2Stream>();
  /** The highest the peer has opened. */
  lastPeerId = 0;
  /** The next of ours, as a client. */
  nextId = 1;
  readonly #isServer: boolean;
  readonly #resets = new Set<number>();

  constructor(role: 'server' | 'client') {
    this.#isServer = role === 'server';
  }

  /** The stream was never opened. A server opens none. */
  isIdle(streamId: number): boolean {
    if ((streamId & 1) === 0) return true;
    return this.#isServer ? streamId > this.lastPeerId : streamId >= this.nextId;
  }

  wasReset(streamId: number): boolean {
    return this.#resets.has(streamId);
  }

  rememberReset(streamId: number): void {
    this.#resets.add(streamId);
    if (this.#resets.size <= REMEMBERED_RESETS) return;
    for (const oldest of this.#resets) {
      this.#resets.delete(oldest);
      return;
    }
  }

  /** Empties the table. */
  takeAll(): Http2Stream[] {
    const all = [...this.streams.values()];
    this.streams.clear();
    return all;
  }
}
