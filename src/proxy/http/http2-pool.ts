/** The HTTP/2 connections to one endpoint: as few as the peer's limit of concurrent streams allows. */
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import { type ClientOwner, Http2ClientConnection, type Http2ClientOptions } from './http2-client.ts';
import type { ConnectTls } from './socket-io.ts';
import type { Pool, ResponseSink, Upstream, UpstreamRequest } from './streams.ts';

export interface Http2PoolOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: in the clear, with prior knowledge. */
  readonly tls?: Omit<ConnectTls, 'protocols'>;
  /** Milliseconds; absent: the limit's default. */
  readonly connectTimeoutMs?: number;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
}

const protocols = ['h2'];

export class Http2Pool implements Pool, ClientOwner {
  readonly #options: Http2ClientOptions;
  /** Those that may take new requests; the first with room takes the next one. */
  readonly #connections: Http2ClientConnection[] = [];
  #isClosed = false;

  constructor(options: Http2PoolOptions) {
    const { host, port, tls, limits, wheel } = options;
    const target = tls ? { host, port, tls: { ...tls, protocols } } : { host, port };
    const connectTimeoutMs = options.connectTimeoutMs ?? limits.connectTimeoutMs;
    this.#options = { target, connectTimeoutMs, limits, wheel, owner: this };
  }

  get pending(): number {
    let count = 0;
    for (const connection of this.#connections) if (!connection.isConnected) count += connection.core.active;
    return count;
  }

  open(request: UpstreamRequest, sink: ResponseSink): Upstream {
    const connection = this.#find();
    const upstream = connection.start(request, sink);
    if (this.#isClosed) connection.close();
    return upstream;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  onUnusable(connection: Http2ClientConnection): void {
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
  }

  #find(): Http2ClientConnection {
    for (const connection of this.#connections) if (connection.hasRoom) return connection;
    const connection = new Http2ClientConnection(this.#options);
    this.#connections.push(connection);
    return connection;
  }
}
