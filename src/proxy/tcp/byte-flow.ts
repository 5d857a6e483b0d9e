/**
 * One direction of a connection that is carried as bytes: from a socket to another one, no faster than that one takes them.
 * What comes before the other one stands is held. Knows neither which direction it is nor why.
 */
import type net from 'node:net';
import { waitingBytes, writeText } from '../http/direct-write.ts';
import { readLatin1 } from '../http/latin1.ts';
import { SLAB_BYTES, takeSlab } from '../http/slab-pool.ts';
import type { Receiver } from '../http/socket-io.ts';

/** Up to this much is cheapest to write as text: Node then copies only what the kernel does not take. */
const TEXT_BYTES = 16 * 1024;

export class ByteFlow implements Receiver {
  /** Received so far. */
  bytes = 0;
  /** The source has sent all that it will. */
  isEnded = false;
  readonly #onBytes: (bytes: number) => void;
  #source: net.Socket | null = null;
  /** Null: does not stand yet. */
  #sink: net.Socket | null = null;
  #held: Buffer | null = null;
  #isPaused = false;

  constructor(onBytes: (bytes: number) => void) {
    this.#onBytes = onBytes;
  }

  /** Where the bytes come from. */
  from(source: net.Socket): void {
    this.#source = source;
    if (this.#isPaused) source.pause();
  }

  /** Where the bytes go; it takes them from now on. */
  to(sink: net.Socket): void {
    this.#sink = sink;
    const held = this.#held;
    this.#held = null;
    const isReady = held === null || sink.write(held) || waitingBytes(sink) === 0;
    if (this.isEnded) sink.end();
    else if (isReady) this.resume();
  }

  /** Bytes that were read from the source before; they are kept as they are. */
  hold(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.#onBytes(bytes.length);
    this.#held = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
  }

  receive(buffer: Buffer, start: number, end: number): void {
    const sink = this.#sink;
    if (sink === null) {
      this.hold(Buffer.from(buffer.subarray(start, end)));
      this.#pause();
      return;
    }
    this.bytes += end - start;
    this.#onBytes(end - start);
    if (!write(sink, buffer, start, end)) this.#pause();
  }

  /** The source will send no more. */
  end(): void {
    this.isEnded = true;
    this.#sink?.end();
  }

  /** Nothing more is read. */
  stop(): void {
    this.#pause();
    this.#source = null;
  }

  /** The sink has taken what it was given. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#source?.resume();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#source?.pause();
  }
}

/** Copies the bytes into the socket. False: the peer is slow, wait for `drain`. */
function write(sink: net.Socket, buffer: Buffer, start: number, end: number): boolean {
  const length = end - start;
  let isBelowMark: boolean;
  if (length <= TEXT_BYTES) isBelowMark = writeText(sink, readLatin1(buffer, start, end));
  else if (length <= SLAB_BYTES) {
    const slab = takeSlab();
    buffer.copy(slab.buffer, 0, start, end);
    isBelowMark = sink.write(slab.buffer.subarray(0, length), slab.release);
  } else isBelowMark = sink.write(Buffer.from(buffer.subarray(start, end)));
  // A write as large as the high water mark is reported as too much even where the kernel took it whole.
  return isBelowMark || waitingBytes(sink) === 0;
}
