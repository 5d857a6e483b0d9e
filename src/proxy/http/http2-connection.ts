/**
 * One HTTP/2 connection (RFC 9113) of either role: its streams, the limits on what a peer may do, and its end.
 * Knows nothing of requests and responses; its owner and the streams' handlers do.
 */
import type { Socket } from 'node:net';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { clientPreface, ErrorCode, MAX_STREAM_ID } from './frame.ts';
import type { HeaderBlock } from './hpack-decoder.ts';
import { FloodGuard, Glitch } from './http2-flood-guard.ts';
import { Inbound, type InboundHost } from './http2-inbound.ts';
import { firstWindow, Inflow } from './http2-inflow.ts';
import { KeepAlive } from './http2-keep-alive.ts';
import { Http2Sender, type SenderOwner } from './http2-sender.ts';
import { ownSettings, PeerSettings } from './http2-settings.ts';
import { findStall, sweepMsOf } from './http2-stalls.ts';
import { StreamTable } from './http2-stream-table.ts';
import { Http2Stream } from './http2-stream.ts';

/** What the connection is to those who make it. */
export interface ConnectionOwner {
  /** Servers: a new stream with its head. The owner sets the handler or resets the stream. */
  onNewStream(stream: Http2Stream, block: HeaderBlock): void;
  /** A stream has ended, in whatever way. */
  onStreamEnd(): void;
  /** The peer's settings (again), its GOAWAY, or it reads again: which streams can be opened has changed. */
  onPeerChange(): void;
  /** No stream will ever be opened or answered again. At most once. */
  onEnd(reason: string): void;
}

export interface Http2ConnectionOptions {
  readonly role: 'server' | 'client';
  readonly socket: Socket;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly owner: ConnectionOwner;
  /** Milliseconds without a stream after which it closes. */
  readonly idleTimeoutMs: number;
}

/** A client that does not answer the ping of a drain by then is taken to know. */
const DRAIN_PING_MS = 1000;
/** A peer that does not close after our end is cut off. */
const LINGER_MS = 1000;
/** Told apart from other pings by their payload. */
const drainPing = Buffer.from('headgate');

const Life = { open: 0, draining: 1, refusing: 2, ended: 3 } as const;
type Life = (typeof Life)[keyof typeof Life];

export class Http2Connection implements InboundHost, SenderOwner, DeadlineOwner {
  readonly sender: Http2Sender;
  readonly table: StreamTable;
  readonly peer = new PeerSettings();
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly isServer: boolean;
  /** Monotonic milliseconds. */
  readonly openedAt: number;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #inbound: Inbound;
  readonly guard: FloodGuard;
  readonly #deadline = new Deadline(this);
  readonly #idleTimeoutMs: number;
  #life: Life = Life.open;
  #drainSince = 0;
  #idleSince: number;
  /** Streams above this are not taken any more. */
  lastTakenId = MAX_STREAM_ID;
  readonly inflow: Inflow;
  readonly #firstWindow: number;
  readonly #sweepMs: number;
  /** Asks backends; clients are given up by what they do not send or take. */
  readonly #keepAlive: KeepAlive | null;

  constructor(options: Http2ConnectionOptions) {
    const { socket, limits, wheel } = options;
    this.isServer = options.role === 'server';
    this.table = new StreamTable(options.role);
    this.#socket = socket;
    this.#owner = options.owner;
    this.limits = limits;
    this.wheel = wheel;
    this.#idleTimeoutMs = options.idleTimeoutMs;
    this.openedAt = wheel.now;
    this.#idleSince = wheel.now;
    this.#inbound = new Inbound(this);
    this.guard = new FloodGuard(limits.http2Glitches, wheel.now);
    this.sender = new Http2Sender(socket, this, limits.bufferBytes);
    this.inflow = new Inflow(this.sender, limits);
    this.#firstWindow = firstWindow(options.role, limits);
    this.#sweepMs = sweepMsOf(limits, options.idleTimeoutMs);
    this.#keepAlive = this.isServer ? null : new KeepAlive(limits, this.sender, wheel.now);
    socket.on('error', () => {});
    socket.on('end', () => this.#end(ErrorCode.cancel, 'PeerClosed'));
    socket.on('close', () => this.#onSocketClose());
    if (!this.isServer) this.sender.output.preface(clientPreface);
    this.sender.settings(ownSettings(options.role, limits));
    this.inflow.announce();
    this.#armSweep();
  }

  get streams(): ReadonlyMap<number, Http2Stream> {
    return this.table.streams;
  }

  /** Streams that are not closed. */
  get active(): number {
    return this.table.streams.size;
  }

  get isEnded(): boolean {
    return this.#life === Life.ended;
  }

  /** New streams can be opened (clients). */
  get isOpen(): boolean {
    return this.#life === Life.open && this.table.nextId < MAX_STREAM_ID && this.lastTakenId === MAX_STREAM_ID;
  }

  /** Bytes of the peer, in order; used or copied before it returns. */
  receive(buffer: Buffer, start: number, end: number): void {
    if (this.#life === Life.ended) return;
    if (this.#keepAlive !== null) this.#keepAlive.restart(this.wheel.now);
    this.#inbound.read(buffer, start, end);
    if (this.sender.output.queuedControlFrames > this.limits.http2QueuedControlFrames) {
      this.fail(ErrorCode.enhanceYourCalm, 'ControlFrameFlood');
    }
  }

  /** Clients: opens a stream; the caller has looked at `isOpen` and the peer's limit. Its HEADERS must follow at once. */
  openStream(): Http2Stream {
    if (this.active === 0) this.#keepAlive?.restart(this.wheel.now);
    const stream = this.#addStream(this.table.nextId, 0);
    this.table.nextId += 2;
    return stream;
  }

  /** Takes no new streams, lets those in flight end, then closes (RFC 9113 §6.8: first a warning, then the last stream). */
  startDrain(): void {
    if (this.#life !== Life.open) return;
    this.#life = Life.draining;
    this.#drainSince = this.wheel.now;
    if (this.isServer) {
      this.sender.goaway(MAX_STREAM_ID, ErrorCode.noError);
      this.sender.ping(0, drainPing, 0);
    } else this.#finishDrain();
  }

  /** Closes now; handlers are told. */
  close(reason: string): void {
    if (this.#life === Life.ended) return;
    this.sender.goaway(this.table.lastPeerId, ErrorCode.noError);
    this.#end(ErrorCode.cancel, reason);
    // Whoever closes may end the process before this turn does.
    this.sender.output.onTurnEnd();
  }

  /** A connection error (RFC 9113 §5.4.1). */
  fail(code: number, reason: string): void {
    if (this.#life === Life.ended) return;
    this.sender.goaway(this.table.lastPeerId, code);
    this.#end(code, reason);
  }

  /** We give the stream up; its handler is not told. */
  resetStream(stream: Http2Stream, code: number): void {
    if (stream.isClosed) return;
    this.table.rememberReset(stream.id);
    this.sender.resetStream(stream.id, code);
    this.#removeStream(stream);
  }

  /** A stream error that the peer made (RFC 9113 §5.4.2): its handler is told. */
  failStream(stream: Http2Stream, code: number, reason: string): void {
    if (stream.isClosed) return;
    this.resetStream(stream, code);
    stream.handler?.onReset(code, reason);
    this.glitch(Glitch.streamError);
  }

  /** The handler takes no more for now: the stream's window is not given back. */
  pause(stream: Http2Stream): void {
    stream.isPaused = true;
  }

  resume(stream: Http2Stream): void {
    stream.isPaused = false;
    stream.markedAt = this.wheel.now;
    this.inflow.consume(stream, 0);
  }

  // SenderOwner

  onLocalEnd(stream: Http2Stream): void {
    if (stream.isRemoteEnded) this.#removeStream(stream);
    // The answer is complete and the request is not: nobody wants the rest of it (RFC 9113 §8.1).
    else if (this.isServer) this.resetStream(stream, ErrorCode.noError);
  }

  onOutputDrain(): void {
    this.sender.pump();
    this.#owner.onPeerChange();
  }

  // InboundHost

  openPeerStream(streamId: number, isEnd: boolean): Http2Stream {
    this.table.lastPeerId = streamId;
    const stream = this.#addStream(streamId, 1);
    stream.isRemoteEnded = isEnd;
    return stream;
  }

  onNewStream(stream: Http2Stream, list: HeaderBlock): void {
    this.#owner.onNewStream(stream, list);
  }

  endRemote(stream: Http2Stream, trailers: HeaderBlock | null): void {
    stream.isRemoteEnded = true;
    const { handler } = stream;
    if (stream.isLocalEnded) this.#removeStream(stream);
    handler!.onEnd(trailers);
  }

  isIdle(streamId: number): boolean {
    return this.table.isIdle(streamId);
  }

  glitch(cost: number): void {
    if (this.#life !== Life.ended && !this.guard.allows(cost, this.wheel.now))
      this.fail(ErrorCode.enhanceYourCalm, 'TooManyGlitches');
  }

  onPeerReset(stream: Http2Stream, code: number): void {
    this.#removeStream(stream);
    stream.handler?.onReset(code, 'StreamReset');
  }

  onPeerSettings(): void {
    this.#owner.onPeerChange();
  }

  onPingAnswer(buffer: Buffer, start: number): void {
    if (this.#life === Life.draining && buffer.compare(drainPing, 0, 8, start, start + 8) === 0) this.#finishDrain();
  }

  onPeerGoaway(lastId: number, code: number): void {
    if (this.isServer) {
      // The client opens no more; what is in flight ends.
      if (this.#life === Life.open) this.#finishDrain();
      return;
    }
    this.lastTakenId = Math.min(this.lastTakenId, lastId);
    for (const stream of this.streams.values()) {
      if (stream.id <= lastId) continue;
      this.#removeStream(stream);
      stream.handler!.onReset(ErrorCode.refusedStream, `GoAway ${code}`);
    }
    this.#finishDrain();
    this.#owner.onPeerChange();
  }

  // DeadlineOwner

  /** Looks after all time-outs of the connection and its streams. */
  onDeadline(): void {
    const { now } = this.wheel;
    if (this.#life === Life.ended) {
      this.#socket.destroy();
      return;
    }
    if (this.#life === Life.draining && now - this.#drainSince >= DRAIN_PING_MS) this.#finishDrain();
    const stall = findStall(this, now, this.#inbound.partialSince);
    if (stall !== null) this.fail(ErrorCode.enhanceYourCalm, stall);
    else if (this.active === 0 && this.#idleTimeoutMs > 0 && now - this.#idleSince >= this.#idleTimeoutMs)
      this.close('IdleTimeout');
    else if (this.active > 0 && this.#keepAlive?.isDead(now, this.#inbound.messages)) {
      this.#end(ErrorCode.cancel, 'PingTimeout');
      this.#socket.destroy();
    }
    if (this.isEnded) this.wheel.arm(this.#deadline, LINGER_MS);
    else this.#armSweep();
  }

  #armSweep(): void {
    this.wheel.arm(this.#deadline, this.#sweepMs);
  }

  // Streams and life

  #addStream(id: number, hasHead: 0 | 1): Http2Stream {
    const options = {
      sendWindow: this.sender.initialWindow,
      receiveWindow: this.#firstWindow,
      hasHead,
      now: this.wheel.now,
    };
    const stream = new Http2Stream(id, options);
    this.table.streams.set(id, stream);
    this.guard.streams++;
    return stream;
  }

  #removeStream(stream: Http2Stream): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    stream.pending = null;
    this.table.streams.delete(stream.id);
    if (this.active === 0) {
      this.#idleSince = this.wheel.now;
      if (this.#life === Life.refusing) this.#end(ErrorCode.noError, 'Drained');
    }
    this.#owner.onStreamEnd();
  }

  #finishDrain(): void {
    if (this.#life === Life.refusing || this.#life === Life.ended) return;
    this.#life = Life.refusing;
    this.#drainSince = this.wheel.now;
    if (this.isServer) this.lastTakenId = this.table.lastPeerId;
    this.sender.goaway(this.isServer ? this.table.lastPeerId : 0, ErrorCode.noError);
    if (this.active === 0) this.#end(ErrorCode.noError, 'Drained');
  }

  /** The last of all: handlers are told, the socket ends after what was written. */
  #end(code: number, reason: string): void {
    if (this.#life === Life.ended) return;
    this.#life = Life.ended;
    this.#inbound.stop();
    this.sender.output.end();
    this.wheel.arm(this.#deadline, LINGER_MS);
    this.#abandonStreams(code, reason);
    this.#owner.onEnd(reason);
  }

  #abandonStreams(code: number, reason: string): void {
    for (const stream of this.table.takeAll()) {
      if (stream.isClosed) continue;
      stream.isClosed = true;
      stream.pending = null;
      stream.handler?.onReset(code, reason);
    }
  }

  #onSocketClose(): void {
    this.wheel.release(this.#deadline);
    this.sender.output.close();
    this.#end(ErrorCode.cancel, 'PeerClosed');
    this.wheel.release(this.#deadline);
  }
}
