/** Header blocks of a connection: which stream they open, answer or end, and which they must not (RFC 9113 §5.1, §6.2, §8.1). */
import type { Limits } from '../limits.ts';
import { ErrorCode, FrameFlag, type FrameHeader } from './frame.ts';
import { type HeaderBlock, HpackDecoder } from './hpack-decoder.ts';
import { type FloodGuard, Glitch } from './http2-flood-guard.ts';
import { HeaderBlockReader } from './http2-header-block.ts';
import type { Http2Sender } from './http2-sender.ts';
import type { StreamTable } from './http2-stream-table.ts';
import type { Http2Stream } from './http2-stream.ts';
import { areTrailers } from './http2-trailers.ts';

/** The connection, as its header blocks see it. */
export interface HeadersHost {
  readonly isServer: boolean;
  readonly limits: Limits;
  readonly table: StreamTable;
  readonly sender: Http2Sender;
  readonly guard: FloodGuard;
  readonly wheel: { readonly now: number };
  /** Streams that are not closed. */
  readonly active: number;
  /** Streams above this are not taken any more. */
  readonly lastTakenId: number;
  glitch(cost: number): void;
  fail(code: number, reason: string): void;
  failStream(stream: Http2Stream, code: number, reason: string): void;
  /** Servers: the stream is made, and so is its request. */
  openPeerStream(streamId: number, isEnd: boolean): Http2Stream;
  onNewStream(stream: Http2Stream, list: HeaderBlock): void;
  endRemote(stream: Http2Stream, trailers: HeaderBlock | null): void;
}

export class InboundHeaders {
  readonly #host: HeadersHost;
  readonly #decoder: HpackDecoder;
  readonly #block: HeaderBlockReader;

  constructor(host: HeadersHost) {
    this.#host = host;
    this.#decoder = new HpackDecoder(host.limits);
    this.#block = new HeaderBlockReader(host.limits);
  }

  /** More of a block must follow, and nothing else may. */
  get isOpen(): boolean {
    return this.#block.isOpen;
  }

  get streamId(): number {
    return this.#block.streamId;
  }

  /** A HEADERS or CONTINUATION frame. */
  add(header: FrameHeader, buffer: Buffer, start: number): void {
    const host = this.#host;
    const block = this.#block;
    const { streamId } = header;
    if (streamId === 0 || (host.isServer && (streamId & 1) === 0))
      return host.fail(ErrorCode.protocolError, 'BadStreamId');
    const code = block.add(header, buffer, start);
    if (code !== ErrorCode.noError) return host.fail(code, 'BadHeaderBlock');
    if (block.isEmptyFrame && !host.guard.allowsEmptyFrame(host.wheel.now)) {
      return host.fail(ErrorCode.enhanceYourCalm, 'EmptyFrameFlood');
    }
    if (block.isOpen) return;
    const list = this.#decoder.decode(block.buffer, block.start, block.end);
    block.release();
    if (list === null) return host.fail(ErrorCode.compressionError, 'BadCompression');
    const isEnd = (block.flags & FrameFlag.endStream) !== 0;
    const stream = host.table.streams.get(streamId) ?? this.#open(streamId, isEnd);
    if (stream === null) return;
    if (block.dependsOnItself) host.failStream(stream, ErrorCode.protocolError, 'SelfDependency');
    else if (stream.handler === null) host.onNewStream(stream, list);
    else this.#onKnown(stream, list, isEnd);
  }

  /** Null: the block does not open a stream; whatever follows from that was done. */
  #open(streamId: number, isEnd: boolean): Http2Stream | null {
    const host = this.#host;
    const { table } = host;
    if (!host.isServer || streamId <= table.lastPeerId) {
      if (table.wasReset(streamId)) return null;
      if (host.isServer) host.fail(ErrorCode.streamClosed, 'HeadersOnClosedStream');
      else if (table.isIdle(streamId)) host.fail(ErrorCode.protocolError, 'HeadersOnIdleStream');
      else host.glitch(Glitch.streamError);
      return null;
    }
    // Above what the last GOAWAY named: surely not processed, and the client knows.
    if (streamId > host.lastTakenId) return null;
    if (host.active < host.limits.http2Streams) return host.openPeerStream(streamId, isEnd);
    table.lastPeerId = streamId;
    table.rememberReset(streamId);
    host.sender.resetStream(streamId, ErrorCode.refusedStream);
    host.glitch(Glitch.streamError);
    return null;
  }

  #onKnown(stream: Http2Stream, list: HeaderBlock, isEnd: boolean): void {
    const host = this.#host;
    if (stream.isRemoteEnded) return host.failStream(stream, ErrorCode.streamClosed, 'HeadersAfterEnd');
    if (!stream.hasHead) {
      stream.handler!.onHead(list, isEnd);
      if (isEnd && !stream.isClosed) host.endRemote(stream, null);
      return;
    }
    if (!isEnd) return host.failStream(stream, ErrorCode.protocolError, 'TrailersWithoutEnd');
    if (!areTrailers(list)) return host.failStream(stream, ErrorCode.protocolError, 'BadTrailers');
    if (stream.contentLength >= 0 && stream.receivedBytes !== stream.contentLength) {
      return host.failStream(stream, ErrorCode.protocolError, 'ContentLengthMismatch');
    }
    host.endRemote(stream, list);
  }
}
