/** What the tests of HTTP/2 towards backends share: a backend of another implementation, pools, requests, a backend that speaks in bytes. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits } from '../limits.ts';
import { Field, FieldList } from './fields.ts';
import { Http2Pool } from './http2-pool.ts';
import type { PoolOptions } from './pool-options.ts';
import { clientPreface } from './frame.ts';
import type { Frame } from './http2-testing.ts';
import { BODY_NONE, type UpstreamRequest } from './streams.ts';

/** Another implementation (nghttp2) as the backend. */
export class Backend {
  readonly server: http2.Http2Server | http2.Http2SecureServer;
  readonly sessions = new Set<http2.ServerHttp2Session>();
  port = 0;

  constructor(options: http2.ServerOptions | http2.SecureServerOptions = {}) {
    this.server = 'key' in options ? http2.createSecureServer(options) : http2.createServer(options);
    this.server.on('session', (session: http2.ServerHttp2Session) => {
      this.sessions.add(session);
      session.on('error', () => {});
    });
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as net.AddressInfo).port;
    return this;
  }

  [Symbol.dispose](): void {
    for (const session of this.sessions) session.destroy();
    this.server.close();
  }
}

export function poolTo(port: number, options: Partial<PoolOptions> = {}) {
  const wheel = new DeadlineWheel(20);
  wheel.start();
  const pool = new Http2Pool({ host: '127.0.0.1', port, limits: defaultLimits, wheel, ...options });
  return {
    pool,
    [Symbol.dispose]() {
      pool.close();
      wheel.close();
    },
  };
}

export function request(options: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    target: '/',
    authority: 'a.example',
    scheme: 'http',
    headers: new FieldList([new Field('x-test', 'yes')]),
    bodyLength: BODY_NONE,
    upgrade: '',
    expectsContinue: false,
    takesTrailers: true,
    ...options,
  };
}

/** One connection to a ScriptedBackend: what came, frame by frame. */
export class ScriptedConnection {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #skipped = 0;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  has(type: number, streamId: number): boolean {
    return this.frames.some((one) => one.type === type && one.streamId === streamId);
  }

  #onData(chunk: Buffer): void {
    const skip = Math.min(clientPreface.length - this.#skipped, chunk.length);
    this.#skipped += skip;
    let bytes = Buffer.concat([this.#rest, chunk.subarray(skip)]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3);
      const streamId = bytes.readUInt32BE(5);
      this.frames.push({ type: bytes[3]!, flags: bytes[4]!, streamId, payload: bytes.subarray(9, end) });
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}

/** A backend that says only what the test makes it say. */
export class ScriptedBackend {
  readonly connections: ScriptedConnection[] = [];
  port = 0;
  readonly #server: net.Server;

  constructor() {
    this.#server = net.createServer((socket) => this.connections.push(new ScriptedConnection(socket)));
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as net.AddressInfo).port;
    return this;
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
  }
}
