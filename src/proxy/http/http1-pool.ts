/** The HTTP/1 connections to one endpoint. The one used last is used next, so that a burst's extra connections can grow idle and close. */
import { type ClientOwner, Http1ClientConnection, type Http1ClientOptions } from './http1-client.ts';
import { connectionOptions, type PoolOptions } from './pool-options.ts';
import type { Pool, ResponseSink, Upstream, UpstreamRequest } from './streams.ts';

const protocols = ['http/1.1'];

export class Http1Pool implements Pool, ClientOwner {
  readonly #options: Http1ClientOptions;
  /** Each connection that does not stand yet has the request waiting that it was opened for. */
  pending = 0;
  readonly #idle: Http1ClientConnection[] = [];
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = { ...connectionOptions(options, protocols), owner: this };
  }

  open(request: UpstreamRequest, sink: ResponseSink): Upstream {
    // A backend that closes one idle connection may be about to close all of them.
    const idle = request.hasUsedFreeRetry === true ? undefined : this.#idle.pop();
    const connection = idle ?? this.#connect();
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
