/** One HTTP/2 connection of a client: makes an exchange of each stream. Knows nothing of routing and of how the socket came to be. */
import type { Socket } from 'node:net';
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { codeOfStatus, isGrpcType } from '../grpc.ts';
import type { Limits } from '../limits.ts';
import { FieldList } from './fields.ts';
import { ErrorCode, FrameFlag } from './frame.ts';
import type { Rejection } from './head-framing.ts';
import type { HeaderBlock } from './hpack-decoder.ts';
import { type ConnectionOwner, Http2Connection } from './http2-connection.ts';
import { Http2Reply } from './http2-reply.ts';
import { Http2RequestHead, readRequestHead } from './http2-request.ts';
import type { Http2Stream } from './http2-stream.ts';
import { BODY_NONE, BODY_TUNNEL, type ConnectionInfo, type ServerHooks } from './streams.ts';

export interface Http2ServerOptions {
  readonly socket: Socket;
  readonly connection: ConnectionInfo;
  readonly hooks: ServerHooks;
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
}

export class Http2ServerConnection implements ConnectionOwner {
  readonly #core: Http2Connection;
  readonly #connection: ConnectionInfo;
  readonly #hooks: ServerHooks;
  readonly #scheme: 'http' | 'https';
  #requestsLeft: number;

  constructor(options: Http2ServerOptions) {
    const { socket, connection, limits, wheel } = options;
    this.#connection = connection;
    this.#hooks = options.hooks;
    this.#scheme = connection.isTls ? 'https' : 'http';
    this.#requestsLeft = limits.http2RequestsPerConnection;
    const idleTimeoutMs = limits.idleTimeoutMs;
    this.#core = new Http2Connection({ role: 'server', socket, limits, wheel, owner: this, idleTimeoutMs });
  }

  /** Bytes of the client, in order. They are used or copied before it returns. */
  receive(buffer: Buffer, start: number, end: number): void {
    this.#core.receive(buffer, start, end);
  }

  /** GOAWAY; the streams in flight end, then the connection. */
  startDrain(): void {
    this.#core.startDrain();
  }

  /** GOAWAY and close; exchanges in flight are told. */
  close(): void {
    this.#core.close('Shutdown');
  }

  onNewStream(stream: Http2Stream, block: HeaderBlock): void {
    if (--this.#requestsLeft === 0) this.#core.startDrain();
    const head = readRequestHead(block, { scheme: this.#scheme, isEnd: stream.isRemoteEnded });
    if (head === null) {
      this.#core.failStream(stream, ErrorCode.protocolError, 'Malformed');
      this.#hooks.onRejected(this.#connection, 0, 'Malformed');
    } else if (!(head instanceof Http2RequestHead)) this.#reject(stream, head, block);
    else this.#begin(stream, head);
  }

  onStreamEnd(): void {}

  onPeerChange(): void {}

  onEnd(reason: string): void {
    if (!quietEnds.has(reason)) this.#hooks.onRejected(this.#connection, 0, reason);
  }

  #begin(stream: Http2Stream, head: Http2RequestHead): void {
    stream.contentLength = head.contentLength;
    stream.isTunnel = head.bodyLength === BODY_TUNNEL;
    const reply = new Http2Reply(this.#core, stream);
    stream.handler = reply;
    if (head.target === '*') {
      // About the server as a whole, and that is us (RFC 9110 §9.3.7).
      reply.sendHead(204, new FieldList(), BODY_NONE, -1);
      reply.sendEnd(null);
      return;
    }
    reply.start(this.#hooks.onRequest(head, reply, this.#connection));
  }

  /** Answers by itself; what still comes of the request is not wanted. */
  #reject(stream: Http2Stream, { status, reason }: Rejection, block: HeaderBlock): void {
    const { sender } = this.#core;
    sender.beginBlock([], 0);
    if (isGrpc(block)) {
      sender.addStatus(200);
      sender.addLiteral('content-type', 'application/grpc');
      sender.addLiteral('grpc-status', String(codeOfStatus(status)));
      sender.addLiteral('grpc-message', reason);
    } else {
      sender.addStatus(status);
      sender.addLiteral('content-length', '0');
    }
    sender.endBlock(stream, FrameFlag.endStream);
    this.#hooks.onRejected(this.#connection, status, reason);
    this.#core.glitch(1);
  }
}

function isGrpc({ entries, lateContentType }: HeaderBlock): boolean {
  return (
    isGrpcType(lateContentType) || entries.some(({ field }) => field.name === 'content-type' && isGrpcType(field.value))
  );
}

/** Ends that nobody needs to hear of. */
const quietEnds = new Set(['Drained', 'IdleTimeout', 'PeerClosed', 'Shutdown']);
