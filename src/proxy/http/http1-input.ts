/**
 * What one HTTP/1 connection of a client says: finds heads and bodies in the bytes, and keeps what comes before its turn.
 * Knows nothing of answers, and of times only which one begins.
 */
import type { Socket } from 'node:net';
import type { Limits } from '../limits.ts';
import { type BodyTarget, ChunkedDecoder } from './chunked.ts';
import type { FieldList } from './fields.ts';
import type { Rejection } from './head-framing.ts';
import { HeadReader } from './head-reader.ts';
import { type Http1RequestHead, isRejection, parseRequestHead, type RequestHeadOptions } from './head-request.ts';
import { HeldBytes } from './held-bytes.ts';
import { headProblems } from './http1-rejection.ts';
import { DRAINABLE_BYTES, LINGER_BYTES, Phase } from './http1-server-phase.ts';
import { BODY_NONE, BODY_TUNNEL } from './streams.ts';

/** The connection, as its input sees it. Its `onBodyData` is called for bodies and tunnels. */
export interface InputOwner extends BodyTarget {
  onHead(head: Http1RequestHead): void;
  onBodyEnd(trailers: FieldList | null): void;
  onBadInput(rejection: Rejection): void;
  /** More came while lingering than anybody reads. */
  onTooMuch(): void;
  /** Sets the one time that the client has for what comes next. */
  arm(ms: number): void;
  disarm(): void;
}

export interface Http1InputOptions {
  readonly socket: Socket;
  readonly limits: Limits;
  readonly scheme: 'http' | 'https';
}

export class Http1Input {
  /** Says what the next byte is. Set by the connection too: what is a request's end for us may be more for it. */
  phase: Phase = Phase.head;
  /** The client is stopped, by whoever cannot take more of its body. */
  isPaused = false;
  readonly #owner: InputOwner;
  readonly #socket: Socket;
  readonly #limits: Limits;
  readonly #headOptions: RequestHeadOptions;
  readonly #reader: HeadReader;
  readonly #held: HeldBytes;
  #decoder: ChunkedDecoder | null = null;
  /** Of a body with a length, and of what is dropped while lingering. */
  #remaining = 0;
  /** 1: a CR before the request line was seen; 2: an empty line was. */
  #leading = 0;
  #isConsuming = false;
  /** While a head or the end of a body is handed over: bytes follow it. */
  #hasMore = false;

  constructor(owner: InputOwner, { socket, limits, scheme }: Http1InputOptions) {
    this.#owner = owner;
    this.#socket = socket;
    this.#limits = limits;
    this.#headOptions = { scheme, maxFields: limits.headFields };
    this.#reader = new HeadReader(limits);
    this.#held = new HeldBytes(socket);
  }

  /** Some bytes of a head wait for the rest. */
  get isPartial(): boolean {
    return this.#reader.isPartial;
  }

  /** As `isPartial`, or the line before it waits for its end. */
  get hasBegun(): boolean {
    return this.#reader.isPartial || this.#leading === 1;
  }

  /** Something that came too early waits, or stands behind what is being read. */
  get isHolding(): boolean {
    return this.#hasMore || !this.#held.isEmpty;
  }

  /** What is still to come of the body is more than is read for the sake of the next request, or may be. */
  get isRestLarge(): boolean {
    return this.#decoder !== null || this.#remaining > DRAINABLE_BYTES;
  }

  /** Bytes of the client, in order. They are used or copied before it returns. */
  receive(buffer: Buffer, start: number, end: number): void {
    if (!this.#held.isEmpty) this.#held.add(buffer, start, end);
    else this.#consume(buffer, start, end);
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.#socket.pause();
    if (this.phase === Phase.body) this.#owner.disarm();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    if (this.phase === Phase.body) this.#owner.arm(this.#limits.bodyIdleTimeoutMs);
    if (this.#held.isEmpty) this.#socket.resume();
  }

  /** Goes on with what had to wait. True: it has come to the end of it. */
  resumeHeld(): boolean {
    if (this.#isConsuming || this.#held.isEmpty) return false;
    const { buffer, start, end } = this.#held.take();
    this.#consume(buffer, start, end);
    if (!this.#held.isEmpty) return false;
    this.#held.discard();
    this.resumeSocket();
    return true;
  }

  resumeSocket(): void {
    if (!this.isPaused) this.#socket.resume();
  }

  discardHeld(): void {
    this.#held.discard();
  }

  /** From now on what comes is dropped. */
  linger(): void {
    this.phase = Phase.lingering;
    this.#remaining = LINGER_BYTES;
  }

  #consume(buffer: Buffer, start: number, end: number): void {
    this.#isConsuming = true;
    while (start < end) {
      switch (this.phase) {
        case Phase.head:
          start = this.#readHead(buffer, start, end);
          break;
        case Phase.body:
          start = this.#readBody(buffer, start, end);
          break;
        case Phase.tunnel:
          this.#owner.onBodyData(buffer, start, end);
          start = end;
          break;
        case Phase.lingering:
          this.#remaining -= end - start;
          start = end;
          if (this.#remaining < 0) this.#owner.onTooMuch();
          break;
        case Phase.closed:
          start = end;
          break;
        default:
          this.#held.add(buffer, start, end);
          start = end;
      }
    }
    this.#isConsuming = false;
    this.#hasMore = false;
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    if (!this.#reader.isPartial) {
      const skipped = this.#skipEmptyLine(buffer, start);
      if (skipped !== start) return skipped;
    }
    const wasPartial = this.#reader.isPartial;
    const next = this.#reader.read(buffer, start, end);
    if (next < 0) {
      const { problem } = this.#reader;
      if (problem !== null) this.#owner.onBadInput(headProblems[problem]);
      else if (!wasPartial) this.#owner.arm(this.#limits.headTimeoutMs);
      return end;
    }
    this.#owner.disarm();
    this.#leading = 0;
    this.#hasMore = next < end;
    const head = parseRequestHead(this.#reader.text, this.#headOptions);
    if (isRejection(head)) this.#owner.onBadInput(head);
    else this.#begin(head);
    return next;
  }

  /** RFC 9112 §2.2: one empty line before a request line is ignored. Returns the offset after the byte it took. */
  #skipEmptyLine(buffer: Buffer, start: number): number {
    const code = buffer[start];
    if (this.#leading === 1) {
      if (code !== 0x0a) this.#owner.onBadInput(headProblems.BadBytes);
      this.#leading = 2;
      return start + 1;
    }
    if (code !== 0x0d || this.#leading !== 0) return start;
    this.#leading = 1;
    this.#owner.arm(this.#limits.headTimeoutMs);
    return start + 1;
  }

  #begin(head: Http1RequestHead): void {
    const length = head.bodyLength;
    if (length === BODY_NONE) this.phase = Phase.busy;
    else if (length === BODY_TUNNEL) this.phase = Phase.upgrading;
    else {
      this.phase = Phase.body;
      this.#remaining = length;
      this.#decoder = length < 0 ? new ChunkedDecoder(this.#limits) : null;
      this.#owner.arm(this.#limits.bodyIdleTimeoutMs);
    }
    this.#owner.onHead(head);
  }

  #readBody(buffer: Buffer, start: number, end: number): number {
    if (!this.isPaused) this.#owner.arm(this.#limits.bodyIdleTimeoutMs);
    const decoder = this.#decoder;
    if (decoder === null) {
      const next = Math.min(end, start + this.#remaining);
      this.#remaining -= next - start;
      this.#hasMore = next < end;
      this.#owner.onBodyData(buffer, start, next);
      if (this.#remaining === 0 && this.phase === Phase.body) this.#endBody(null);
      return next;
    }
    const next = decoder.decode(buffer, { start, end }, this.#owner);
    if (this.phase !== Phase.body) return next;
    if (decoder.isFailed) this.#owner.onBadInput({ status: 400, reason: 'BadChunk' });
    else if (decoder.isDone) {
      this.#hasMore = next < end;
      this.#endBody(decoder.trailers);
    }
    return next;
  }

  #endBody(trailers: FieldList | null): void {
    this.#decoder = null;
    this.#owner.disarm();
    this.phase = Phase.busy;
    this.#owner.onBodyEnd(trailers);
  }
}
