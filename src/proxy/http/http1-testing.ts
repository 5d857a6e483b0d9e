/**
 * For the wire tests of the HTTP/1 codec: a proxy of both of its sides between byte-exact clients and a recording backend.
 * It forwards everything to one backend; routing, filters and retries are no part of it.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import net from 'node:net';
import tls from 'node:tls';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { FieldList } from './fields.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http1ServerConnection } from './http1-server.ts';
import { adoptSocket, readSocket, type Receiver } from './socket-io.ts';
import type {
  ConnectionInfo,
  Downstream,
  RequestHead,
  RequestSink,
  ResponseSink,
  ServerHooks,
  Upstream,
  UpstreamError,
} from './streams.ts';

const WAIT_MS = 60_000;

/** Resolves with what `check` returns once that is truthy; looked at after every turn of the loop. */
export async function until<T>(what: string, check: () => T): Promise<NonNullable<T>> {
  const deadline = performance.now() + WAIT_MS;
  for (let turn = 0; ; turn++) {
    const value = check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    // Mostly it comes within a few turns; who waits for time need not burn it.
    if (turn < 50) await new Promise((resolve) => setImmediate(resolve));
    else await delay(1);
  }
}

export async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** Everything a backend connection received, and what it may answer. */
export interface BackendConnection {
  readonly socket: net.Socket;
  received: string;
  isClosed: boolean;
}

/** Calls `onData` after each read; answers are written to `connection.socket`. */
export class RecordingBackend {
  readonly connections: BackendConnection[] = [];
  port = 0;
  readonly #server: net.Server;

  constructor(onData: (connection: BackendConnection) => void) {
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      const connection: BackendConnection = { socket, received: '', isClosed: false };
      this.connections.push(connection);
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.on('close', () => (connection.isClosed = true));
      socket.on('data', (chunk: Buffer) => {
        connection.received += chunk.toString('latin1');
        onData(connection);
      });
    });
  }

  /** Of all connections, in order of arrival. */
  get received(): string {
    return this.connections.map((connection) => connection.received).join('');
  }

  async start(): Promise<void> {
    this.port = await listen(this.#server);
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.connections) socket.destroy();
  }
}

/** Answers each complete request (no body, or one that ends as announced) with 200 and a body of its path. */
export function answerEcho(connection: BackendConnection): void {
  let rest = connection.received;
  let answers = '';
  for (;;) {
    const head = rest.indexOf('\r\n\r\n');
    if (head < 0) break;
    const length = /content-length: (\d+)/i.exec(rest.slice(0, head));
    const isChunked = /transfer-encoding: chunked/i.test(rest.slice(0, head));
    const end = isChunked ? rest.indexOf('0\r\n', head) : head + 4 + Number(length?.[1] ?? 0);
    if (end < 0 || end > rest.length) break;
    const path = rest.split(' ')[1] ?? '';
    answers += `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`;
    rest = isChunked ? rest.slice(rest.indexOf('\r\n\r\n', end) + 4) : rest.slice(end);
  }
  const answered = connections.get(connection) ?? 0;
  if (answers.length > answered) connection.socket.write(answers.slice(answered), 'latin1');
  connections.set(connection, answers.length);
}

const connections = new WeakMap<BackendConnection, number>();

class Relay implements RequestSink, ResponseSink {
  upstream: Upstream | null = null;
  readonly #downstream: Downstream;
  readonly #log: string[];

  constructor(downstream: Downstream, log: string[]) {
    this.#downstream = downstream;
    this.#log = log;
  }
  onRequestData(buffer: Buffer, start: number, end: number): void {
    if (!this.upstream!.sendData(buffer, start, end)) this.#downstream.pauseRequest();
    this.upstream!.flush();
  }
  onRequestEnd(trailers: FieldList | null): void {
    this.upstream!.sendEnd(trailers);
  }
  onDownstreamDrain(): void {
    this.upstream?.resumeResponse();
  }
  onDownstreamClose(reason: string): void {
    this.#log.push(`downstream ${reason}`);
    this.upstream?.abort();
  }
  onInformational(status: number, headers: FieldList): void {
    this.#downstream.sendInformational(status, headers);
  }
  onResponseHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void {
    this.#downstream.sendHead(status, headers, bodyLength, contentLength);
  }
  onResponseData(buffer: Buffer, start: number, end: number): void {
    if (!this.#downstream.sendData(buffer, start, end)) this.upstream!.pauseResponse();
  }
  onResponseEnd(trailers: FieldList | null): void {
    this.#downstream.sendEnd(trailers);
  }
  onResponseBurstEnd(): void {
    this.#downstream.flush();
  }
  onUpstreamDrain(): void {
    this.#downstream.resumeRequest();
  }
  onUpstreamError(error: UpstreamError): void {
    this.#log.push(`upstream ${error.kind}${error.isReused ? ' reused' : ''}`);
    if (error.kind === 'Reset') this.#downstream.reset();
    else {
      this.#downstream.sendHead(502, new FieldList(), 0, 0);
      this.#downstream.sendEnd(null);
    }
  }
}

export interface TestProxyOptions {
  readonly backendPort: number;
  readonly limits?: Partial<Limits>;
  readonly wheel?: DeadlineWheel;
  /** What is read reaches the codec in pieces of this many bytes. */
  readonly pieceBytes?: number;
  /** Answers each request at once, instead of the backend. */
  readonly answer?: (reply: Downstream) => void;
  /** Of the server. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export class TestProxy {
  /** What exchanges and refusals told, in order. */
  readonly log: string[] = [];
  readonly heads: RequestHead[] = [];
  readonly connections: Http1ServerConnection[] = [];
  readonly pool: Http1Pool;
  port = 0;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #answer: TestProxyOptions['answer'];

  constructor(options: TestProxyOptions) {
    this.#answer = options.answer;
    const limits = { ...defaultLimits, ...options.limits };
    const wheel = options.wheel ?? new DeadlineWheel();
    this.pool = new Http1Pool({ host: '127.0.0.1', port: options.backendPort, limits, wheel });
    const accept = (accepted: net.Socket): void => {
      const receiver: Receiver = { receive: (...bytes) => feed(connection, bytes, options.pieceBytes ?? Infinity) };
      const socket = options.tls ? accepted : adoptSocket(accepted, receiver);
      if (options.tls) readSocket(socket, receiver);
      this.#sockets.add(socket);
      const connection = new Http1ServerConnection({ socket, connection: info, hooks: this.#hooks(), limits, wheel });
      this.connections.push(connection);
    };
    this.#server = options.tls
      ? tls.createServer({ ...options.tls, allowHalfOpen: true }, accept)
      : net.createServer({ pauseOnConnect: true }, accept);
  }

  async start(): Promise<void> {
    this.port = await listen(this.#server);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.pool.close();
  }

  #hooks(): ServerHooks {
    return {
      onRequest: (head, downstream) => {
        this.heads.push(head);
        const relay = new Relay(downstream, this.log);
        if (this.#answer !== undefined) {
          this.#answer(downstream);
          return relay;
        }
        relay.upstream = this.pool.open(head, relay);
        relay.upstream.flush();
        return relay;
      },
      onRejected: (_connection, status, reason) => this.log.push(`rejected ${status} ${reason}`),
    };
  }
}

function feed(connection: Http1ServerConnection, [buffer, start, end]: [Buffer, number, number], step: number): void {
  for (let at = start; at < end; at += step) connection.receive(buffer, at, Math.min(end, at + step));
}

const info: ConnectionInfo = {
  remoteAddress: '127.0.0.1',
  remotePort: 1,
  localAddress: '127.0.0.1',
  localPort: 80,
  isTls: false,
  serverName: '',
  port: null,
};

/** A client that writes bytes and keeps what comes back. */
export class RawClient {
  received = '';
  isEnded = false;
  isClosed = false;
  error = '';
  readonly socket: net.Socket;

  constructor(port: number, protocol: 'http' | 'https' = 'http') {
    const to = { port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true };
    this.socket = protocol === 'http' ? net.connect(to) : tls.connect({ ...to, rejectUnauthorized: false });
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    this.socket.on('end', () => (this.isEnded = true));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? 'error'));
    this.socket.on('close', () => (this.isClosed = true));
  }

  /** Latin1 text, as it is. */
  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** The server said that nothing follows, cleanly or not. */
  async ended(): Promise<string> {
    await until('the end of the connection', () => this.isEnded || this.isClosed);
    this.socket.destroy();
    return this.received;
  }

  async receives(text: string): Promise<string> {
    await until(JSON.stringify(text), () => this.received.includes(text));
    return this.received;
  }
}
