/**
 * One direction of a connection that is carried as bytes: from a socket to another one, no faster than that one takes them.
 * What comes before the other one stands is held; small pieces leave at the end of the turn. Knows neither which direction it is nor why.
 */
import type net from 'node:net';
import { atTurnEnd, type AtTurnEnd } from '../../lib/turn-end.ts';
import { waitingBytes, writeText } from '../http/direct-write.ts';
import { readLatin1 } from '../http/latin1.ts';
import { SLAB_BYTES, takeSlab } from '../http/slab-pool.ts';
import type { Receiver } from '../http/socket-io.ts';

/** Up to this much is cheapest to write as text: Node then copies only what the kernel does not take. */
const TEXT_BYTES = 16 * 1024;

export class ByteFlow implements Receiver, AtTurnEnd {
  /** Received so far. */
  bytes = 0;
  /** The source has sent all that it will. */
  isEnded = false;
  readonly #onBytes: (bytes: number) => void;
  #source: net.Socket | null = null;
  /** Null: does not stand yet. */
  #sink: net.Socket | null = null;
  #held: Buffer | null = null;
  /** Read in this turn, and not written yet. */
  #text = '';
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
    const text = this.#text;
    // A TLS socket hands out as much as two megabytes in a turn, a record at a time.
    if (text.length + end - start > TEXT_BYTES) this.onTurnEnd();
    if (end - start <= TEXT_BYTES) {
      this.#text += readLatin1(buffer, start, end);
      if (text === '') atTurnEnd(this);
      return;
    }
    if (!write(sink, buffer.subarray(start, end))) this.#pause();
  }

  onTurnEnd(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    const sink = this.#sink!;
    if (!writeText(sink, text) && waitingBytes(sink) > 0) this.#pause();
  }

  /** The source will send no more. */
  end(): void {
    this.isEnded = true;
    this.onTurnEnd();
    this.#sink?.end();
  }

  /** Nothing more is read. */
  stop(): void {
    this.#pause();
    this.#text = '';
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
function write(sink: net.Socket, bytes: Buffer): boolean {
  const isBelowMark = bytes.length <= SLAB_BYTES ? writeSlab(sink, bytes) : sink.write(Buffer.from(bytes));
  // A write as large as the high water mark is reported as too much even where the kernel took it whole.
  return isBelowMark || waitingBytes(sink) === 0;
}

function writeSlab(sink: net.Socket, bytes: Buffer): boolean {
  const slab = takeSlab();
  bytes.copy(slab.buffer);
  return sink.write(slab.buffer.subarray(0, bytes.length), slab.release);
}
