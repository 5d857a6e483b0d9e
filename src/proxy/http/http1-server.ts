/**
 * One HTTP/1 connection of a client: hands one request after the other to the hooks, lets the next begin only when the answer
 * is out, and ends as the client can bear it. Knows nothing of routing and of how the socket came to be.
 */
import type { Socket } from 'node:net';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { waitingBytes } from './direct-write.ts';
import { FieldList } from './fields.ts';
import type { Rejection } from './head-framing.ts';
import type { Http1RequestHead } from './head-request.ts';
import { Http1Input, type InputOwner } from './http1-input.ts';
import { Http1Output } from './http1-output.ts';
import { Http1Reply, type ReplyOwner } from './http1-reply.ts';
import { rejectionText } from './http1-rejection.ts';
import { DRAIN_IDLE_MS, HALF_CLOSED_MS, LINGER_MS, Phase } from './http1-server-phase.ts';
import { BODY_NONE, type ConnectionInfo, type RequestSink, type ServerHooks } from './streams.ts';

export interface Http1ServerOptions {
  readonly socket: Socket;
  readonly connection: ConnectionInfo;
  readonly hooks: ServerHooks;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
}

export class Http1ServerConnection implements InputOwner, ReplyOwner, DeadlineOwner {
  readonly output: Http1Output;
  readonly #socket: Socket;
  readonly #connection: ConnectionInfo;
  readonly #hooks: ServerHooks;
  readonly #limits: Limits;
  readonly #wheel: DeadlineWheel;
  readonly #input: Http1Input;
  readonly #deadline: Deadline;
  #head: Http1RequestHead | null = null;
  #reply: Http1Reply | null = null;
  #sink: RequestSink | null = null;
  #requests = 0;
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
    this.#input = new Http1Input(this, { socket, limits, scheme: connection.isTls ? 'https' : 'http' });
    this.#deadline = new Deadline(this);
    // Errors are followed by `close`.
    socket.on('error', () => {});
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#onDrain());
    // A client that connects and says nothing is given as long as one that begins and does not go on.
    this.arm(limits.headTimeoutMs);
  }

  /** Bytes of the client, in order. They are used or copied before it returns. */
  receive(buffer: Buffer, start: number, end: number): void {
    this.#input.receive(buffer, start, end);
  }

  /** Closes with the next answer; an idle connection has a moment for a request that is on its way. */
  startDrain(): void {
    this.#isDraining = true;
    const input = this.#input;
    if (input.phase === Phase.head && !input.isPartial && !input.isHolding) this.arm(DRAIN_IDLE_MS);
  }

  /** Closes now; an exchange in flight is told. */
  close(): void {
    this.#destroy('Shutdown');
  }

  onHead(head: Http1RequestHead): void {
    this.#requests++;
    this.#head = head;
    const reply = new Http1Reply(this, head);
    this.#reply = reply;
    if (head.target === '*') {
      // About the server as a whole, and that is us (RFC 9110 §9.3.7).
      reply.sendHead(204, new FieldList(), BODY_NONE, -1);
      reply.sendEnd(null);
      return;
    }
    const sink = this.#hooks.onRequest(head, reply, this.#connection);
    if (this.#reply === reply) this.#sink = sink;
  }

  onBodyData(buffer: Buffer, start: number, end: number): void {
    this.#sink?.onRequestData(buffer, start, end);
  }

  onBodyEnd(trailers: FieldList | null): void {
    if (this.#reply === null) this.#nextRequest();
    else this.#sink?.onRequestEnd(trailers);
  }

  onTooMuch(): void {
    this.#destroy('');
  }

  mustClose(): boolean {
    if (this.#isDraining || !this.#head!.isPersistent) return true;
    if (this.#requests >= this.#limits.requestsPerConnection) return true;
    const input = this.#input;
    if (this.#isHalfClosed && !input.isHolding) return true;
    if (input.phase === Phase.upgrading) return input.isHolding;
    if (input.phase !== Phase.body) return false;
    // The rest of the body would have to be read before another request: only where that is little and sure to come.
    return input.isRestLarge || this.#head!.expectsContinue;
  }

  onTunnel(): void {
    this.#input.phase = Phase.tunnel;
    // Not at once: the exchange is in the middle of telling us.
    queueMicrotask(() => this.#resumeHeld());
  }

  onBlocked(): void {
    this.#stalledBytes = waitingBytes(this.#socket);
    this.arm(this.#limits.bodyIdleTimeoutMs);
  }

  onReplyEnd(isClose: boolean): void {
    this.#reply = null;
    this.#sink = null;
    this.#head = null;
    this.resumeReading();
    if (isClose) {
      this.#input.discardHeld();
      this.#linger();
    } else if (this.#input.phase !== Phase.body) {
      // What came while an upgrade was not yet refused is the next request only if nothing of it was there (then it is a close).
      this.#nextRequest();
    }
  }

  onReplyReset(): void {
    this.#reply = null;
    this.#sink = null;
    this.#input.phase = Phase.closed;
    this.#wheel.release(this.#deadline);
    // Of the answer before it.
    this.output.flush();
    this.#cut();
  }

  /** A clean end would make a cut answer look whole (RFC 9112 §8). */
  #cut(): void {
    if (this.#connection.isTls) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  pauseReading(): void {
    this.#input.pause();
  }

  resumeReading(): void {
    this.#input.resume();
  }

  onDeadline(): void {
    const { phase } = this.#input;
    if (waitingBytes(this.#socket) > 0) {
      // The client takes something, if little.
      if (waitingBytes(this.#socket) < this.#stalledBytes) this.onBlocked();
      else this.#destroy('WriteTimeout');
    } else if (phase === Phase.busy) {
      if (this.#socket.bytesWritten > this.#writtenBytes) this.#watchProgress();
      else this.#destroy('ClientClosed');
    } else if (phase === Phase.lingering) this.#destroy('');
    else if (phase === Phase.body) this.onBadInput({ status: 408, reason: 'BodyTimeout' });
    else if (this.#input.hasBegun) this.onBadInput({ status: 408, reason: 'HeadTimeout' });
    else if (this.#isDraining) this.#linger();
    else this.#destroy('IdleTimeout');
  }

  arm(ms: number): void {
    if (ms > 0) this.#wheel.arm(this.#deadline, ms);
  }

  disarm(): void {
    // Meanwhile it guards a write.
    if (this.#reply?.hasBegun === true && this.output.isBlocked) return;
    this.#wheel.disarm(this.#deadline);
  }

  #nextRequest(): void {
    if ((this.#isDraining || this.#isHalfClosed) && !this.#input.isHolding) return this.#linger();
    // Answers to a client that sends requests and reads nothing must not pile up.
    this.#input.phase = this.output.isBlocked ? Phase.untaken : Phase.head;
    if (this.#input.phase === Phase.untaken) return this.onBlocked();
    this.arm(this.#limits.idleTimeoutMs);
    this.#resumeHeld();
  }

  /** Over TLS the end of what a client says may be known before its requests had their turn. */
  #resumeHeld(): void {
    if (this.#input.resumeHeld() && this.#isHalfClosed) this.#onEnd();
  }

  /** Refuses what was received and closes. An exchange in flight ends; the client is told only if no answer has begun. */
  onBadInput(rejection: Rejection): void {
    const reply = this.#reply;
    const sink = this.#sink;
    this.#reply = null;
    this.#sink = null;
    if (reply !== null && reply.hasBegun) this.onReplyReset();
    else if (this.#input.phase !== Phase.body || reply !== null) {
      if (rejection.status > 0) this.output.add(rejectionText(rejection));
      this.#linger();
    } else this.#destroy('');
    reply?.detach();
    if (sink !== null) sink.onDownstreamClose(rejection.reason);
    else this.#hooks.onRejected(this.#connection, rejection.status, rejection.reason);
  }

  /** RFC 9112 §9.6: closing with unread input would reset the connection and lose the answer on its way. */
  #linger(): void {
    this.#input.linger();
    this.output.flush();
    // What a slow client has yet to take comes first.
    this.onBlocked();
    this.#socket.end(() => this.arm(LINGER_MS));
    this.#input.resumeSocket();
  }

  #destroy(reason: string): void {
    const { phase } = this.#input;
    if (phase === Phase.closed) return;
    this.#input.phase = Phase.closed;
    this.#wheel.release(this.#deadline);
    // An answer that ended in this turn.
    this.output.flush();
    const isCut = this.#reply?.hasBegun === true || waitingBytes(this.#socket) > 0;
    if (phase !== Phase.tunnel && isCut) this.#cut();
    else this.#socket.destroy();
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
    const { phase } = this.#input;
    if (phase === Phase.tunnel) this.#sink?.onRequestEnd(null);
    else if (phase === Phase.busy) {
      this.#isHalfClosed = true;
      this.#watchProgress();
    } else if (phase === Phase.untaken) this.#isHalfClosed = true;
    else if (this.#reply === null && (phase === Phase.head || phase === Phase.body) && !this.output.isTaken)
      this.#linger();
    else if (phase === Phase.body && this.#reply?.hasBegun === false)
      this.onBadInput({ status: 400, reason: 'ClientClosed' });
    // What lingers closes when it has been taken.
    else if (phase !== Phase.lingering) this.#destroy('ClientClosed');
  }

  #watchProgress(): void {
    this.#writtenBytes = this.#socket.bytesWritten;
    this.arm(HALF_CLOSED_MS);
  }

  #onClose(): void {
    this.#wheel.release(this.#deadline);
    this.#input.phase = Phase.closed;
    this.#abandon('ClientClosed');
  }

  #onDrain(): void {
    const { phase } = this.#input;
    if (phase === Phase.untaken) this.#nextRequest();
    else if (phase === Phase.body && !this.#input.isPaused) this.arm(this.#limits.bodyIdleTimeoutMs);
    else if (this.#isHalfClosed) this.#watchProgress();
    else if (phase === Phase.body || phase === Phase.busy || phase === Phase.tunnel) this.disarm();
    this.#sink?.onDownstreamDrain();
  }
}
