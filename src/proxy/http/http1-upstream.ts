/**
 * One request on an upstream HTTP/1 connection, as the exchange drives it. One object a request, so that a late call of an
 * exchange that is over never reaches the next request of a kept-alive connection. Knows the connection only as its carrier.
 */
import type { FieldList } from './fields.ts';
import type { Http1Output } from './http1-output.ts';
import { requestText } from './http1-request.ts';
import {
  BODY_NONE,
  BODY_TUNNEL,
  BODY_UNKNOWN,
  type ResponseSink,
  type Upstream,
  type UpstreamRequest,
} from './streams.ts';

/** The connection, as its request sees it. */
export interface UpstreamCarrier {
  /** More was written than the backend takes at once. */
  onBlocked(): void;
  readonly output: Http1Output;
  /** It stands: what is sent now cannot fail for want of a connection. */
  readonly isConnected: boolean;
  abort(): void;
  endWriting(): void;
  pauseReading(): void;
  resumeReading(): void;
}

export class Http1Upstream implements Upstream {
  readonly sink: ResponseSink;
  readonly isHead: boolean;
  /** A 101 is an answer to what was asked. */
  readonly isUpgrade: boolean;
  readonly isReused: boolean;
  /** The whole request was handed to the socket: the connection may serve another one. */
  isSent: boolean;
  #carrier: UpstreamCarrier | null;
  readonly #bodyLength: number;
  #remaining: number;

  constructor(carrier: UpstreamCarrier, request: UpstreamRequest, sink: ResponseSink) {
    this.sink = sink;
    this.#carrier = carrier;
    this.isReused = carrier.isConnected;
    this.isHead = request.method === 'HEAD';
    this.isUpgrade = request.bodyLength === BODY_TUNNEL;
    this.#bodyLength = request.bodyLength;
    this.#remaining = request.bodyLength > 0 ? request.bodyLength : 0;
    this.isSent = request.bodyLength === BODY_NONE || this.isUpgrade;
    carrier.output.add(requestText(request));
    // Otherwise the head waits for the body that came with it, or for `flush`.
    if (this.isSent || request.expectsContinue) carrier.output.flushLater();
  }

  /** Whatever is called from now on is ignored. */
  detach(): void {
    this.#carrier = null;
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    const carrier = this.#carrier;
    if (carrier === null || start === end) return true;
    const { output } = carrier;
    if (this.#bodyLength === BODY_UNKNOWN) {
      output.add(`${(end - start).toString(16)}\r\n`);
      const isReady = output.data(buffer, start, end);
      output.add('\r\n');
      if (!isReady) carrier.onBlocked();
      return isReady;
    }
    if (this.#bodyLength === BODY_NONE) return true;
    if (this.#bodyLength > 0 && (this.#remaining -= end - start) < 0) {
      // More than was announced would be read as another request.
      this.abort();
      return true;
    }
    const isReady = output.data(buffer, start, end);
    if (!isReady) carrier.onBlocked();
    return isReady;
  }

  sendEnd(trailers: FieldList | null): void {
    const carrier = this.#carrier;
    if (carrier === null) return;
    if (this.#remaining > 0) return this.abort();
    if (this.#bodyLength === BODY_UNKNOWN) {
      carrier.output.add(trailers === null ? '0\r\n\r\n' : `0\r\n${trailers.text}\r\n`);
    }
    if (this.#bodyLength === BODY_TUNNEL) carrier.endWriting();
    else carrier.output.flushLater();
    this.isSent = true;
  }

  flush(): boolean {
    const carrier = this.#carrier;
    if (carrier === null || carrier.output.isEmpty) return true;
    const isTaken = carrier.output.flush();
    if (!isTaken) carrier.onBlocked();
    return isTaken;
  }

  abort(): void {
    const carrier = this.#carrier;
    this.#carrier = null;
    carrier?.abort();
  }

  pauseResponse(): void {
    this.#carrier?.pauseReading();
  }

  resumeResponse(): void {
    this.#carrier?.resumeReading();
  }
}
