/** One HTTP/2 connection to a backend: connects, opens a stream for each request, tells sinks how it ended. Knows nothing of the choice among connections. */
import type { Socket } from 'node:net';
import type tls from 'node:tls';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { Field } from './fields.ts';
import { ErrorCode, FrameFlag } from './frame.ts';
import { HeadCache } from './head-cache.ts';
import { type ConnectionOwner, Http2Connection } from './http2-connection.ts';
import { Http2Upstream, type UpstreamCarrier } from './http2-upstream.ts';
import { type ConnectTarget, connectSocket, type Receiver } from './socket-io.ts';
import { BODY_NONE, BODY_TUNNEL, type ResponseSink, type UpstreamError, type UpstreamRequest } from './streams.ts';

export interface ClientOwner {
  /** It takes no new requests any more. At least once. */
  onUnusable(connection: Http2ClientConnection): void;
  /** A stream has ended, or the backend's settings have come. */
  onRoom(): void;
}

export interface Http2ClientOptions {
  readonly target: ConnectTarget;
  readonly connectTimeoutMs: number;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly owner: ClientOwner;
}

/** Fields of few values, found by identity when they come again. */
const repeated = new HeadCache<Field>(1024);

function repeatedField(name: string, value: string): Field {
  const key = `${name}:${value}`;
  let field = repeated.get(key);
  if (field === undefined) {
    field = new Field(name, value);
    repeated.set(key, field);
  }
  return field;
}

const takesTrailersField = new Field('te', 'trailers');
const expectField = new Field('expect', '100-continue');

export class Http2ClientConnection implements ConnectionOwner, UpstreamCarrier, Receiver, DeadlineOwner {
  readonly core: Http2Connection;
  readonly #socket: Socket;
  readonly #owner: ClientOwner;
  readonly #limits: Limits;
  readonly #wheel: DeadlineWheel;
  readonly #connectDeadline: Deadline;
  failureMessage = '';
  #isConnected = false;
  /** Why the connection could not be made, or what broke it. */
  #failure: UpstreamError['kind'] | null = null;
  #burst: Http2Upstream[] = [];

  constructor(options: Http2ClientOptions) {
    const { target, limits, wheel } = options;
    this.#owner = options.owner;
    this.#limits = limits;
    this.#wheel = wheel;
    const socket = connectSocket(target, this);
    this.#socket = socket;
    const isTls = target.tls !== undefined;
    socket.on(isTls ? 'secureConnect' : 'connect', () => this.#onConnect(isTls));
    // Before the core's own listeners, which end the streams.
    socket.on('error', (error) => this.#onError(error));
    const idleTimeoutMs = limits.upstreamIdleTimeoutMs;
    this.core = new Http2Connection({ role: 'client', socket, limits, wheel, owner: this, idleTimeoutMs });
    this.#connectDeadline = new Deadline(this);
    if (options.connectTimeoutMs > 0) wheel.arm(this.#connectDeadline, options.connectTimeoutMs);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** One more request fits, and would leave soon. */
  get hasRoom(): boolean {
    const { core } = this;
    if (core.sender.output.isBlocked) return false;
    return core.isOpen && core.active < Math.min(core.peer.maxConcurrentStreams, this.#limits.http2Streams);
  }

  /** Sends the head; the caller has asked `hasRoom`, and for a tunnel waited for the settings. */
  start(request: UpstreamRequest, sink: ResponseSink): Http2Upstream {
    const { core } = this;
    const stream = core.openStream();
    // RFC 8441 §3: only where the backend has said so. Others get the request without its upgrade, which any server may ignore
    // (RFC 9110 §7.8), and their answer says so to the client.
    const isTunnel = request.bodyLength === BODY_TUNNEL && core.peer.takesExtendedConnect;
    const isReused = this.#isConnected;
    const upstream = new Http2Upstream(this, stream, { request, sink, isReused, isTunnel });
    stream.handler = upstream;
    const { sender } = core;
    const { fields: all } = request.headers;
    const fields = request.bodyLength === BODY_TUNNEL ? all.filter(isNotKey) : all;
    sender.beginBlock(
      fields,
      request.target.length + request.authority.length + request.method.length + request.upgrade.length + 128,
    );
    sender.addField(repeatedField(':method', isTunnel ? 'CONNECT' : request.method));
    if (isTunnel) sender.addField(repeatedField(':protocol', request.upgrade));
    sender.addField(repeatedField(':scheme', request.scheme));
    sender.addField(repeatedField(':authority', request.authority));
    sender.addLiteral(':path', request.target);
    sender.addFields(fields);
    if (request.takesTrailers) sender.addField(takesTrailersField);
    if (request.expectsContinue) sender.addField(expectField);
    if (request.bodyLength > 0) sender.addLiteral('content-length', String(request.bodyLength));
    const hasBody = isTunnel || (request.bodyLength !== BODY_NONE && request.bodyLength !== BODY_TUNNEL);
    sender.endBlock(stream, hasBody ? 0 : FrameFlag.endStream);
    return upstream;
  }

  /** Idle: closes now; otherwise when its streams are done. */
  close(): void {
    this.core.startDrain();
  }

  // Receiver

  receive(buffer: Buffer, start: number, end: number): void {
    this.core.receive(buffer, start, end);
    const burst = this.#burst;
    if (burst.length === 0) return;
    this.#burst = [];
    for (let i = 0; i < burst.length; i++) burst[i]!.endBurst();
  }

  // UpstreamCarrier

  addToBurst(upstream: Http2Upstream): void {
    this.#burst.push(upstream);
  }

  errorOf(code: number, reason: string, hasHead: 0 | 1): UpstreamError['kind'] {
    if (!this.#isConnected) return this.#failure ?? 'Connect';
    if (code === ErrorCode.refusedStream && hasHead === 0) return 'RefusedStream';
    if (reason === 'StreamReset' || reason === 'StreamTimeout') return 'Reset';
    if (reason === 'PeerClosed' || reason === 'PingTimeout') return hasHead === 0 ? 'Closed' : 'Reset';
    return this.#failure ?? 'Protocol';
  }

  // ConnectionOwner

  /** A backend opens no streams. */
  onNewStream(): void {}

  onStreamEnd(): void {
    this.#owner.onRoom();
  }

  onPeerChange(): void {
    if (this.core.isOpen) this.#owner.onRoom();
    else this.#owner.onUnusable(this);
  }

  onEnd(): void {
    this.#wheel.release(this.#connectDeadline);
    this.#owner.onUnusable(this);
  }

  // DeadlineOwner

  onDeadline(): void {
    if (this.#isConnected) return;
    this.#failure = 'ConnectTimeout';
    this.failureMessage = 'no connection within the time';
    this.#socket.destroy();
  }

  /** Why it ended before it could be used. */
  get failure(): { readonly kind: UpstreamError['kind']; readonly message: string } {
    return { kind: this.errorOf(0, 'PeerClosed', 0), message: this.failureMessage };
  }

  #onConnect(isTls: boolean): void {
    this.#wheel.release(this.#connectDeadline);
    if (isTls && (this.#socket as tls.TLSSocket).alpnProtocol !== 'h2') {
      this.#failure = 'Tls';
      this.failureMessage = 'the backend does not speak HTTP/2 (ALPN)';
      this.#socket.destroy();
    } else this.#isConnected = true;
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.failureMessage = error.message;
    if (this.#isConnected || this.#failure !== null) return;
    this.#failure = error.syscall === 'connect' || error.code === 'ECONNRESET' ? 'Connect' : 'Tls';
  }
}

function isNotKey(field: Field): boolean {
  return field.name !== 'sec-websocket-key';
}
