/**
 * One listening socket and its connections. Lives as long as any listener wants its address and port; a change of
 * configuration only exchanges what it serves. Knows neither routing nor what codecs do.
 */
import net from 'node:net';
import type tls from 'node:tls';
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { isHeldByOthers } from '../../lib/port-owner.ts';
import type { Limits } from '../limits.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { Connection, type CodecFactory, type ConnectionHost } from './connection.ts';
import { listenProblem, type ListenFailure } from './listen-failure.ts';
import type { TlsTerminator } from './tls-terminator.ts';

/** Where a connection counts that is not counted with its port. */
export interface ConnectionCount {
  add(change: number): void;
}

/** Counts what happens to a port's connections. */
export interface PortObserver {
  /** The port serves these from now on. */
  onListeners?(listeners: readonly ListenerRuntime[]): void;
  /** A connection told its server name. Null: it goes on counting with the port. */
  onSecure?(serverName: string): ConnectionCount | null;
  /** What `onSecure` began; the port's own count is told on its own. */
  onSecureClosed?(count: ConnectionCount): void;
  /** So many more connections are open; negative: fewer. */
  onConnections(change: number): void;
  /** `reason` is a CamelCase word. */
  onRejected(reason: string): void;
}

export interface PortOptions {
  readonly address: string;
  readonly port: number;
  /** Several workers listen on the same port, and the kernel spreads connections over them. */
  readonly isShared: boolean;
  /** So may other processes: replicas of this one. */
  readonly othersMayShare?: boolean;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  readonly observer: PortObserver;
}

export interface TerminatorHooks {
  onSecure(socket: tls.TLSSocket): void;
  onFailed(reason: string): void;
}

/** Long enough a queue for a burst of new connections while the event loop is busy. */
const BACKLOG = 4096;

const inUse: NodeJS.ErrnoException = Object.assign(new Error('in use'), { code: 'EADDRINUSE' });

export class Port implements ConnectionHost {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  readonly port: number;
  #listeners: readonly ListenerRuntime[] = [];
  readonly #options: PortOptions;
  readonly #observer: PortObserver;
  readonly #server: net.Server;
  readonly #connections = new Set<Connection>();
  /** Sockets under TLS, from before the handshake until they close. */
  readonly #tlsSockets = new Set<net.Socket>();
  /** Connections that count with the listener they chose. */
  readonly #secure = new Map<Connection, ConnectionCount>();
  #terminator: TlsTerminator | null = null;
  /** Open connections without TLS. */
  #clear = 0;
  #isTls = false;
  #isDraining = false;
  #onEmpty: (() => void) | null = null;

  constructor(options: PortOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.wheel = options.wheel;
    this.createCodec = options.createCodec;
    this.#observer = options.observer;
    this.port = options.port;
    this.#server = net.createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  get listeners(): readonly ListenerRuntime[] {
    return this.#listeners;
  }

  /** Replaced on each change of configuration. */
  set listeners(listeners: readonly ListenerRuntime[]) {
    this.#listeners = listeners;
    this.#observer.onListeners?.(listeners);
  }

  /** The port that is listened on; differs from the option only where that was 0. */
  get boundPort(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Begins to accept; null when it does, otherwise why it cannot. */
  open(): Promise<ListenFailure | null> {
    const { address, port, isShared, othersMayShare = false } = this.#options;
    const server = this.#server;
    // Our own workers share the port; with SO_REUSEPORT another process would do so unnoticed, and take part of the traffic.
    if (isShared && !othersMayShare && isHeldByOthers(address, port))
      return Promise.resolve(listenProblem(inUse, address, port));
    return new Promise((resolve) => {
      const onError = (error: NodeJS.ErrnoException) => resolve(listenProblem(error, address, port));
      server.once('error', onError);
      // IPv4 has a socket of its own, hence ipv6Only.
      server.listen({ host: address, port, ipv6Only: true, reusePort: isShared, backlog: BACKLOG }, () => {
        server.off('error', onError);
        // From now on: accept failed, mostly for want of file descriptors. The next one may work.
        server.on('error', () => this.#observer.onRejected('AcceptFailed'));
        resolve(null);
      });
    });
  }

  /** New connections are in the clear. */
  serveClear(): void {
    this.#isTls = false;
    this.#terminator = null;
  }

  /** New connections speak TLS. Where no certificate is usable (null), each is closed. */
  serveTls(create: (hooks: TerminatorHooks) => TlsTerminator | null): void {
    this.#isTls = true;
    this.#terminator = create({
      onSecure: (socket) => this.#onSecure(socket),
      onFailed: (reason) => this.#observer.onRejected(reason),
    });
  }

  /** Accepts nothing more, and lets open connections finish. Resolves when none is left. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#server.close();
    for (const connection of this.#connections) connection.startDrain();
    if (this.#count() === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /** Closes everything now. */
  close(): void {
    this.#server.close();
    for (const socket of this.#tlsSockets) socket.destroy();
    for (const connection of this.#connections) connection.close();
  }

  onConnectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (connection.isTls) {
      const count = this.#secure.get(connection);
      if (count === undefined) return;
      this.#secure.delete(connection);
      this.#observer.onSecureClosed?.(count);
      return;
    }
    this.#clear--;
    this.#onCountChanged(-1);
  }

  #accept(socket: net.Socket): void {
    if (this.#count() >= this.limits.connectionsPerListener) {
      socket.destroy();
      this.#observer.onRejected('TooManyConnections');
    } else if (!this.#isTls) this.#add(Connection.acceptClear(this, socket));
    else this.#shakeHands(socket);
  }

  #shakeHands(socket: net.Socket): void {
    const terminator = this.#terminator;
    if (terminator === null) {
      socket.destroy();
      this.#observer.onRejected('NoCertificate');
      return;
    }
    this.#tlsSockets.add(socket);
    // Its errors are the business of the TLS socket on top.
    socket.once('close', () => {
      this.#tlsSockets.delete(socket);
      this.#onCountChanged(-1);
    });
    terminator.accept(socket);
    this.#onCountChanged(1);
  }

  #onSecure(socket: tls.TLSSocket): void {
    const connection = Connection.acceptTls(this, socket);
    const count = this.#observer.onSecure?.(connection.serverName) ?? null;
    if (count !== null) this.#secure.set(connection, count);
    this.#add(connection);
  }

  #add(connection: Connection): void {
    this.#connections.add(connection);
    if (this.#isDraining) connection.startDrain();
    if (connection.isTls) return;
    this.#clear++;
    this.#onCountChanged(1);
  }

  #count(): number {
    return this.#clear + this.#tlsSockets.size;
  }

  #onCountChanged(change: number): void {
    this.#observer.onConnections(change);
    if (this.#count() === 0 && this.#onEmpty !== null) {
      this.#onEmpty();
      this.#onEmpty = null;
    }
  }
}
