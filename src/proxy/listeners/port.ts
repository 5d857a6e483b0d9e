/**
 * One listening socket and its connections. Lives as long as any listener wants its address and port; a change of
 * configuration only exchanges what it serves. Knows neither routing nor what codecs do.
 */
import net from 'node:net';
import type tls from 'node:tls';
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { isHeldByOthers } from '../../lib/port-owner.ts';
import { KEEP_ALIVE_MS } from '../http/socket-io.ts';
import type { Limits } from '../limits.ts';
import { calm, type MemoryState } from '../memory-guard.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { type TcpClient, TcpConnection, type TcpEnvironment } from '../tcp/tcp-connection.ts';
import type { TcpPlan } from '../tcp/tcp-plan.ts';
import { Connection, type CodecFactory, type ConnectionHost } from './connection.ts';
import { takesKeptDescriptor } from './kept-descriptors.ts';
import { listenProblem, type ListenFailure } from './listen-failure.ts';
import { ProxiedClients } from './proxied-clients.ts';
import type { SocketName } from './proxy-protocol.ts';

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
  /** Default: there is always enough. */
  readonly memory?: MemoryState;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  /** For connections that are carried as bytes. */
  readonly tcp: TcpEnvironment;
  readonly observer: PortObserver;
}

/** What a port does with each socket that it has accepted with `pauseOnConnect`. */
export type PortService = (socket: net.Socket) => void;

/** What a connection was that is closed before it had a backend. */
export interface Refusal extends Pick<TcpClient, 'address' | 'port' | 'serverName'> {
  /** Null: it did not get so far. */
  readonly listener: ListenerRuntime | null;
  /** A CamelCase word. */
  readonly reason: string;
}

interface OpenConnection {
  startDrain?(): void;
  close(): void;
}

/** Long enough a queue for a burst of new connections while the event loop is busy. */
const BACKLOG = 4096;

const inUse: NodeJS.ErrnoException = Object.assign(new Error('in use'), { code: 'EADDRINUSE' });

export class Port implements ConnectionHost {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  readonly createCodec: CodecFactory;
  readonly tcp: TcpEnvironment;
  readonly port: number;
  #listeners: readonly ListenerRuntime[] = [];
  readonly #options: PortOptions;
  readonly #observer: PortObserver;
  readonly #memory: MemoryState;
  readonly #server: net.Server;
  readonly #proxied: ProxiedClients;
  readonly #connections = new Set<OpenConnection>();
  /** All sockets but those of HTTP in the clear: below TLS, and of what is carried as bytes. */
  readonly #sockets = new Set<net.Socket>();
  /** Connections that count with the listener they chose. */
  readonly #secure = new Map<OpenConnection, ConnectionCount>();
  /** Open connections of HTTP in the clear. */
  #clear = 0;
  #service: PortService = (socket) => socket.destroy();
  #isDraining = false;
  #onEmpty: (() => void) | null = null;

  constructor(options: PortOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.wheel = options.wheel;
    this.createCodec = options.createCodec;
    this.tcp = options.tcp;
    this.#observer = options.observer;
    this.#memory = options.memory ?? calm;
    this.port = options.port;
    this.#proxied = new ProxiedClients({
      wheel: options.wheel,
      timeoutMs: options.limits.headTimeoutMs,
      onRefused: (reason, peer) => {
        this.refuse({ ...peer, serverName: '', listener: null, reason });
        this.#onCountChanged(0);
      },
    });
    this.#server = net.createServer({
      pauseOnConnect: true,
      noDelay: true,
      allowHalfOpen: true,
      // Streams and tunnels may be silent for as long as they like: only this finds a client whose machine is gone.
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  get listeners(): readonly ListenerRuntime[] {
    return this.#listeners;
  }

  /** Replaced on each change of configuration. */
  set listeners(listeners: readonly ListenerRuntime[]) {
    this.#listeners = listeners;
    this.#proxied.listeners = listeners;
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

  /** What happens to new connections. */
  serve(service: PortService): void {
    this.#service = service;
  }

  /** Accepts nothing more, and lets open connections finish. Resolves when none is left. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#server.close();
    for (const connection of this.#connections) connection.startDrain?.();
    if (this.#count() === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /** Keeps no connection longer than what it does now. */
  shed(): void {
    for (const connection of this.#connections) connection.startDrain?.();
  }

  /** Closes everything now. */
  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#proxied.close();
  }

  #accept(socket: net.Socket): void {
    if (this.#count() >= this.limits.connectionsPerListener) {
      socket.destroy();
      this.#observer.onRejected('TooManyConnections');
    } else if (this.#memory.isRefusing) {
      socket.destroy();
      this.#observer.onRejected('MemoryFull');
    } else if (takesKeptDescriptor(socket)) {
      socket.destroy();
      this.#observer.onRejected('NoFileDescriptors');
    } else if (this.#proxied.isAsked) this.#proxied.read(socket, (read) => this.#serveProxied(read));
    else this.#service(socket);
  }

  #serveProxied(socket: net.Socket): void {
    const name = this.#proxied.find(socket);
    const watched = this.#sockets.size;
    this.#service(socket);
    // Where the socket is not watched, whoever wants the name has asked.
    if (name !== null && this.#sockets.size === watched) this.#proxied.forget(name);
  }

  /** Who is at the other end of an accepted socket, or of the TLS socket on top of it. */
  nameOf(socket: net.Socket): SocketName {
    return this.#proxied.nameOf(socket);
  }

  /** Counts a socket from now on until it closes. */
  watch(socket: net.Socket): net.Socket {
    this.#sockets.add(socket);
    const proxied = this.#proxied.find(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (proxied !== null) this.#proxied.forget(proxied);
      this.#onCountChanged(-1);
    });
    this.#onCountChanged(1);
    return socket;
  }

  acceptClear(socket: net.Socket): void {
    this.#clear++;
    this.#add(Connection.acceptClear(this, socket));
    this.#onCountChanged(1);
  }

  /** The handshake is done; the socket below is watched already. */
  acceptSecure(socket: tls.TLSSocket): void {
    const connection = Connection.acceptTls(this, socket);
    this.#countSecure(connection, connection.serverName);
    this.#add(connection);
  }

  /** Carries a connection as bytes. Its socket is watched, or will be once it is attached. */
  acceptBytes(plan: TcpPlan, client: TcpClient): void {
    const connection: TcpConnection = new TcpConnection(
      { plan, client, onClosed: () => this.#onBytesClosed(connection) },
      this.tcp,
    );
    if (client.isTls) this.#countSecure(connection, client.serverName);
    this.#connections.add(connection);
  }

  /** Counts and logs a connection that its owner closes. */
  refuse({ address, port, serverName, listener, reason }: Refusal): void {
    this.#observer.onRejected(reason);
    const client = { clientAddress: address, clientPort: port, serverName };
    this.tcp.observer.onRefused({ ...client, listeners: this.#listeners, listener, port: this.port, reason });
  }

  reject(reason: string): void {
    this.#observer.onRejected(reason);
  }

  onConnectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (connection.isTls) return this.#uncountSecure(connection);
    this.#clear--;
    this.#onCountChanged(-1);
  }

  #onBytesClosed(connection: TcpConnection): void {
    this.#connections.delete(connection);
    this.#uncountSecure(connection);
  }

  #countSecure(connection: OpenConnection, serverName: string): void {
    const count = this.#observer.onSecure?.(serverName) ?? null;
    if (count !== null) this.#secure.set(connection, count);
  }

  #uncountSecure(connection: OpenConnection): void {
    const count = this.#secure.get(connection);
    if (count === undefined) return;
    this.#secure.delete(connection);
    this.#observer.onSecureClosed?.(count);
  }

  #add(connection: Connection): void {
    this.#connections.add(connection);
    if (this.#isDraining || this.#memory.isShedding) connection.startDrain();
  }

  #count(): number {
    return this.#clear + this.#sockets.size + this.#proxied.pending;
  }

  #onCountChanged(change: number): void {
    this.#observer.onConnections(change);
    if (this.#count() === 0 && this.#onEmpty !== null) {
      this.#onEmpty();
      this.#onEmpty = null;
    }
  }
}
