/** DATA frames of a connection: windows, empty frames, content-length, and on to the stream's handler (RFC 9113 §6.1, §6.9). */
import { ErrorCode, FrameFlag, type FrameHeader } from './frame.ts';
import { type FloodGuard, Glitch } from './http2-flood-guard.ts';
import type { Inflow } from './http2-inflow.ts';
import type { Http2Sender } from './http2-sender.ts';
import type { StreamTable } from './http2-stream-table.ts';
import type { Http2Stream } from './http2-stream.ts';

/** The connection, as its DATA frames see it. */
export interface DataHost {
  readonly table: StreamTable;
  readonly sender: Http2Sender;
  readonly inflow: Inflow;
  readonly guard: FloodGuard;
  readonly wheel: { readonly now: number };
  glitch(cost: number): void;
  fail(code: number, reason: string): void;
  failStream(stream: Http2Stream, code: number, reason: string): void;
  endRemote(stream: Http2Stream, trailers: null): void;
}

export class InboundData {
  readonly #host: DataHost;
  /** Of the frame that is being received; null: it goes nowhere. */
  #stream: Http2Stream | null = null;
  #isEnd = false;

  constructor(host: DataHost) {
    this.#host = host;
  }

  /** Negative padding: there is more than the frame. */
  start(header: FrameHeader, padding: number): void {
    const host = this.#host;
    const { streamId, length } = header;
    this.#stream = null;
    if (padding < 0) return host.fail(ErrorCode.protocolError, 'BadPadding');
    if (!host.inflow.receive(length)) return host.fail(ErrorCode.flowControlError, 'WindowExceeded');
    this.#isEnd = (header.flags & FrameFlag.endStream) !== 0;
    if (length > padding || this.#isEnd) host.guard.onFullFrame();
    else if (!host.guard.allowsEmptyFrame(host.wheel.now))
      return host.fail(ErrorCode.enhanceYourCalm, 'EmptyFrameFlood');
    const stream = host.table.streams.get(streamId);
    if (stream === undefined) return this.#onUnknown(streamId);
    if (stream.isRemoteEnded) return host.failStream(stream, ErrorCode.streamClosed, 'DataAfterEnd');
    if (!stream.hasHead) return host.failStream(stream, ErrorCode.protocolError, 'DataBeforeHead');
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return host.failStream(stream, ErrorCode.flowControlError, 'WindowExceeded');
    const total = stream.receivedBytes + length - padding;
    const announced = stream.contentLength;
    if (announced >= 0 && (total > announced || (this.#isEnd && total < announced))) {
      return host.failStream(stream, ErrorCode.protocolError, 'ContentLengthMismatch');
    }
    if (padding > 0) host.inflow.consume(stream, padding);
    this.#stream = stream;
  }

  body(buffer: Buffer, start: number, end: number): void {
    const stream = this.#stream;
    if (stream === null || stream.isClosed) return;
    stream.receivedBytes += end - start;
    stream.handler!.onData(buffer, start, end);
    if (!this.#isEnd) this.#host.inflow.consume(stream, end - start);
  }

  end(): void {
    const stream = this.#stream;
    this.#stream = null;
    if (this.#isEnd && stream !== null && !stream.isClosed) this.#host.endRemote(stream, null);
  }

  #onUnknown(streamId: number): void {
    const host = this.#host;
    if (host.table.wasReset(streamId)) return;
    if (host.table.isIdle(streamId)) return host.fail(ErrorCode.protocolError, 'DataOnIdleStream');
    host.table.rememberReset(streamId);
    host.sender.resetStream(streamId, ErrorCode.streamClosed);
    host.glitch(Glitch.streamError);
  }
}
