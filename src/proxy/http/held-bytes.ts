/** Bytes that came too early: kept until their turn, with the socket paused meanwhile so that they stay few. Knows no protocol. */
import type { Socket } from 'node:net';

export interface ByteRange {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

export class HeldBytes {
  readonly #socket: Socket;
  #range: ByteRange | null = null;
  /** What was taken last: memory of our own, of which a rest can be kept without a copy. */
  #own: Buffer | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isEmpty(): boolean {
    return this.#range === null;
  }

  add(buffer: Buffer, start: number, end: number): void {
    const held = this.#range;
    if (held === null) {
      const isOwn = buffer === this.#own;
      this.#range = isOwn ? { buffer, start, end } : copyOf(buffer, start, end);
      this.#socket.pause();
      return;
    }
    // Rare: a TLS record that was decrypted already when the socket was paused.
    this.#range = joined(held, buffer.subarray(start, end));
  }

  /** Hands out what is held; there must be something. The socket stays paused. */
  take(): ByteRange {
    const range = this.#range!;
    this.#range = null;
    this.#own = range.buffer;
    return range;
  }

  discard(): void {
    this.#range = null;
    this.#own = null;
  }
}

/** With room for as much again, so that many small pieces cost no more than a large one. */
function joined(held: ByteRange, piece: Buffer): ByteRange {
  const { buffer, start, end } = held;
  const length = end - start;
  const hasRoom = end + piece.length <= buffer.length;
  const larger = hasRoom ? buffer : Buffer.allocUnsafeSlow(2 * (length + piece.length));
  const from = hasRoom ? start : 0;
  if (!hasRoom) buffer.copy(larger, 0, start, end);
  piece.copy(larger, from + length);
  return { buffer: larger, start: from, end: from + length + piece.length };
}

function copyOf(buffer: Buffer, start: number, end: number): ByteRange {
  return { buffer: Buffer.from(buffer.subarray(start, end)), start: 0, end: end - start };
}
