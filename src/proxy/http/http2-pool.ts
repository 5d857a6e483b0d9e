/**
 * The HTTP/2 connections to one endpoint: as few as the peer's limit of concurrent streams allows, up to a limit of ours; beyond
 * it requests wait. Knows no frames.
 */
import { type ClientOwner, Http2ClientConnection, type Http2ClientOptions } from './http2-client.ts';
import { connectionOptions, type PoolOptions } from './pool-options.ts';
import { BODY_TUNNEL, type Pool, type ResponseSink, type Upstream, type UpstreamRequest } from './streams.ts';
import { WaitingUpstream } from './http2-waiting.ts';

const protocols = ['h2'];

export class Http2Pool implements Pool, ClientOwner {
  readonly #options: Http2ClientOptions;
  /** Those that may take new requests; the first with room takes the next one. */
  readonly #connections: Http2ClientConnection[] = [];
  #waiting: WaitingUpstream[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = { ...connectionOptions(options, protocols), owner: this };
  }

  get pending(): number {
    let count = this.#waiting.length;
    for (const connection of this.#connections) if (!connection.isConnected) count += connection.core.active;
    return count;
  }

  open(request: UpstreamRequest, sink: ResponseSink): Upstream {
    // Nobody overtakes those who wait.
    const connection = this.#waiting.length === 0 ? this.#find(request) : null;
    const upstream = connection === null ? this.#wait(request, sink) : connection.start(request, sink);
    this.#closeWhenDone();
    return upstream;
  }

  close(): void {
    this.#isClosed = true;
    this.#closeWhenDone();
  }

  // ClientOwner

  onUnusable(connection: Http2ClientConnection): void {
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
    if (this.#waiting.length === 0) return;
    if (!connection.core.peer.isKnown) this.#failTunnels(connection);
    this.#schedule();
  }

  onRoom(): void {
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Null: it has to wait. */
  #find(request: UpstreamRequest): Http2ClientConnection | null {
    // Only the settings of a backend tell how a tunnel can be asked for.
    const needsSettings = request.bodyLength === BODY_TUNNEL;
    let mayCome = false;
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      if (!needsSettings || connection.core.peer.isKnown) return connection;
      mayCome = true;
    }
    if (mayCome || this.#connections.length >= this.#options.limits.http2ConnectionsPerEndpoint) return null;
    const connection = new Http2ClientConnection(this.#options);
    this.#connections.push(connection);
    return needsSettings ? null : connection;
  }

  #wait(request: UpstreamRequest, sink: ResponseSink): Upstream {
    const waiting = new WaitingUpstream(request, sink, (one) => {
      this.#waiting = this.#waiting.filter((other) => other !== one);
      this.#closeWhenDone();
    });
    this.#waiting.push(waiting);
    return waiting;
  }

  /** Not at once: a stream that ends is in the middle of telling its own exchange. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#serveWaiting();
    });
  }

  #serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const left: WaitingUpstream[] = [];
    for (const one of waiting) {
      const connection = this.#find(one.request);
      if (connection === null) left.push(one);
      else one.start((request, sink) => connection.start(request, sink));
    }
    this.#waiting = left.concat(this.#waiting);
    this.#closeWhenDone();
  }

  /** They have no stream on it that would tell them. */
  #failTunnels(connection: Http2ClientConnection): void {
    const isTunnel = ({ request }: WaitingUpstream) => request.bodyLength === BODY_TUNNEL;
    const failed = this.#waiting.filter(isTunnel);
    this.#waiting = this.#waiting.filter((one) => !isTunnel(one));
    const { kind, message } = connection.failure;
    for (const one of failed) one.fail(kind, message);
  }

  #closeWhenDone(): void {
    if (!this.#isClosed || this.#waiting.length > 0) return;
    for (const connection of this.#connections.splice(0)) connection.close();
  }
}
