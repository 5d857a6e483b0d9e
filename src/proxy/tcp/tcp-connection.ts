/**
 * One connection that is carried as bytes: finds an endpoint that can be reached, then lets both directions flow, each with
 * its own end. Knows neither protocols nor how the endpoint was chosen; the port knows it by its client's socket.
 */
import type net from 'node:net';
import { waitingBytes } from '../http/direct-write.ts';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { BackendConfig, ProxyProtocolVersion } from '../../contract/gateway-config.ts';
import { connectSocket, type ConnectTarget, type Receiver } from '../http/socket-io.ts';
import type { Limits } from '../limits.ts';
import { proxyHeader } from '../listeners/proxy-protocol.ts';
import type { EndpointRuntime } from '../runtime.ts';
import { ByteFlow } from './byte-flow.ts';
import { resetSocket } from './reset-socket.ts';
import { targetOf } from './tcp-target.ts';
import type { FinishedTcp, TcpCounts, TcpEnd, TcpObserver } from './tcp-observer.ts';
import type { TcpPlan } from './tcp-plan.ts';

export interface TcpEnvironment {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly observer: TcpObserver;
  /** Counts the connections to a backend. */
  connectionsOf(backend: BackendConfig): { add(change: number): void };
  /** Uniform in [0, 1). */
  random(): number;
  /** Monotonic milliseconds. */
  now(): number;
}

/** The client's side, whatever was done with it before. */
export interface TcpClient {
  readonly address: string;
  readonly port: number;
  readonly serverName: string;
  readonly isTls: boolean;
  /** For the endpoint, and read already; null: none. */
  readonly bytes: Buffer | null;
  /** Reads the socket into the receiver, half-open. */
  attach(receiver: Receiver): net.Socket;
}

export interface TcpParts {
  readonly plan: TcpPlan;
  readonly client: TcpClient;
  /** Both sides are closed. Never called by the constructor. */
  onClosed(): void;
}

/** As for requests (docs/life-of-a-request.md). */
const MAX_TRIES = 5;

export class TcpConnection implements DeadlineOwner {
  readonly #environment: TcpEnvironment;
  readonly #plan: TcpPlan;
  readonly #peer: Pick<TcpClient, 'address' | 'port' | 'serverName'>;
  readonly #onFinished: () => void;
  readonly #client: net.Socket;
  readonly #counts: TcpCounts;
  readonly #request: ByteFlow;
  readonly #response: ByteFlow;
  readonly #deadline = new Deadline(this);
  readonly #startedAt: number;
  readonly #tried: EndpointRuntime[] = [];
  /** Of the newest try, until it is closed. */
  #upstream: net.Socket | null = null;
  #isConnected = false;
  #isClientOpen = true;
  /** What ended it; the first cause stays. */
  #reason: TcpEnd | null = null;
  #isEnding = false;
  /** What had moved when that was last looked at, and since when it is no more. */
  #progress = 0;
  #silentSince = 0;

  constructor({ plan, client, onClosed }: TcpParts, environment: TcpEnvironment) {
    this.#environment = environment;
    this.#plan = plan;
    this.#onFinished = onClosed;
    this.#peer = { address: client.address, port: client.port, serverName: client.serverName };
    this.#startedAt = environment.now();
    const counts = environment.observer.onStart(plan);
    this.#counts = counts;
    this.#request = new ByteFlow((bytes) => counts.onRequest(bytes));
    this.#response = new ByteFlow((bytes) => counts.onResponse(bytes));
    if (client.bytes !== null) this.#request.hold(client.bytes);
    this.#client = client.attach(this.#request);
    this.#request.from(this.#client);
    this.#response.to(this.#client);
    this.#watchClient();
    this.#connect(plan.endpoint);
  }

  /** Ends both sides now. */
  close(): void {
    this.#end('Shutdown', 'now');
  }

  onDeadline(): void {
    if (!this.#isConnected && !this.#isEnding) this.#failTry('ConnectTimeout');
    else if (this.#moved() !== this.#progress) this.#watchProgress();
    else this.#onSilence();
  }

  #watchClient(): void {
    const client = this.#client;
    client.on('error', () => this.#end('ClientReset', 'gently'));
    client.on('end', () => this.#request.end());
    client.on('drain', () => this.#response.resume());
    client.once('close', () => {
      this.#isClientOpen = false;
      this.#onClosed();
    });
  }

  #connect(endpoint: EndpointRuntime): void {
    const { limits, wheel, connectionsOf } = this.#environment;
    const { backend, listener } = this.#plan;
    this.#tried.push(endpoint);
    endpoint.begin();
    const target: ConnectTarget = {
      ...targetOf(backend.config, endpoint.endpoint, listener.config),
      ...this.#preface(backend.config.proxyProtocol),
      connections: connectionsOf(backend.config),
    };
    const upstream = connectSocket(target, this.#response);
    this.#upstream = upstream;
    wheel.arm(this.#deadline, backend.config.connectTimeoutMs ?? limits.connectTimeoutMs);
    let failure: TcpEnd = 'ConnectFailed';
    // From there on what fails is the handshake.
    if (target.tls) upstream.once('connect', () => (failure = 'BackendTlsFailed'));
    upstream.once(target.tls ? 'secureConnect' : 'connect', () => this.#onConnected(upstream));
    upstream.on('error', () => {
      if (this.#isConnected) this.#end('BackendReset', 'gently');
    });
    upstream.once('close', (hadError: boolean) => {
      if (upstream !== this.#upstream) return;
      if (!this.#isConnected && !this.#isEnding) return this.#failTry(failure);
      this.#upstream = null;
      const isFailure = hadError && this.#response.bytes === 0;
      endpoint.done(this.#isConnected ? !isFailure : undefined);
      this.#onClosed();
    });
  }

  #preface(version: ProxyProtocolVersion | undefined): { preface?: Buffer } {
    if (version === undefined) return {};
    const { localAddress = '', localPort = 0 } = this.#client;
    return {
      preface: proxyHeader(version, { client: this.#peer, server: { address: localAddress, port: localPort } }),
    };
  }

  #onConnected(upstream: net.Socket): void {
    this.#isConnected = true;
    this.#environment.wheel.disarm(this.#deadline);
    upstream.on('end', () => this.#response.end());
    upstream.on('drain', () => this.#request.resume());
    this.#response.from(upstream);
    this.#request.to(upstream);
    this.#watchProgress();
  }

  /** Nothing was sent yet, so another endpoint may have the connection. */
  #failTry(reason: TcpEnd): void {
    const failed = this.#tried.at(-1)!;
    const upstream = this.#upstream;
    this.#upstream = null;
    upstream?.destroy();
    failed.done(false);
    const { backend, affinity } = this.#plan;
    const next = this.#tried.length < MAX_TRIES ? backend.pick({ tried: this.#tried, affinity, sticky: '' }) : null;
    if (next !== null && !this.#tried.includes(next)) return this.#connect(next);
    this.#end(reason, 'now');
  }

  /** One side is closed: the other one may take what is left for it. */
  #onClosed(): void {
    if (!this.#isClientOpen && this.#upstream === null) this.#finish();
    else this.#watchProgress();
  }

  #watchProgress(): void {
    this.#progress = this.#moved();
    this.#silentSince = this.#environment.wheel.now;
    this.#armSilence(0);
  }

  /** Nothing came and nothing was taken since that was last looked at. */
  #onSilence(): void {
    const { idleMs, stallMs } = this.#silenceLimits();
    const silentMs = this.#environment.wheel.now - this.#silentSince;
    if (silentMs >= idleMs) this.#end('Idle', 'now');
    else if (silentMs >= stallMs && this.#waiting() > 0) this.#end('Stalled', 'now');
    else this.#armSilence(silentMs);
  }

  #armSilence(silentMs: number): void {
    const { idleMs, stallMs } = this.#silenceLimits();
    // Where nothing waits, whatever comes ends the silence: there is time until the next look.
    const untilStall = silentMs < stallMs ? stallMs - silentMs : stallMs;
    const timeoutMs = Math.min(idleMs - silentMs, untilStall);
    if (timeoutMs < Infinity) this.#environment.wheel.arm(this.#deadline, timeoutMs);
  }

  /** Silence is off by default, but what waits must be taken some day, and what is left when one side is closed, soon. */
  #silenceLimits(): { readonly idleMs: number; readonly stallMs: number } {
    const { tcpIdleTimeoutMs, tcpStallTimeoutMs, bodyIdleTimeoutMs } = this.#environment.limits;
    const isHalf = !this.#isClientOpen || this.#upstream === null || this.#isEnding;
    return isHalf
      ? { idleMs: bodyIdleTimeoutMs || Infinity, stallMs: Infinity }
      : { idleMs: tcpIdleTimeoutMs || Infinity, stallMs: tcpStallTimeoutMs || Infinity };
  }

  /** Grows with every byte that comes, and with every byte that is taken. */
  #moved(): number {
    return 2 * (this.#request.bytes + this.#response.bytes) - this.#waiting();
  }

  /** Bytes that one side has sent and the other has not taken. */
  #waiting(): number {
    return waitingBytes(this.#client) + (this.#upstream === null ? 0 : waitingBytes(this.#upstream));
  }

  /**
   * Ends both sides. `gently`: a side to which everything was sent that there will be gets it; the other one, like both when it
   * is `now`, sees a reset, so that nobody takes a part for the whole.
   */
  #end(reason: TcpEnd, how: 'gently' | 'now'): void {
    this.#reason ??= reason;
    if (this.#isEnding && how === 'gently') return;
    this.#isEnding = true;
    const isGentle = how === 'gently';
    if (this.#isClientOpen) cutSocket(this.#client, isGentle ? this.#response : null);
    if (this.#upstream !== null) cutSocket(this.#upstream, isGentle && this.#isConnected ? this.#request : null);
    this.#request.stop();
    this.#response.stop();
    this.#onClosed();
  }

  #finish(): void {
    this.#environment.wheel.release(this.#deadline);
    const { listener, rule, backend } = this.#plan;
    const connection: FinishedTcp = {
      listener,
      rule,
      backend,
      endpoint: this.#tried.at(-1)!.name,
      clientAddress: this.#peer.address,
      clientPort: this.#peer.port,
      serverName: this.#peer.serverName,
      startedAt: this.#startedAt,
      requestBytes: this.#request.bytes,
      responseBytes: this.#response.bytes,
    };
    this.#counts.onEnd(connection, this.#reason ?? 'Closed');
    this.#onFinished();
  }
}

/** Null: whatever it was given so far. */
function cutSocket(socket: net.Socket, flow: ByteFlow | null): void {
  if (flow?.isEnded) socket.destroySoon();
  else resetSocket(socket);
}
