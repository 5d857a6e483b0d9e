/** One request of a client on its stream: what the exchange sends goes to the stream, what the stream gets goes to the exchange. */
import type { FieldList, Field } from './fields.ts';
import { ErrorCode } from './frame.ts';
import type { HeaderBlock } from './hpack-decoder.ts';
import type { Http2Connection } from './http2-connection.ts';
import type { Http2Stream, StreamHandler } from './http2-stream.ts';
import { trailersOf } from './http2-trailers.ts';
import { BODY_NONE, BODY_TUNNEL, type Downstream, type RequestSink } from './streams.ts';

export class Http2Reply implements Downstream, StreamHandler {
  readonly #core: Http2Connection;
  readonly #stream: Http2Stream;
  #sink: RequestSink | null = null;
  #isOver = false;

  constructor(core: Http2Connection, stream: Http2Stream) {
    this.#core = core;
    this.#stream = stream;
  }

  /** The exchange is there; it may be over already. */
  start(sink: RequestSink): void {
    if (!this.#isOver) this.#sink = sink;
  }

  // Downstream

  sendInformational(status: number, headers: FieldList): void {
    if (this.#isOver || this.#stream.hasSentHead) return;
    const { sender } = this.#core;
    const { fields } = headers;
    sender.beginBlock(fields, 0);
    sender.addStatus(status);
    sender.addFields(fields);
    sender.endBlock(this.#stream, 0);
  }

  // oxlint-disable-next-line max-params -- the codecs' interface
  sendHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void {
    const stream = this.#stream;
    if (this.#isOver || stream.hasSentHead) return;
    stream.hasSentHead = true;
    const { sender } = this.#core;
    const isTunnel = bodyLength === BODY_TUNNEL;
    const fields = isTunnel ? headers.fields.filter(isNotAccept) : headers.fields;
    sender.beginBlock(fields, 0);
    // RFC 8441 §5: a tunnel begins with 200, not with 101. So a backend that ignores the upgrade and answers must not look like one.
    if (isTunnel) sender.addStatus(200);
    else sender.addStatus(stream.isTunnel && status < 300 ? 502 : status);
    sender.addFields(fields);
    // Without a body only what the backend said: END_STREAM says the rest, and gRPC's trailers-only answers stay as they are.
    const length = bodyLength === BODY_NONE ? contentLength : bodyLength;
    if (length >= 0 && status !== 204) sender.addLiteral('content-length', String(length));
    sender.endBlock(stream, 0);
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    if (this.#isOver || start === end) return true;
    return this.#core.sender.data(this.#stream, buffer, start, end);
  }

  sendEnd(trailers: FieldList | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink = null;
    this.#core.sender.end(this.#stream, trailers);
  }

  /** Everything leaves at the end of the loop's turn. */
  flush(): boolean {
    return true;
  }

  reset(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink = null;
    this.#core.resetStream(this.#stream, ErrorCode.internalError);
  }

  pauseRequest(): void {
    this.#core.pause(this.#stream);
  }

  resumeRequest(): void {
    this.#core.resume(this.#stream);
  }

  // StreamHandler

  onHead(): void {}

  onData(buffer: Buffer, start: number, end: number): void {
    this.#sink?.onRequestData(buffer, start, end);
  }

  onEnd(trailers: HeaderBlock | null): void {
    this.#sink?.onRequestEnd(trailersOf(trailers));
  }

  onReset(_code: number, reason: string): void {
    this.#isOver = true;
    const sink = this.#sink;
    this.#sink = null;
    sink?.onDownstreamClose(reason);
  }

  onDrain(): void {
    this.#sink?.onDownstreamDrain();
  }
}

/** The answer to a key that the client did not send. */
function isNotAccept(field: Field): boolean {
  return field.name !== 'sec-websocket-accept';
}
