/**
 * One HTTP/1 connection to a backend: writes one request at a time and reads its response, strictly framed. Whatever a backend
 * sends beyond its answer ends the connection. Knows nothing of choosing backends; the pool keeps idle connections.
 */
import type { Socket } from 'node:net';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { waitingBytes } from './direct-write.ts';
import { ChunkedDecoder } from './chunked.ts';
import type { FieldList } from './fields.ts';
import { HeadReader } from './head-reader.ts';
import { headersOf, parseResponseHead, type ResponseHead } from './head-response.ts';
import { Http1Output } from './http1-output.ts';
import { Http1Upstream, type UpstreamCarrier } from './http1-upstream.ts';
import { type ConnectTarget, connectSocket } from './socket-io.ts';
import {
  BODY_NONE,
  BODY_TUNNEL,
  BODY_UNKNOWN,
  type ResponseSink,
  type UpstreamError,
  type UpstreamRequest,
} from './streams.ts';

/** The pool, as its connections see it. */
export interface ClientOwner {
  /** The connection may serve another request. */
  onIdle(connection: Http1ClientConnection): void;
  /** It stands. At most once. */
  onConnected(): void;
  /** It is gone. At most once. */
  onGone(connection: Http1ClientConnection): void;
}

export interface Http1ClientOptions {
  readonly target: ConnectTarget;
  readonly connectTimeoutMs: number;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly owner: ClientOwner;
}

const Phase = { idle: 0, head: 1, fixed: 2, chunked: 3, untilClose: 4, tunnel: 5, closed: 6 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

export class Http1ClientConnection implements UpstreamCarrier, DeadlineOwner {
  readonly output: Http1Output;
  isConnected = false;
  readonly #socket: Socket;
  readonly #options: Http1ClientOptions;
  readonly #reader: HeadReader;
  readonly #deadline: Deadline;
  #phase: Phase = Phase.idle;
  #request: Http1Upstream | null = null;
  #decoder: ChunkedDecoder | null = null;
  #remaining = 0;
  #informational = 0;
  #served = 0;
  #isPaused = false;
  #hasResponseBytes = false;
  /** Of the output, when the request began. */
  #writesBefore = 0;
  #isPersistent = false;
  /** The deadline guards a write: what waited when it was armed. */
  #stalledBytes = 0;
  #error: Error | null = null;

  constructor(options: Http1ClientOptions) {
    this.#options = options;
    this.#reader = new HeadReader({ headBytes: options.limits.headBytes, requestLineBytes: options.limits.headBytes });
    this.#deadline = new Deadline(this);
    const socket = connectSocket(options.target, this);
    this.#socket = socket;
    this.output = new Http1Output(socket);
    socket.on(options.target.tls ? 'secureConnect' : 'connect', () => this.#onConnect());
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#onDrain());
    this.#arm(options.connectTimeoutMs);
  }

  /** Sends the request; the connection must be idle. */
  start(request: UpstreamRequest, sink: ResponseSink): Http1Upstream {
    if (this.isConnected) this.#options.wheel.disarm(this.#deadline);
    this.#phase = Phase.head;
    this.#hasResponseBytes = false;
    this.#informational = 0;
    this.#writesBefore = this.output.writes;
    const upstream = new Http1Upstream(this, request, sink);
    this.#request = upstream;
    return upstream;
  }

  /** Closes now; a request in flight fails. */
  close(): void {
    this.#socket.destroy();
  }

  receive(buffer: Buffer, start: number, end: number): void {
    this.#hasResponseBytes = true;
    const request = this.#request;
    while (start < end && this.#phase !== Phase.closed) {
      switch (this.#phase) {
        case Phase.idle:
          // Nobody asked: it must never answer the next request.
          this.#drop();
          return;
        case Phase.head:
          if (this.#isUnsent) return this.#drop();
          start = this.#readHead(buffer, start, end);
          break;
        case Phase.fixed:
          start = this.#readFixed(buffer, start, end);
          break;
        case Phase.chunked:
          start = this.#readChunked(buffer, start, end);
          break;
        default:
          this.#request!.sink.onResponseData(buffer, start, end);
          start = end;
      }
    }
    if (request !== null && this.#request === request) request.sink.onResponseBurstEnd();
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    const next = this.#reader.read(buffer, start, end);
    if (next < 0) {
      if (this.#reader.problem !== null) this.#fail('Protocol', `response head: ${this.#reader.problem}`);
      return end;
    }
    const head = parseResponseHead(this.#reader.text, this.#options.limits.headFields);
    if (head.problem !== '') this.#fail('Protocol', head.problem);
    else if (head.status < 200) this.#informationalHead(head);
    else this.#finalHead(head, next < end);
    return next;
  }

  #informationalHead(head: ResponseHead): void {
    const { sink, isUpgrade } = this.#request!;
    if (head.status === 101) {
      if (!isUpgrade) return this.#fail('Protocol', '101 was not asked for');
      this.#phase = Phase.tunnel;
      sink.onResponseHead(101, headersOf(head), BODY_TUNNEL, -1);
    } else if (++this.#informational > this.#options.limits.informationalResponses) {
      this.#fail('Protocol', 'too many informational responses');
    } else {
      sink.onInformational(head.status, headersOf(head));
    }
  }

  /** Message body length, RFC 9112 §6.3. */
  #finalHead(head: ResponseHead, hasMore: boolean): void {
    const request = this.#request!;
    const { status, facts } = head;
    this.#isPersistent = head.isOld ? facts.isKeepAlive && !facts.isClose : !facts.isClose;
    const { contentLength } = facts;
    let length = facts.isChunked ? BODY_UNKNOWN : contentLength < 0 ? BODY_UNKNOWN : contentLength;
    if (request.isHead || status === 204 || status === 304) length = BODY_NONE;
    if (length === BODY_NONE) {
      // Bytes behind an answer without a body belong to no request.
      if (hasMore) this.#isPersistent = false;
      request.sink.onResponseHead(status, headersOf(head), BODY_NONE, contentLength);
      if (this.#request === request) this.#finish(null);
      return;
    }
    if (length > 0) {
      this.#phase = Phase.fixed;
      this.#remaining = length;
    } else if (facts.isChunked) {
      this.#phase = Phase.chunked;
      this.#decoder = new ChunkedDecoder(this.#options.limits);
    } else {
      this.#phase = Phase.untilClose;
    }
    request.sink.onResponseHead(status, headersOf(head), length, contentLength);
  }

  #readFixed(buffer: Buffer, start: number, end: number): number {
    const request = this.#request!;
    const next = Math.min(end, start + this.#remaining);
    this.#remaining -= next - start;
    request.sink.onResponseData(buffer, start, next);
    if (this.#remaining === 0 && this.#request === request) {
      if (next < end) this.#isPersistent = false;
      this.#finish(null);
    }
    return next;
  }

  #readChunked(buffer: Buffer, start: number, end: number): number {
    const request = this.#request!;
    const decoder = this.#decoder!;
    const next = decoder.decode(buffer, { start, end }, this);
    if (this.#request !== request) return end;
    if (decoder.isFailed) this.#fail('Protocol', 'bad chunk in response');
    else if (decoder.isDone) {
      if (next < end) this.#isPersistent = false;
      this.#finish(decoder.trailers);
    }
    return next;
  }

  onBodyData(buffer: Buffer, start: number, end: number): void {
    this.#request?.sink.onResponseData(buffer, start, end);
  }

  /** The response is whole. The connection goes back first, so that what follows the answer finds it. */
  #finish(trailers: FieldList | null): void {
    const request = this.#request!;
    request.detach();
    this.#request = null;
    this.#decoder = null;
    this.#served++;
    if (this.#isPersistent && request.isSent && !request.isUpgrade) {
      this.#phase = Phase.idle;
      this.resumeReading();
      this.#arm(this.#options.limits.upstreamIdleTimeoutMs);
      this.#options.owner.onIdle(this);
    } else {
      this.#drop();
    }
    request.sink.onResponseEnd(trailers);
  }

  abort(): void {
    this.#request?.detach();
    this.#request = null;
    this.#drop();
  }

  /** The backend does not take what was sent: from now on it has to show that it goes on reading. */
  onBlocked(): void {
    if (!this.isConnected) return;
    this.#stalledBytes = waitingBytes(this.#socket);
    this.#arm(this.#options.limits.bodyIdleTimeoutMs);
  }

  endWriting(): void {
    this.output.flush();
    this.#socket.end();
  }

  pauseReading(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  onDeadline(): void {
    if (this.isConnected && this.#request !== null) this.#onStalled();
    else if (this.isConnected) this.#drop();
    else this.#fail('ConnectTimeout', `no connection within ${this.#options.connectTimeoutMs} ms`);
  }

  #onStalled(): void {
    const waiting = waitingBytes(this.#socket);
    if (waiting === 0) return;
    if (waiting < this.#stalledBytes) this.onBlocked();
    else this.#fail('Reset', `nothing of the request was taken for ${this.#options.limits.bodyIdleTimeoutMs} ms`);
  }

  #onDrain(): void {
    if (this.#request === null) return;
    this.#options.wheel.disarm(this.#deadline);
    this.#request.sink.onUpstreamDrain();
  }

  #arm(ms: number): void {
    if (ms > 0) this.#options.wheel.arm(this.#deadline, ms);
  }

  #onConnect(): void {
    this.isConnected = true;
    this.#options.wheel.disarm(this.#deadline);
    if (waitingBytes(this.#socket) > 0) this.onBlocked();
    this.#options.owner.onConnected();
  }

  #onEnd(): void {
    if (this.#phase === Phase.untilClose) {
      this.#isPersistent = false;
      this.#finish(null);
    } else if (this.#phase === Phase.tunnel) {
      this.#isPersistent = false;
      this.#finish(null);
    } else this.#drop();
  }

  #onClose(): void {
    this.#drop();
  }

  /** Ends the connection; a request that still waits for its response fails. */
  #drop(): void {
    if (this.#request === null) return this.#destroy();
    const message = this.#error?.message ?? 'connection closed';
    if (!this.isConnected) this.#fail(isTlsFailure(this.#options.target, this.#error) ? 'Tls' : 'Connect', message);
    else this.#fail(this.#hasResponseBytes && !this.#isUnsent ? 'Reset' : 'Closed', message);
  }

  /** The request still waits for the end of the turn: what comes was not meant for it. */
  get #isUnsent(): boolean {
    return this.output.writes === this.#writesBefore;
  }

  #fail(kind: UpstreamError['kind'], message: string): void {
    const request = this.#request;
    this.#request = null;
    this.#destroy();
    if (request === null) return;
    request.detach();
    const isReused = this.#served > 0;
    const unsent = isReused && this.#isUnsent ? { isUnsent: true } : {};
    request.sink.onUpstreamError({ kind, message, isReused, ...unsent });
  }

  #destroy(): void {
    if (this.#phase === Phase.closed) return;
    this.#phase = Phase.closed;
    this.#options.wheel.release(this.#deadline);
    this.#socket.destroy();
    this.#options.owner.onGone(this);
  }
}

/** A certificate that does not fit, or a handshake that failed: not the network's fault. */
function isTlsFailure(target: ConnectTarget, error: Error | null): boolean {
  if (target.tls === undefined || error === null) return false;
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || !/^(?:ECONN|EHOST|ENET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI)/.test(code);
}
