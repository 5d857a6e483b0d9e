/** What the tests of the HTTP/2 codec share: servers of it on loopback, sinks that record, and a client that speaks in bytes. */
import { setTimeout as delay } from 'node:timers/promises';
import net from 'node:net';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { FieldList } from './fields.ts';
import { clientPreface, FrameType } from './frame.ts';
import { Http2ServerConnection } from './http2-server.ts';
import { adoptSocket } from './socket-io.ts';
import {
  BODY_NONE,
  type ConnectionInfo,
  type Downstream,
  type RequestHead,
  type RequestSink,
  type ResponseSink,
  type ServerHooks,
  type UpstreamError,
} from './streams.ts';

const LIMIT_MS = 60_000;

/** Waits until it is so, looking at it every millisecond. */
export async function until(isSo: () => boolean, what: string, limitMs = LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(1);
  }
}

/** One request as a server got it; answers only when told to. */
export class Received implements RequestSink {
  readonly head: RequestHead;
  readonly downstream: Downstream;
  body = '';
  isEnded: boolean;
  trailers: FieldList | null = null;
  drains = 0;
  closed: string | null = null;

  constructor(head: RequestHead, downstream: Downstream) {
    this.head = head;
    this.downstream = downstream;
    this.isEnded = head.bodyLength === BODY_NONE;
  }

  onRequestData(buffer: Buffer, start: number, end: number): void {
    this.body += buffer.toString('latin1', start, end);
  }

  onRequestEnd(trailers: FieldList | null): void {
    this.isEnded = true;
    this.trailers = trailers;
  }

  onDownstreamDrain(): void {
    this.drains++;
  }

  onDownstreamClose(reason: string): void {
    this.closed = reason;
  }

  answer(status: number, text: string): void {
    const body = Buffer.from(text);
    this.downstream.sendHead(status, new FieldList(), body.length, body.length);
    this.downstream.sendData(body, 0, body.length);
    this.downstream.sendEnd(null);
  }
}

/** A server of the codec alone on a port of loopback. */
export class TestServer {
  readonly requests: Received[] = [];
  readonly rejections: string[] = [];
  readonly connections: Http2ServerConnection[] = [];
  readonly wheel: DeadlineWheel;
  port = 0;
  onRequest: (request: Received) => void = () => {};
  readonly #server: net.Server;
  readonly #hooks: ServerHooks;
  readonly #limits: Limits;
  readonly #sockets = new Set<net.Socket>();

  constructor(limits: Partial<Limits> = {}) {
    this.wheel = new DeadlineWheel(20);
    this.wheel.start();
    this.#limits = { ...defaultLimits, ...limits };
    this.#hooks = {
      onRequest: (head, downstream) => {
        const request = new Received(head, downstream);
        this.requests.push(request);
        this.onRequest(request);
        return request;
      },
      onRejected: (_connection, status, reason) => this.rejections.push(`${status} ${reason}`),
    };
    this.#server = net.createServer({ pauseOnConnect: true }, (accepted) => {
      const socket = adoptSocket(accepted, { receive: (buffer, start, end) => codec.receive(buffer, start, end) });
      const codec = this.#createCodec(socket);
      this.connections.push(codec);
      this.#sockets.add(socket);
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as net.AddressInfo).port;
    return this;
  }

  /** A connection whose bytes the test brings itself; what it writes goes nowhere. */
  detached(): Http2ServerConnection {
    const nowhere = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      // As a peer that closes when we do.
      final(done) {
        this.push(null);
        done();
      },
    });
    nowhere.resume();
    return this.#createCodec(nowhere as net.Socket);
  }

  #createCodec(socket: net.Socket): Http2ServerConnection {
    const options = { socket, connection: info, hooks: this.#hooks, limits: this.#limits, wheel: this.wheel };
    return new Http2ServerConnection(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wheel.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const info: ConnectionInfo = {
  remoteAddress: '127.0.0.1',
  remotePort: 1,
  localAddress: '127.0.0.1',
  localPort: 1,
  isTls: false,
  serverName: '',
  port: null,
};

/** A response as a sink gets it. */
export class Response implements ResponseSink {
  informationals: number[] = [];
  status = 0;
  headers = new FieldList();
  bodyLength = 0;
  bytes = 0;
  body = '';
  isEnded = false;
  bursts = 0;
  drains = 0;
  trailers: FieldList | null = null;
  error: UpstreamError | null = null;

  get isOver(): boolean {
    return this.isEnded || this.error !== null;
  }

  onInformational(status: number): void {
    this.informationals.push(status);
  }

  onResponseHead(status: number, headers: FieldList, bodyLength: number): void {
    this.status = status;
    this.headers = headers;
    this.bodyLength = bodyLength;
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    if (this.bytes < 10_000) this.body += buffer.toString('latin1', start, end);
  }

  onResponseEnd(trailers: FieldList | null): void {
    this.isEnded = true;
    this.trailers = trailers;
  }

  onResponseBurstEnd(): void {
    this.bursts++;
  }

  onUpstreamDrain(): void {
    this.drains++;
  }

  onUpstreamError(error: UpstreamError): void {
    this.error = error;
  }
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body: Buffer = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, body]);
}

function hpackText(value: string): string {
  return `${String.fromCharCode(value.length)}${value}`;
}

/** A header block of literals that are not indexed. */
export function block(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.from(fields.map(([name, value]) => `\0${hpackText(name)}${hpackText(value)}`).join(''), 'latin1');
}

export const get = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a.example'],
  [':path', '/'],
] as const;

/** A client that sends and gets frames as they are. */
export class RawClient {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  isClosed = false;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('close', () => (this.isClosed = true));
    this.socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  /** Connected, with preface and empty settings sent. */
  static async connect(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawClient> {
    const client = new RawClient(port);
    await once(client.socket, 'connect');
    client.send(clientPreface, frame(FrameType.settings, 0, 0, settings));
    return client;
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  find(type: number, streamId: number): Frame | undefined {
    return this.frames.find((one) => one.type === type && one.streamId === streamId);
  }

  /** The code of a GOAWAY that is an error, or of a RST_STREAM. */
  async error(type: number, streamId: number): Promise<number> {
    const isIt = (one: Frame) => one.type === type && one.streamId === streamId;
    await until(() => this.frames.some(isIt), `frame ${type} on stream ${streamId}`);
    const payload = this.frames.findLast(isIt)!.payload;
    return payload.readUInt32BE(payload.length === 4 ? 0 : 4);
  }

  close(): void {
    this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      if (bytes.length < 9 + length) break;
      const payload = bytes.subarray(9, 9 + length);
      this.frames.push({ type: bytes[3]!, flags: bytes[4]!, streamId: bytes.readUInt32BE(5), payload });
      bytes = bytes.subarray(9 + length);
    }
    this.#rest = bytes;
  }
}
