/** A request that waits for a connection: keeps what the exchange says until there is a stream to say it to. Knows no connection. */
import type { FieldList } from './fields.ts';
import type { ResponseSink, Upstream, UpstreamError, UpstreamRequest } from './streams.ts';

export class WaitingUpstream implements Upstream {
  readonly request: UpstreamRequest;
  readonly #sink: ResponseSink;
  readonly #onAbort: (waiting: WaitingUpstream) => void;
  /** Null: it still waits. */
  #upstream: Upstream | null = null;
  #pieces: Buffer[] = [];
  #isEnded = false;
  #isPaused = false;
  #trailers: FieldList | null = null;

  constructor(request: UpstreamRequest, sink: ResponseSink, onAbort: (waiting: WaitingUpstream) => void) {
    this.request = request;
    this.#sink = sink;
    this.#onAbort = onAbort;
  }

  get isReused(): boolean | undefined {
    return this.#upstream?.isReused;
  }

  /** `open` sends the head on a connection that has room. */
  start(open: (request: UpstreamRequest, sink: ResponseSink) => Upstream): void {
    const upstream = open(this.request, this.#sink);
    this.#upstream = upstream;
    if (this.#isPaused) upstream.pauseResponse();
    const pieces = this.#pieces;
    this.#pieces = [];
    let takesMore = true;
    for (const piece of pieces) takesMore = upstream.sendData(piece, 0, piece.length);
    if (this.#isEnded) upstream.sendEnd(this.#trailers);
    else if (pieces.length > 0 && takesMore) this.#sink.onUpstreamDrain();
  }

  fail(kind: UpstreamError['kind'], message: string): void {
    this.#sink.onUpstreamError({ kind, message, isReused: false });
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    if (this.#upstream !== null) return this.#upstream.sendData(buffer, start, end);
    this.#pieces.push(Buffer.from(buffer.subarray(start, end)));
    return false;
  }

  sendEnd(trailers: FieldList | null): void {
    if (this.#upstream !== null) this.#upstream.sendEnd(trailers);
    else {
      this.#isEnded = true;
      this.#trailers = trailers;
    }
  }

  flush(): boolean {
    return true;
  }

  abort(): void {
    if (this.#upstream !== null) this.#upstream.abort();
    else this.#onAbort(this);
  }

  pauseResponse(): void {
    this.#isPaused = true;
    this.#upstream?.pauseResponse();
  }

  resumeResponse(): void {
    this.#isPaused = false;
    this.#upstream?.resumeResponse();
  }
}
