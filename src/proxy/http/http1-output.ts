/**
 * What one HTTP/1 connection writes, gathered so that a head and a small body leave in one write.
 * Latin1 text waits in a string, which is the cheapest thing to write; larger data goes out as one copied Buffer. Knows no message.
 */
import type { Socket } from 'node:net';
import { atTurnEnd, type AtTurnEnd } from '../../lib/turn-end.ts';
import { isBlocked, waitingBytes, writeText } from './direct-write.ts';
import { readLatin1, writeLatin1 } from './latin1.ts';
import { SLAB_BYTES, takeSlab } from './slab-pool.ts';

/** Up to this much is gathered as text; above it a Buffer is cheaper. */
const TEXT_BYTES = 16 * 1024;

export class Http1Output implements AtTurnEnd {
  readonly #socket: Socket;
  /** Counted, so that who asks again knows whether anything has left meanwhile. */
  writes = 0;
  #text = '';
  #isQueued = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** The peer does not take what was written: wait for `drain`. */
  get isBlocked(): boolean {
    return isBlocked(this.#socket);
  }

  /** Nothing of it is here any more. */
  get isTaken(): boolean {
    return this.#text === '' && waitingBytes(this.#socket) === 0;
  }

  /** Gathers text; nothing is written yet. */
  add(text: string): void {
    this.#text += text;
  }

  /** Gathers or writes bytes; they are copied. False: the peer is slow, wait for `drain`. */
  data(buffer: Buffer, start: number, end: number): boolean {
    const text = this.#text;
    const length = text.length + end - start;
    if (length <= TEXT_BYTES) {
      this.#text = text + readLatin1(buffer, start, end);
      return true;
    }
    this.#text = '';
    this.writes++;
    if (length > SLAB_BYTES) {
      const bytes = Buffer.allocUnsafe(length);
      writeLatin1(bytes, text);
      buffer.copy(bytes, text.length, start, end);
      return this.#isRoom(this.#socket.write(bytes));
    }
    const slab = takeSlab();
    writeLatin1(slab.buffer, text);
    buffer.copy(slab.buffer, text.length, start, end);
    return this.#isRoom(this.#socket.write(slab.buffer.subarray(0, length), slab.release));
  }

  /** Writes what was gathered. False as in `data`. */
  flush(): boolean {
    const text = this.#text;
    if (text === '') return !this.isBlocked;
    this.#text = '';
    this.writes++;
    return this.#isRoom(writeText(this.#socket, text));
  }

  /** Writes what was gathered when this turn has read all there is: for ends, after which nobody waits for room. */
  flushLater(): void {
    // Answers to requests that came together add up.
    if (this.#text.length > TEXT_BYTES) this.flush();
    else if (!this.#isQueued) {
      this.#isQueued = true;
      atTurnEnd(this);
    }
  }

  onTurnEnd(): void {
    this.#isQueued = false;
    if (!this.#socket.destroyed) this.flush();
  }

  /** A write as large as the high water mark is reported as too much even where the kernel took it whole. */
  #isRoom(wasBelowMark: boolean): boolean {
    return wasBelowMark || waitingBytes(this.#socket) === 0;
  }

  /** Forgets what was gathered. */
  discard(): void {
    this.#text = '';
  }
}
