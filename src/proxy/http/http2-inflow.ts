/**
 * Flow control of what is received: the connection's window is given back on receipt, a stream's on consumption. So a slow
 * stream never blocks its neighbours, and memory is bounded by streams times their window. What a backend may send
 * at first is little, and grows while it is taken: clients that read nothing must not fill our memory. Knows no frames.
 */
import { DEFAULT_WINDOW } from './frame.ts';
import type { Http2Sender } from './http2-sender.ts';
import type { Http2Stream } from './http2-stream.ts';

export interface InflowLimits {
  readonly http2StreamWindow: number;
  readonly http2ConnectionWindow: number;
}

const FIRST_CLIENT_WINDOW = 16 * 1024;

/** The window with which each stream begins. */
export function firstWindow(role: 'server' | 'client', { http2StreamWindow }: InflowLimits): number {
  return role === 'server' ? http2StreamWindow : Math.min(http2StreamWindow, FIRST_CLIENT_WINDOW);
}

export class Inflow {
  readonly #streamWindow: number;
  readonly #connectionWindow: number;
  readonly #sender: Http2Sender;
  #left: number;
  #unreturned = 0;

  constructor(sender: Http2Sender, limits: InflowLimits) {
    this.#sender = sender;
    this.#streamWindow = limits.http2StreamWindow;
    // It cannot be made smaller than what the protocol starts with.
    this.#connectionWindow = Math.max(limits.http2ConnectionWindow, DEFAULT_WINDOW);
    this.#left = this.#connectionWindow;
  }

  /** Once, after the settings. */
  announce(): void {
    if (this.#connectionWindow > DEFAULT_WINDOW) this.#sender.returnWindow(0, this.#connectionWindow - DEFAULT_WINDOW);
  }

  /** A DATA frame of that length begins. False: the peer sent more than it may. */
  receive(length: number): boolean {
    this.#left -= length;
    if (this.#left < 0) return false;
    this.#unreturned += length;
    if (this.#unreturned < this.#connectionWindow / 2) return true;
    this.#sender.returnWindow(0, this.#unreturned);
    this.#left += this.#unreturned;
    this.#unreturned = 0;
    return true;
  }

  /** The stream's handler took bytes, or has resumed. */
  consume(stream: Http2Stream, bytes: number): void {
    stream.unreturned += bytes;
    if (stream.isPaused || stream.isClosed || stream.isRemoteEnded || stream.unreturned < stream.windowSize / 2) return;
    const growth = Math.min(stream.windowSize, this.#streamWindow - stream.windowSize);
    const returned = stream.unreturned + growth;
    this.#sender.returnWindow(stream.id, returned);
    stream.windowSize += growth;
    stream.receiveWindow += returned;
    stream.unreturned = 0;
  }
}
