/**
 * Reads the first bytes of an accepted connection until its ClientHello is whole, and hands both on. Answers nothing, and
 * knows neither listeners nor TLS.
 */
import type net from 'node:net';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { adoptSocket, type Receiver } from '../http/socket-io.ts';
import { type ClientHello, readClientHello } from './client-hello.ts';

/** A connection whose first bytes have been read; it goes on reading. */
export interface OpenedConnection {
  readonly socket: net.Socket;
  /** All bytes read so far. */
  readonly bytes: Buffer;
  /** Who gets the bytes from now on. To be called at once. */
  attach(receiver: Receiver): void;
}

export interface HelloReaderOptions {
  readonly wheel: DeadlineWheel;
  readonly timeoutMs: number;
  onHello(hello: ClientHello, connection: OpenedConnection): void;
  /** `reason` is a CamelCase word. The socket is open unless the client has gone. */
  onRefused(reason: string, connection: OpenedConnection): void;
}

const FIRST_BYTES = 4 * 1024;
const nothing = Buffer.alloc(0);

/** Takes over a socket that was accepted with `pauseOnConnect`; answers the one to use from now on. */
export function readHello(accepted: net.Socket, options: HelloReaderOptions): net.Socket {
  return new HelloReader(accepted, options).socket;
}

class HelloReader implements Receiver, DeadlineOwner, OpenedConnection {
  readonly socket: net.Socket;
  readonly #options: HelloReaderOptions;
  readonly #deadline = new Deadline(this);
  #receiver: Receiver | null = null;
  #buffer = nothing;
  #length = 0;
  #isOver = false;

  constructor(accepted: net.Socket, options: HelloReaderOptions) {
    this.#options = options;
    this.socket = adoptSocket(accepted, this);
    // Whoever gets the connection listens as well; without a listener an error would end the worker.
    this.socket.on('error', ignore);
    this.socket.once('end', () => this.#refuse('TlsClientGone'));
    this.socket.once('close', () => this.#refuse('TlsClientGone'));
    options.wheel.arm(this.#deadline, options.timeoutMs);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  attach(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#buffer = nothing;
    this.#length = 0;
  }

  receive(buffer: Buffer, start: number, end: number): void {
    if (this.#receiver !== null) return this.#receiver.receive(buffer, start, end);
    if (this.#isOver) return;
    this.#keep(buffer, start, end);
    const verdict = readClientHello(this.bytes);
    if (verdict === 'needMore') return;
    if (verdict === 'notTls') this.#refuse('NotTls');
    else if (verdict === 'malformed') this.#refuse('MalformedClientHello');
    else {
      this.#finish();
      this.#options.onHello(verdict, this);
      // Whoever has the connection now has the bytes as well; this lives as long as the socket.
      this.#buffer = nothing;
      this.#length = 0;
    }
  }

  onDeadline(): void {
    this.#refuse('TlsHandshakeTimeout');
  }

  /** Doubles its memory, so that bytes that come one by one are not copied each time. */
  #keep(buffer: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.#buffer.length, length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    buffer.copy(this.#buffer, this.#length, start, end);
    this.#length = length;
  }

  #refuse(reason: string): void {
    if (this.#isOver) return;
    this.#finish();
    this.#options.onRefused(reason, this);
  }

  #finish(): void {
    this.#isOver = true;
    this.#options.wheel.release(this.#deadline);
  }
}

function ignore(): void {}
