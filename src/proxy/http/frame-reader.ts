/**
 * Cuts what a peer sends into frames. DATA passes through in pieces without a copy; every other frame is delivered whole.
 * Holds at most one frame. Knows nothing of what frames mean.
 */
import { FRAME_HEADER_BYTES, FrameFlag, type FrameHeader, FrameType, MAX_FRAME_BYTES, readUint31 } from './frame.ts';

/** What frames are delivered to. Buffers are valid until it returns. */
export interface FrameReceiver {
  /** The header object is reused. */
  onFrame(header: FrameHeader, buffer: Buffer, start: number): void;
  /** A DATA frame begins; `padding` bytes of it (its length octet counted) are not body. Negative: more than there are. */
  onDataStart(header: FrameHeader, padding: number): void;
  onData(buffer: Buffer, start: number, end: number): void;
  /** After the padding. */
  onDataEnd(): void;
  /** Nothing more will be delivered. */
  onFrameTooLarge(header: FrameHeader): void;
  /** The connection preface is not as it must be. Nothing more will be delivered. */
  onBadPreface(): void;
}

const LENGTH_OF_PAD_LENGTH = 1;

export class FrameReader {
  readonly #receiver: FrameReceiver;
  readonly #header: FrameHeader = { type: 0, flags: 0, streamId: 0, length: 0 };
  #preface: Buffer | null;
  #prefaceSeen = 0;
  /** The beginning of a frame, in a buffer of the size it needs. */
  #partial: Buffer | null = null;
  #have = 0;
  #isInData = false;
  #bodyLeft = 0;
  #paddingLeft = 0;
  #isStopped = false;

  /** `preface`: what must come first, or null. */
  constructor(receiver: FrameReceiver, preface: Buffer | null) {
    this.#receiver = receiver;
    this.#preface = preface;
  }

  /** In the middle of something that is not a body. */
  get isPartial(): boolean {
    return this.#partial !== null || this.#prefaceSeen > 0;
  }

  stop(): void {
    this.#isStopped = true;
    this.#partial = null;
  }

  read(buffer: Buffer, start: number, end: number): void {
    if (this.#preface !== null) start = this.#readPreface(buffer, start, end);
    while (!this.#isStopped) {
      if (this.#isInData) {
        start = this.#readData(buffer, start, end);
        if (this.#isInData) return;
      } else if (start === end) return;
      else if (this.#partial !== null) start = this.#fillPartial(buffer, start, end);
      else start = this.#readFrame(buffer, start, end);
    }
  }

  #readPreface(buffer: Buffer, start: number, end: number): number {
    const preface = this.#preface!;
    while (start < end && this.#prefaceSeen < preface.length) {
      if (buffer[start] !== preface[this.#prefaceSeen]) {
        this.stop();
        this.#receiver.onBadPreface();
        return end;
      }
      start++;
      this.#prefaceSeen++;
    }
    if (this.#prefaceSeen === preface.length) {
      this.#preface = null;
      this.#prefaceSeen = 0;
    }
    return start;
  }

  #readFrame(buffer: Buffer, start: number, end: number): number {
    const available = end - start;
    const needed = available < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : neededFor(buffer, start);
    if (available >= needed) {
      this.#deliver(buffer, start, needed);
      return start + needed;
    }
    this.#partial = Buffer.allocUnsafe(needed);
    buffer.copy(this.#partial, 0, start, end);
    this.#have = available;
    return end;
  }

  #fillPartial(buffer: Buffer, start: number, end: number): number {
    const partial = this.#partial!;
    const taken = Math.min(partial.length - this.#have, end - start);
    buffer.copy(partial, this.#have, start, start + taken);
    this.#have += taken;
    if (this.#have < partial.length) return end;
    const needed = neededFor(partial, 0);
    if (needed > this.#have) {
      this.#partial = Buffer.allocUnsafe(needed);
      partial.copy(this.#partial, 0, 0, this.#have);
    } else {
      this.#partial = null;
      this.#deliver(partial, 0, needed);
    }
    return start + taken;
  }

  #deliver(buffer: Buffer, start: number, taken: number): void {
    const header = this.#header;
    header.length = lengthAt(buffer, start);
    header.type = buffer[start + 3]!;
    header.flags = buffer[start + 4]!;
    header.streamId = readUint31(buffer, start + 5);
    if (header.length > MAX_FRAME_BYTES) {
      this.stop();
      this.#receiver.onFrameTooLarge(header);
    } else if (header.type === FrameType.data) {
      const isPadded = taken > FRAME_HEADER_BYTES;
      const padding = isPadded ? buffer[start + FRAME_HEADER_BYTES]! + LENGTH_OF_PAD_LENGTH : 0;
      // A padded frame without room for the pad length is as wrong as one with too much padding.
      const isWrong = padding > header.length || (!isPadded && (header.flags & FrameFlag.padded) !== 0);
      this.#isInData = true;
      this.#bodyLeft = header.length - padding;
      this.#paddingLeft = isPadded ? padding - LENGTH_OF_PAD_LENGTH : 0;
      if (isWrong) this.stop();
      this.#receiver.onDataStart(header, isWrong ? -1 : padding);
    } else {
      this.#receiver.onFrame(header, buffer, start + FRAME_HEADER_BYTES);
    }
  }

  #readData(buffer: Buffer, start: number, end: number): number {
    if (this.#bodyLeft > 0) {
      const taken = Math.min(this.#bodyLeft, end - start);
      if (taken === 0) return start;
      this.#bodyLeft -= taken;
      this.#receiver.onData(buffer, start, start + taken);
      start += taken;
      if (this.#bodyLeft > 0) return start;
    }
    if (this.#paddingLeft > 0) {
      const taken = Math.min(this.#paddingLeft, end - start);
      this.#paddingLeft -= taken;
      start += taken;
      if (this.#paddingLeft > 0) return start;
    }
    this.#isInData = false;
    if (!this.#isStopped) this.#receiver.onDataEnd();
    return start;
  }
}

function lengthAt(buffer: Buffer, at: number): number {
  return (buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]!;
}

/** Bytes that must be there before a frame can be delivered; nine of them are. */
function neededFor(buffer: Buffer, at: number): number {
  const length = lengthAt(buffer, at);
  if (length > MAX_FRAME_BYTES) return FRAME_HEADER_BYTES;
  if (buffer[at + 3] !== FrameType.data) return FRAME_HEADER_BYTES + length;
  const isPadded = (buffer[at + 4]! & FrameFlag.padded) !== 0;
  return FRAME_HEADER_BYTES + (isPadded && length > 0 ? LENGTH_OF_PAD_LENGTH : 0);
}
