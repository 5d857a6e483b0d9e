/**
 * One HTTP/1 connection of a client: reads requests one after the other, hands each to the hooks, and lets the next begin
 * only when its answer is out. Knows nothing of routing and of how the socket came to be.
 */
import type { Socket } from 'node:net';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { waitingBytes } from './direct-write.ts';
import { ChunkedDecoder } from './chunked.ts';
import { FieldList } from './fields.ts';
import { HeadReader } from './head-reader.ts';
import { type Http1RequestHead, isRejection, parseRequestHead, type RequestHeadOptions } from './head-request.ts';
import { HeldBytes } from './held-bytes.ts';
import { Http1Output } from './http1-output.ts';
import { Http1Reply, type ReplyOwner } from './http1-reply.ts';
import { headProblems, rejectionText } from './http1-rejection.ts';
import {
  DRAIN_IDLE_MS,
  DRAINABLE_BYTES,
  HALF_CLOSED_MS,
  LINGER_BYTES,
  LINGER_MS,
  Phase,
} from './http1-server-phase.ts';
import { BODY_NONE, BODY_TUNNEL, type ConnectionInfo, type RequestSink, type ServerHooks } from './streams.ts';

export interface Http1ServerOptions {
  readonly socket: Socket;
  readonly connection: ConnectionInfo;
  readonly hooks: ServerHooks;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
}

export class Http1ServerConnection implements ReplyOwner, DeadlineOwner {
  readonly output: Http1Output;
  readonly #socket: Socket;
  readonly #connection: ConnectionInfo;
  readonly #hooks: ServerHooks;
  readonly #limits: Limits;
  readonly #wheel: DeadlineWheel;
  readonly #headOptions: RequestHeadOptions;
  readonly #reader: HeadReader;
  readonly #deadline: Deadline;
  readonly #held: HeldBytes;
  #phase: Phase = Phase.head;
  #head: Http1RequestHead | null = null;
  #reply: Http1Reply | null = null;
  #sink: RequestSink | null = null;
  #decoder: ChunkedDecoder | null = null;
  /** Of a body with a length, and of what is dropped while lingering. */
  #remaining = 0;
  #requests = 0;
  /** 1: a CR before the request line was seen; 2: an empty line was. */
  #leading = 0;
  #isConsuming = false;
  #isPaused = false;
  #isDraining = false;
  #isHalfClosed = false;
  #writtenBytes = 0;
  /** The deadline guards a write: what waited when it was armed. */
  #stalledBytes = 0;

  constructor(options: Http1ServerOptions) {
    const { socket, connection, limits, wheel } = options;
    this.#socket = socket;
    this.#connection = connection;
    this.#hooks = options.hooks;
    this.#limits = limits;
    this.#wheel = wheel;
    this.output = new Http1Output(socket);
    this.#reader = new HeadReader(limits);
    this.#headOptions = { scheme: connection.isTls ? 'https' : 'http', maxFields: limits.headFields };
    this.#deadline = new Deadline(this);
    this.#held = new HeldBytes(socket);
    // Errors are followed by `close`.
    socket.on('error', () => {});
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#onDrain());
    // A client that connects and says nothing is given as long as one that begins and does not go on.
    this.#arm(limits.headTimeoutMs);
  }

  /** Bytes of the client, in order. They are used or copied before it returns. */
  receive(buffer: Buffer, start: number, end: number): void {
    if (!this.#held.isEmpty) this.#held.add(buffer, start, end);
    else this.#consume(buffer, start, end);
  }

  /** Closes with the next answer; an idle connection has a moment for a request that is on its way. */
  startDrain(): void {
    this.#isDraining = true;
    if (this.#phase === Phase.head && !this.#reader.isPartial && this.#held.isEmpty) this.#arm(DRAIN_IDLE_MS);
  }

  /** Closes now; an exchange in flight is told. */
  close(): void {
    this.#destroy('Shutdown');
  }

  #consume(buffer: Buffer, start: number, end: number): void {
    this.#isConsuming = true;
    while (start < end) {
      switch (this.#phase) {
        case Phase.head:
          start = this.#readHead(buffer, start, end);
          break;
        case Phase.body:
          start = this.#readBody(buffer, start, end);
          break;
        case Phase.tunnel:
          this.#sink?.onRequestData(buffer, start, end);
          start = end;
          break;
        case Phase.lingering:
          this.#remaining -= end - start;
          start = end;
          if (this.#remaining < 0) this.#destroy('');
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
  }

  /** Goes on with what had to wait. */
  #resumeHeld(): void {
    if (this.#isConsuming || this.#held.isEmpty) return;
    const { buffer, start, end } = this.#held.take();
    this.#consume(buffer, start, end);
    if (!this.#held.isEmpty) return;
    this.#held.discard();
    if (!this.#isPaused) this.#socket.resume();
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
      if (problem !== null) this.#reject(headProblems[problem]);
      else if (!wasPartial) this.#arm(this.#limits.headTimeoutMs);
      return end;
    }
    this.#wheel.disarm(this.#deadline);
    this.#leading = 0;
    const head = parseRequestHead(this.#reader.text, this.#headOptions);
    if (isRejection(head)) this.#reject(head);
    else this.#begin(head);
    return next;
  }

  /** RFC 9112 §2.2: one empty line before a request line is ignored. Returns the offset after the byte it took. */
  #skipEmptyLine(buffer: Buffer, start: number): number {
    const code = buffer[start];
    if (this.#leading === 1) {
      if (code !== 0x0a) this.#reject(headProblems.BadBytes);
      this.#leading = 2;
      return start + 1;
    }
    if (code !== 0x0d || this.#leading !== 0) return start;
    this.#leading = 1;
    this.#arm(this.#limits.headTimeoutMs);
    return start + 1;
  }

  #begin(head: Http1RequestHead): void {
    this.#requests++;
    this.#head = head;
    const reply = new Http1Reply(this, head);
    this.#reply = reply;
    const length = head.bodyLength;
    if (length === BODY_NONE) this.#phase = Phase.busy;
    else if (length === BODY_TUNNEL) this.#phase = Phase.upgrading;
    else {
      this.#phase = Phase.body;
      this.#remaining = length;
      this.#decoder = length < 0 ? new ChunkedDecoder(this.#limits) : null;
      this.#arm(this.#limits.bodyIdleTimeoutMs);
    }
    if (head.target === '*') {
      // About the server as a whole, and that is us (RFC 9110 §9.3.7).
      reply.sendHead(204, new FieldList(), BODY_NONE, -1);
      reply.sendEnd(null);
      return;
    }
    const sink = this.#hooks.onRequest(head, reply, this.#connection);
    if (this.#reply === reply) this.#sink = sink;
  }

  #readBody(buffer: Buffer, start: number, end: number): number {
    if (!this.#isPaused) this.#arm(this.#limits.bodyIdleTimeoutMs);
    const decoder = this.#decoder;
    if (decoder === null) {
      const next = Math.min(end, start + this.#remaining);
      this.#remaining -= next - start;
      this.onBodyData(buffer, start, next);
      if (this.#remaining === 0 && this.#phase === Phase.body) this.#endBody(null);
      return next;
    }
    const next = decoder.decode(buffer, { start, end }, this);
    if (this.#phase !== Phase.body) return next;
    if (decoder.isFailed) this.#reject({ status: 400, reason: 'BadChunk' });
    else if (decoder.isDone) this.#endBody(decoder.trailers);
    return next;
  }

  onBodyData(buffer: Buffer, start: number, end: number): void {
    this.#sink?.onRequestData(buffer, start, end);
  }

  #endBody(trailers: FieldList | null): void {
    this.#decoder = null;
    this.#wheel.disarm(this.#deadline);
    if (this.#reply === null) {
      this.#nextRequest();
      return;
    }
    this.#phase = Phase.busy;
    this.#sink?.onRequestEnd(trailers);
  }

  mustClose(): boolean {
    if (this.#isDraining || this.#isHalfClosed || !this.#head!.isPersistent) return true;
    if (this.#requests >= this.#limits.requestsPerConnection) return true;
    if (this.#phase === Phase.upgrading) return !this.#held.isEmpty;
    if (this.#phase !== Phase.body) return false;
    // The rest of the body would have to be read before another request: only where that is little and sure to come.
    return this.#decoder !== null || this.#remaining > DRAINABLE_BYTES || this.#head!.expectsContinue;
  }

  onTunnel(): void {
    this.#phase = Phase.tunnel;
    // Not at once: the exchange is in the middle of telling us.
    queueMicrotask(() => this.#resumeHeld());
  }

  onBlocked(): void {
    this.#stalledBytes = waitingBytes(this.#socket);
    this.#arm(this.#limits.bodyIdleTimeoutMs);
  }

  onReplyEnd(isClose: boolean): void {
    this.#reply = null;
    this.#sink = null;
    this.#head = null;
    this.resumeReading();
    if (isClose) {
      this.#held.discard();
      this.#linger();
    } else if (this.#phase !== Phase.body) {
      // What came while an upgrade was not yet refused is the next request only if nothing of it was there (then it is a close).
      this.#nextRequest();
    }
  }

  onReplyReset(): void {
    this.#reply = null;
    this.#sink = null;
    this.#phase = Phase.closed;
    this.#wheel.release(this.#deadline);
    // Of the answer before it.
    this.output.flush();
    // A clean end would make a cut answer look whole (RFC 9112 §8).
    if (this.#connection.isTls) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  pauseReading(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
    if (this.#phase === Phase.body) this.#wheel.disarm(this.#deadline);
  }

  resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#phase === Phase.body) this.#arm(this.#limits.bodyIdleTimeoutMs);
    if (this.#held.isEmpty) this.#socket.resume();
  }

  onDeadline(): void {
    if (waitingBytes(this.#socket) > 0) {
      // The client takes something, if little.
      if (waitingBytes(this.#socket) < this.#stalledBytes) this.onBlocked();
      else this.#destroy('WriteTimeout');
    } else if (this.#phase === Phase.busy) {
      if (this.#socket.bytesWritten > this.#writtenBytes) this.#watchProgress();
      else this.#destroy('ClientClosed');
    } else if (this.#phase === Phase.body) this.#reject({ status: 408, reason: 'BodyTimeout' });
    else if (this.#reader.isPartial || this.#leading === 1) this.#reject({ status: 408, reason: 'HeadTimeout' });
    else if (this.#isDraining) this.#linger();
    else this.#destroy('IdleTimeout');
  }

  #arm(ms: number): void {
    if (ms > 0) this.#wheel.arm(this.#deadline, ms);
  }

  #nextRequest(): void {
    if ((this.#isDraining || this.#isHalfClosed) && this.#held.isEmpty) return this.#linger();
    // Answers to a client that sends requests and reads nothing must not pile up.
    this.#phase = this.output.isBlocked ? Phase.untaken : Phase.head;
    if (this.#phase === Phase.untaken) return this.onBlocked();
    this.#arm(this.#limits.idleTimeoutMs);
    this.#resumeHeld();
  }

  /** Refuses what was received and closes. An exchange in flight ends; the client is told only if no answer has begun. */
  #reject(rejection: { readonly status: number; readonly reason: string }): void {
    const reply = this.#reply;
    const sink = this.#sink;
    this.#reply = null;
    this.#sink = null;
    if (reply !== null && reply.hasBegun) this.onReplyReset();
    else if (this.#phase !== Phase.body || reply !== null) {
      if (rejection.status > 0) this.output.add(rejectionText(rejection));
      this.#linger();
    } else this.#destroy('');
    reply?.detach();
    if (sink !== null) sink.onDownstreamClose(rejection.reason);
    else this.#hooks.onRejected(this.#connection, rejection.status, rejection.reason);
  }

  /** RFC 9112 §9.6: closing with unread input would reset the connection and lose the answer on its way. */
  #linger(): void {
    this.#phase = Phase.lingering;
    this.#remaining = LINGER_BYTES;
    this.output.flush();
    // What a slow client has yet to take comes first.
    this.onBlocked();
    this.#socket.end(() => this.#arm(LINGER_MS));
    if (!this.#isPaused) this.#socket.resume();
  }

  #destroy(reason: string): void {
    if (this.#phase === Phase.closed) return;
    this.#phase = Phase.closed;
    this.#wheel.release(this.#deadline);
    // An answer that ended in this turn.
    this.output.flush();
    this.#socket.destroy();
    this.#abandon(reason);
  }

  #abandon(reason: string): void {
    const sink = this.#sink;
    this.#reply?.detach();
    this.#reply = null;
    this.#sink = null;
    sink?.onDownstreamClose(reason);
  }

  #onEnd(): void {
    if (this.#phase === Phase.tunnel) this.#sink?.onRequestEnd(null);
    else if (this.#phase === Phase.busy) {
      this.#isHalfClosed = true;
      this.#watchProgress();
    } else if (this.#phase === Phase.untaken) this.#isHalfClosed = true;
    else if (this.#phase === Phase.head && !this.output.isTaken) this.#linger();
    // What lingers closes when it has been taken.
    else if (this.#phase !== Phase.lingering) this.#destroy('ClientClosed');
  }

  #watchProgress(): void {
    this.#writtenBytes = this.#socket.bytesWritten;
    this.#arm(HALF_CLOSED_MS);
  }

  #onClose(): void {
    this.#wheel.release(this.#deadline);
    this.#phase = Phase.closed;
    this.#abandon('ClientClosed');
  }

  #onDrain(): void {
    if (this.#phase === Phase.untaken) this.#nextRequest();
    else if (this.#phase === Phase.body && !this.#isPaused) this.#arm(this.#limits.bodyIdleTimeoutMs);
    else if (this.#isHalfClosed) this.#watchProgress();
    else if (this.#phase === Phase.busy || this.#phase === Phase.tunnel) this.#wheel.disarm(this.#deadline);
    this.#sink?.onDownstreamDrain();
  }
}
