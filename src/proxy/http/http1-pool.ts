/** The HTTP/1 connections to one endpoint. The one used last is used next, so that a burst's extra connections can grow idle and close. */
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { type ClientOwner, Http1ClientConnection, type Http1ClientOptions } from './http1-client.ts';
import type { ConnectTarget, ConnectTls } from './socket-io.ts';
import type { Pool, ResponseSink, Upstream, UpstreamRequest } from './streams.ts';

export interface Http1PoolOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: in the clear. */
  readonly tls?: Omit<ConnectTls, 'protocols'>;
  /** Milliseconds; absent: the limit's default. */
  readonly connectTimeoutMs?: number;
  readonly connections?: ConnectTarget['connections'];
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
}

const protocols = ['http/1.1'];

export class Http1Pool implements Pool, ClientOwner {
  readonly #options: Http1ClientOptions;
  /** Each connection that does not stand yet has the request waiting that it was opened for. */
  pending = 0;
  readonly #idle: Http1ClientConnection[] = [];
  #isClosed = false;

  constructor(options: Http1PoolOptions) {
    const { host, port, tls, limits, wheel } = options;
    const { connections } = options;
    const target = { host, port, ...(tls && { tls: { ...tls, protocols } }), ...(connections && { connections }) };
    const connectTimeoutMs = options.connectTimeoutMs ?? limits.connectTimeoutMs;
    this.#options = { target, connectTimeoutMs, limits, wheel, owner: this };
  }

  open(request: UpstreamRequest, sink: ResponseSink): Upstream {
    const connection = this.#idle.pop() ?? this.#connect();
    return connection.start(request, sink);
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  onIdle(connection: Http1ClientConnection): void {
    if (this.#isClosed || this.#idle.length >= this.#options.limits.upstreamIdleConnections) connection.close();
    else this.#idle.push(connection);
  }

  onConnected(): void {
    this.pending--;
  }

  onGone(connection: Http1ClientConnection): void {
    if (!connection.isConnected) this.pending--;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }
  #connect(): Http1ClientConnection {
    this.pending++;
    return new Http1ClientConnection(this.#options);
  }
}
