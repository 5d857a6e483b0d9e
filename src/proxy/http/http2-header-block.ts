/** Joins HEADERS and its CONTINUATION frames to one header block, within limits (CVE-2024-27983). Knows nothing of HPACK. */
import { ErrorCode, FrameFlag, type FrameHeader, FrameType, readUint31 } from './frame.ts';

export interface HeaderBlockLimits {
  readonly headBytes: number;
  readonly http2Continuations: number;
}

const PRIORITY_BYTES = 5;

export class HeaderBlockReader {
  /** The stream whose block is incomplete, or the last one. */
  streamId = 0;
  /** Of the HEADERS frame. */
  flags = 0;
  /** More of the block must follow. */
  isOpen = false;
  dependsOnItself = false;
  /** The frame just added carried nothing and ended nothing. */
  isEmptyFrame = false;
  /** The complete block. */
  buffer: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  #continuations = 0;
  readonly #limits: HeaderBlockLimits;
  #parts: Buffer[] | null = null;
  #bytes = 0;

  constructor(limits: HeaderBlockLimits) {
    this.#limits = limits;
  }

  /** Takes a HEADERS or CONTINUATION frame. Returns the code of a connection error, or 0. */
  add(header: FrameHeader, buffer: Buffer, start: number): number {
    return header.type === FrameType.headers ? this.#first(header, buffer, start) : this.#next(header, buffer, start);
  }

  /** Lets go of the block's buffer. */
  release(): void {
    this.buffer = empty;
  }

  #first(header: FrameHeader, buffer: Buffer, start: number): number {
    let from = start;
    let to = start + header.length;
    if ((header.flags & FrameFlag.padded) !== 0) {
      if (header.length < 1) return ErrorCode.frameSizeError;
      to -= buffer[from++]!;
    }
    this.dependsOnItself = false;
    if ((header.flags & FrameFlag.priority) !== 0) {
      if (to - from < PRIORITY_BYTES) return ErrorCode.protocolError;
      this.dependsOnItself = readUint31(buffer, from) === header.streamId;
      from += PRIORITY_BYTES;
    }
    if (to < from) return ErrorCode.protocolError;
    this.streamId = header.streamId;
    this.flags = header.flags;
    this.#continuations = 0;
    this.#bytes = to - from;
    this.isOpen = (header.flags & FrameFlag.endHeaders) === 0;
    this.isEmptyFrame = this.isOpen && to === from;
    if (!this.isOpen) {
      this.buffer = buffer;
      this.start = from;
      this.end = to;
      return ErrorCode.noError;
    }
    this.#parts = [Buffer.from(buffer.subarray(from, to))];
    return ErrorCode.noError;
  }

  #next(header: FrameHeader, buffer: Buffer, start: number): number {
    if (!this.isOpen) return ErrorCode.protocolError;
    this.#continuations++;
    this.#bytes += header.length;
    const isTooMuch = this.#continuations > this.#limits.http2Continuations || this.#bytes > this.#limits.headBytes;
    if (isTooMuch) return ErrorCode.enhanceYourCalm;
    this.isOpen = (header.flags & FrameFlag.endHeaders) === 0;
    this.isEmptyFrame = this.isOpen && header.length === 0;
    this.#parts!.push(Buffer.from(buffer.subarray(start, start + header.length)));
    if (this.isOpen) return ErrorCode.noError;
    this.buffer = Buffer.concat(this.#parts!);
    this.#parts = null;
    this.start = 0;
    this.end = this.buffer.length;
    return ErrorCode.noError;
  }
}

const empty = Buffer.alloc(0);
