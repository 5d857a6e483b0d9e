/** One request to a backend on its stream: what the exchange sends goes to the stream, what the stream gets goes to the sink. */
import type { FieldList } from './fields.ts';
import { ErrorCode } from './frame.ts';
import type { HeaderBlock } from './hpack-decoder.ts';
import type { Http2Connection } from './http2-connection.ts';
import { readResponseHead } from './http2-response.ts';
import type { Http2Stream, StreamHandler } from './http2-stream.ts';
import { trailersOf } from './http2-trailers.ts';
import { acceptOf } from './http2-websocket.ts';
import {
  BODY_NONE,
  BODY_TUNNEL,
  BODY_UNKNOWN,
  type ResponseSink,
  type Upstream,
  type UpstreamError,
  type UpstreamRequest,
} from './streams.ts';

/** The connection, as its requests see it. */
export interface UpstreamCarrier {
  readonly core: Http2Connection;
  /** Its sink is to be told when the current read is over. */
  addToBurst(upstream: Http2Upstream): void;
  /** How a stream that ended by itself is reported. */
  errorOf(code: number, reason: string, hasHead: 0 | 1): UpstreamError['kind'];
  /** What broke the connection; empty: nothing that is known. */
  readonly failureMessage: string;
}

export class Http2Upstream implements Upstream, StreamHandler {
  /** The connection stood when the request was sent. */
  readonly isReused: boolean;
  readonly #carrier: UpstreamCarrier;
  readonly #stream: Http2Stream;
  readonly #sink: ResponseSink;
  readonly #isHead: boolean;
  /** For a WebSocket: the key whose answer the client waits for; null: no tunnel was asked for. */
  readonly #webSocketKey: string | null;
  #informationals = 0;
  /** Nothing is sent and the sink hears nothing any more. */
  #isOver = false;
  #isInBurst = false;

  constructor(
    carrier: UpstreamCarrier,
    stream: Http2Stream,
    init: { request: UpstreamRequest; sink: ResponseSink; isReused: boolean; isTunnel: boolean },
  ) {
    const { request, isTunnel } = init;
    this.#carrier = carrier;
    this.#stream = stream;
    this.#sink = init.sink;
    this.isReused = init.isReused;
    this.#isHead = request.method === 'HEAD';
    this.#webSocketKey = isTunnel ? (request.headers.get('sec-websocket-key') ?? '') : null;
    stream.isTunnel = isTunnel;
  }

  // Upstream

  sendData(buffer: Buffer, start: number, end: number): boolean {
    if (this.#isOver || start === end) return true;
    return this.#carrier.core.sender.data(this.#stream, buffer, start, end);
  }

  sendEnd(trailers: FieldList | null): void {
    if (!this.#isOver) this.#carrier.core.sender.end(this.#stream, trailers);
  }

  /** Everything leaves at the end of the loop's turn. */
  flush(): boolean {
    return true;
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#carrier.core.resetStream(this.#stream, ErrorCode.cancel);
  }

  pauseResponse(): void {
    this.#carrier.core.pause(this.#stream);
  }

  resumeResponse(): void {
    if (!this.#isOver) this.#carrier.core.resume(this.#stream);
  }

  /** The read of the socket is over. */
  endBurst(): void {
    this.#isInBurst = false;
    if (!this.#isOver) this.#sink.onResponseBurstEnd();
  }

  // StreamHandler

  onHead(block: HeaderBlock, isEnd: boolean): void {
    const head = readResponseHead(block);
    if (head === null) return this.#refuse('the response head is malformed or too large');
    const { status, headers, contentLength } = head;
    const stream = this.#stream;
    if (status < 200) {
      this.#informationals++;
      const isTooMuch = this.#informationals > this.#carrier.core.limits.informationalResponses;
      // HTTP/2 has no 101 (RFC 9113 §8.6).
      if (status === 101 || isEnd || isTooMuch) this.#refuse('an informational response that may not be');
      else this.#sink.onInformational(status, headers);
      return;
    }
    stream.hasHead = true;
    if (this.#webSocketKey !== null && status < 300) return this.#beginTunnel(headers, this.#webSocketKey);
    const isBodyless = this.#isHead || status === 204 || status === 304;
    if (isBodyless) stream.contentLength = 0;
    else if (isEnd && contentLength > 0) return this.#refuse('the response is shorter than its content-length');
    else stream.contentLength = contentLength;
    const isEmpty = isBodyless || isEnd;
    this.#sink.onResponseHead(
      status,
      headers,
      isEmpty ? BODY_NONE : contentLength < 0 ? BODY_UNKNOWN : contentLength,
      contentLength,
    );
    this.#touch();
  }

  onData(buffer: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    this.#sink.onResponseData(buffer, start, end);
    this.#touch();
  }

  onEnd(trailers: HeaderBlock | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const stream = this.#stream;
    // Whoever has answered before the end of the request wants no more of it.
    if (!stream.isClosed) this.#carrier.core.resetStream(stream, ErrorCode.cancel);
    this.#sink.onResponseEnd(trailersOf(trailers));
  }

  onReset(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const kind = this.#carrier.errorOf(code, reason, this.#stream.hasHead ? 1 : 0);
    const message = this.#carrier.failureMessage || `${reason} (HTTP/2 error code ${code})`;
    const reset = reason === 'StreamReset' ? { resetCode: code } : {};
    this.#sink.onUpstreamError({ kind, message, isReused: this.isReused, ...reset });
  }

  onDrain(): void {
    if (!this.#isOver) this.#sink.onUpstreamDrain();
  }

  #beginTunnel(headers: FieldList, key: string): void {
    headers.set('sec-websocket-accept', acceptOf(key));
    this.#sink.onResponseHead(101, headers, BODY_TUNNEL, -1);
    this.#touch();
  }

  #refuse(message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#carrier.core.failStream(this.#stream, ErrorCode.protocolError, 'BadResponse');
    this.#sink.onUpstreamError({ kind: 'Protocol', message, isReused: this.isReused });
  }

  #touch(): void {
    if (this.#isInBurst || this.#isOver) return;
    this.#isInBurst = true;
    this.#carrier.addToBurst(this);
  }
}
