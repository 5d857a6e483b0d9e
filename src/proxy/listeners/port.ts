/**
 * One listening socket and its connections. Lives as long as any listener wants its address and port; a change of
 * configuration only exchanges what it serves. Knows neither routing nor what codecs do.
 */
import net from 'node:net';
import type tls from 'node:tls';
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { Connection, type CodecFactory, type ConnectionHost } from './connection.ts';
import { listenProblem, type ListenFailure } from './listen-failure.ts';
import type { TlsTerminator } from './tls-terminator.ts';

/** Counts what happens to a port's connections. */
export interface PortObserver {
  onConnections(open: number): void;
  /** `reason` is a CamelCase word. */
  onRejected(reason: string): void;
}

export interface PortOptions {
  readonly address: string;
  readonly port: number;
  /** Several workers listen on the same port, and the kernel spreads connections over them. */
  readonly isShared: boolean;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  readonly observer: PortObserver;
}

/** What a port serves at one moment. */
export interface PortService {
  readonly listeners: readonly ListenerRuntime[];
  readonly transport:
    | { readonly type: 'clear' }
    /** Null: no certificate is usable, so every connection is closed. */
    | { readonly type: 'tls'; readonly createTerminator: (hooks: TerminatorHooks) => TlsTerminator | null };
}

export interface TerminatorHooks {
  onSecure(socket: tls.TLSSocket): void;
  onFailed(reason: string): void;
}

/** Long enough a queue for a burst of new connections while the event loop is busy. */
const BACKLOG = 4096;

export class Port implements ConnectionHost {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  readonly port: number;
  /** Replaced on each change of configuration. */
  listeners: readonly ListenerRuntime[] = [];
  readonly #options: PortOptions;
  readonly #observer: PortObserver;
  readonly #server: net.Server;
  readonly #connections = new Set<Connection>();
  /** Sockets under TLS, from before the handshake until they close. */
  readonly #tlsSockets = new Set<net.Socket>();
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

  /** The port that is listened on; differs from the option only where that was 0. */
  get boundPort(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Begins to accept; null when it does, otherwise why it cannot. */
  open(): Promise<ListenFailure | null> {
    const { address, port, isShared } = this.#options;
    const server = this.#server;
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

  /** What new connections, and new requests on those that are open, get from now on. */
  serve(service: PortService): void {
    this.listeners = service.listeners;
    const { transport } = service;
    this.#isTls = transport.type === 'tls';
    if (transport.type === 'tls') {
      this.#terminator = transport.createTerminator({
        onSecure: (socket) => this.#onSecure(socket),
        onFailed: (reason) => this.#observer.onRejected(reason),
      });
    } else this.#terminator = null;
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
    if (!connection.isTls) this.#clear--;
    this.#onCountChanged();
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
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#tlsSockets.delete(socket);
      this.#onCountChanged();
    });
    terminator.accept(socket);
    this.#onCountChanged();
  }

  #onSecure(socket: tls.TLSSocket): void {
    this.#add(Connection.acceptTls(this, socket));
  }

  #add(connection: Connection): void {
    this.#connections.add(connection);
    if (!connection.isTls) this.#clear++;
    if (this.#isDraining) connection.startDrain();
    this.#onCountChanged();
  }

  #count(): number {
    return this.#clear + this.#tlsSockets.size;
  }

  #onCountChanged(): void {
    const count = this.#count();
    this.#observer.onConnections(count);
    if (count === 0 && this.#onEmpty !== null) {
      this.#onEmpty();
      this.#onEmpty = null;
    }
  }
}
