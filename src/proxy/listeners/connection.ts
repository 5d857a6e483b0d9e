/**
 * One accepted connection: finds its protocol (first bytes or ALPN), then hands its bytes to that codec.
 * Knows nothing of requests; the codec does the rest, the port counts it.
 */
import type net from 'node:net';
import type tls from 'node:tls';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { looksLikeHttp2 } from '../http/preface.ts';
import { adoptSocket, type Receiver } from '../http/socket-io.ts';
import type { ConnectionInfo } from '../http/streams.ts';
import type { Limits } from '../limits.ts';
import type { PortRuntime } from '../runtime.ts';
import type { SocketName } from './proxy-protocol.ts';
import { readTlsSocket } from './tls-read.ts';

type Protocol = 'http1' | 'http2';

const FIRST_REQUEST_WHILE_DRAINING_MS = 1000;

/** What both server codecs are to the owner of their socket. */
export interface ServerCodec {
  /** Bytes of the socket; valid only until it returns. */
  receive(buffer: Buffer, start: number, end: number): void;
  /** Close after what is in flight or on its way. */
  startDrain(): void;
  /** Close now. */
  close(): void;
}

export interface CodecInit {
  readonly protocol: Protocol;
  readonly socket: net.Socket;
  readonly connection: ConnectionInfo;
}

/** Makes the codec of a connection; the codec listens to the socket's `end`, `error` and `close` itself. */
export type CodecFactory = (init: CodecInit) => ServerCodec;

/** What a connection needs of its port. */
export interface ConnectionHost extends PortRuntime {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  /** Who is at the other end. */
  nameOf(socket: net.Socket): SocketName;
  onConnectionClosed(connection: Connection): void;
}

export class Connection implements ConnectionInfo, DeadlineOwner, Receiver {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly port: PortRuntime;
  readonly isTls: boolean;
  readonly serverName: string;
  /** Kept here for client identity, which is the same for all requests of a connection. */
  identity: unknown = undefined;
  readonly #host: ConnectionHost;
  readonly #socket: net.Socket;
  readonly #deadline = new Deadline(this);
  /** What ALPN chose; null where the first bytes decide. */
  #alpn: Protocol | null = null;
  #codec: ServerCodec | null = null;
  /** First bytes that do not decide the protocol yet. */
  #pending: Buffer | null = null;
  #isDraining = false;
  #localAddress: string | undefined;
  #localPort: number | undefined;

  private constructor(host: ConnectionHost, accepted: net.Socket, serverName: string | null) {
    this.#host = host;
    this.port = host;
    this.isTls = serverName !== null;
    this.serverName = serverName ?? '';
    const { address, port } = host.nameOf(accepted);
    this.remoteAddress = address;
    this.remotePort = port;
    this.#socket = this.isTls ? accepted : adoptSocket(accepted, this);
    this.#watch();
    host.wheel.arm(this.#deadline, host.limits.idleTimeoutMs);
  }

  /** Takes over a socket that was accepted with `pauseOnConnect`. */
  static acceptClear(host: ConnectionHost, accepted: net.Socket): Connection {
    return new Connection(host, accepted, null);
  }

  /** Takes over a TLS connection whose handshake is done. Without ALPN it speaks HTTP/1.1 (RFC 9113 §3.2). */
  static acceptTls(host: ConnectionHost, socket: tls.TLSSocket): Connection {
    const connection = new Connection(host, socket, socket.servername || '');
    connection.#alpn = socket.alpnProtocol === 'h2' ? 'http2' : 'http1';
    readTlsSocket(socket, connection);
    return connection;
  }

  get localAddress(): string {
    return (this.#localAddress ??= this.#socket.localAddress ?? '');
  }

  get localPort(): number {
    return (this.#localPort ??= this.#socket.localPort ?? 0);
  }

  /** One that was opened but has not asked yet may ask once: its client could not know. */
  startDrain(): void {
    this.#isDraining = true;
    if (this.#codec !== null) this.#codec.startDrain();
    else this.#host.wheel.arm(this.#deadline, FIRST_REQUEST_WHILE_DRAINING_MS);
  }

  close(): void {
    if (this.#codec === null) this.#socket.destroy();
    else this.#codec.close();
  }

  /** Nothing was asked within the time, so nothing is answered. */
  onDeadline(): void {
    if (this.#codec === null) this.#socket.destroy();
  }

  /** From the socket. */
  receive(buffer: Buffer, start: number, end: number): void {
    if (this.#codec !== null) this.#codec.receive(buffer, start, end);
    else this.#receiveFirst(buffer.subarray(start, end));
  }

  #receiveFirst(received: Buffer): void {
    const bytes = this.#pending === null ? received : Buffer.concat([this.#pending, received]);
    const protocol = this.#alpn ?? protocolOf(bytes);
    if (protocol === null) {
      if (this.#pending === null) this.#host.wheel.arm(this.#deadline, this.#host.limits.headTimeoutMs);
      this.#pending = Buffer.from(bytes);
      return;
    }
    this.#pending = null;
    this.#host.wheel.release(this.#deadline);
    const codec = this.#host.createCodec({ protocol, socket: this.#socket, connection: this });
    this.#codec = codec;
    // First, so that the first answer already says it.
    if (this.#isDraining) codec.startDrain();
    codec.receive(bytes, 0, bytes.length);
  }

  #watch(): void {
    const socket = this.#socket;
    // The codec's own listeners come on top; without one an error would end the worker.
    socket.on('error', ignore);
    socket.on('end', () => {
      if (this.#codec === null) socket.destroy();
    });
    socket.once('close', () => {
      this.#host.wheel.release(this.#deadline);
      this.#host.onConnectionClosed(this);
    });
  }
}

function ignore(): void {}

function protocolOf(bytes: Buffer): Protocol | null {
  const verdict = looksLikeHttp2(bytes);
  if (verdict === 'needMore') return null;
  return verdict === 'yes' ? 'http2' : 'http1';
}
