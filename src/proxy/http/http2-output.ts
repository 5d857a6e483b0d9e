/**
 * What one HTTP/2 connection writes: frames are gathered in a slab, which leaves in one write at the end of the loop's turn.
 * A connection without anything to write holds no slab. Knows the layout of frames, not what they mean.
 */
import type { Socket } from 'node:net';
import { atTurnEnd, type AtTurnEnd } from '../../lib/turn-end.ts';
import { FRAME_HEADER_BYTES, FrameFlag, writeUint32 } from './frame.ts';

export const SLAB_BYTES = 68 * 1024;
const SPARE_SLABS = 64;
const spare: Buffer[] = [];

/** Told by its output. */
export interface OutputOwner {
  /** What waited for the peer went below half of the limit. */
  onOutputDrain(): void;
}

export class Http2Output implements AtTurnEnd {
  /** Where frames are written; there is one after `frame` or `reserve`. */
  slab: Buffer | null = null;
  /** The peer takes less than we have: bodies wait. */
  isBlocked = false;
  /** Answers to the peer's control frames that have not left yet. */
  queuedControlFrames = 0;
  readonly #socket: Socket;
  readonly #owner: OutputOwner;
  readonly #highWater: number;
  #used = 0;
  #isTouched = false;
  #isClosed = false;
  #endsAfterFlush = false;
  #waitingBytes = 0;
  #completedWrites = 0;
  /** For stalls: when and at how many writes progress was last seen. */
  #markedAt = 0;
  #markedWrites = 0;
  readonly #written: Buffer[] = [];
  readonly #writtenBytes: number[] = [];
  readonly #writtenControls: number[] = [];
  #controls = 0;
  /** The last frame of a message in this slab, so that the end of its stream can still be marked on it. */
  #lastFrameAt = -1;
  #lastStreamId = 0;
  readonly #onWritten: () => void;

  /** `highWater`: bytes that may wait for the peer before bodies stop. */
  constructor(socket: Socket, owner: OutputOwner, highWater: number) {
    this.#socket = socket;
    this.#owner = owner;
    this.#highWater = highWater;
    this.#onWritten = () => this.#release();
  }

  /** The peer's socket has taken nothing for that long. To be asked again and again. */
  isStalled(now: number, timeoutMs: number): boolean {
    if (this.#waitingBytes === 0 || this.#markedAt === 0 || this.#completedWrites !== this.#markedWrites) {
      this.#markedAt = now;
      this.#markedWrites = this.#completedWrites;
      return false;
    }
    return now - this.#markedAt >= timeoutMs;
  }

  /** Makes room for a frame of up to `length` bytes; its payload goes where this says. */
  reserve(length: number): number {
    const size = FRAME_HEADER_BYTES + length;
    if (this.slab !== null && this.#used + size > SLAB_BYTES) this.#write();
    if (this.slab === null) this.slab = spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    return this.#used + FRAME_HEADER_BYTES;
  }

  /** Writes a frame's header and counts its payload as written. Returns where the payload goes. */
  // oxlint-disable-next-line max-params -- the four parts of a frame header, on the hot path
  frame(type: number, flags: number, streamId: number, length: number): number {
    const payload = this.reserve(length);
    const at = payload - FRAME_HEADER_BYTES;
    const slab = this.slab!;
    slab[at] = length >> 16;
    slab[at + 1] = length >> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    writeUint32(slab, at + 5, streamId);
    this.#used = payload + length;
    this.#lastFrameAt = -1;
    if (!this.#isTouched) this.#touch();
    return payload;
  }

  /** The frame just written is the last of its message so far. */
  markLast(streamId: number, length: number): void {
    this.#lastFrameAt = this.#used - length - FRAME_HEADER_BYTES;
    this.#lastStreamId = streamId;
  }

  /** Ends the stream on its last frame, if that is the last one here. */
  endOnLastFrame(streamId: number): boolean {
    if (this.#lastFrameAt < 0 || this.#lastStreamId !== streamId) return false;
    this.slab![this.#lastFrameAt + 4]! |= FrameFlag.endStream;
    this.#lastFrameAt = -1;
    return true;
  }

  /** Raw bytes before the first frame. */
  preface(bytes: Buffer): void {
    const at = this.reserve(bytes.length) - FRAME_HEADER_BYTES;
    bytes.copy(this.slab!, at);
    this.#used = at + bytes.length;
    if (!this.#isTouched) this.#touch();
  }

  /** A frame whose payload is one number. */
  frame32(type: number, streamId: number, value: number): void {
    const at = this.frame(type, 0, streamId, 4);
    writeUint32(this.slab!, at, value);
  }

  /** The frame just written answers one of the peer's: a peer that asks and does not read must not fill our memory. */
  countControl(): void {
    this.#controls++;
    this.queuedControlFrames++;
  }

  onTurnEnd(): void {
    this.#isTouched = false;
    this.#write();
    if (this.#endsAfterFlush && !this.#isClosed) {
      this.#isClosed = true;
      this.#socket.end();
    }
  }

  /** Ends the socket after what was written. */
  end(): void {
    this.#endsAfterFlush = true;
    if (!this.#isTouched) this.#touch();
  }

  /** The socket is closed: nothing is written any more. */
  close(): void {
    this.#isClosed = true;
    if (this.slab !== null) giveBack(this.slab);
    this.slab = null;
    this.#used = 0;
    this.#lastFrameAt = -1;
  }

  #touch(): void {
    this.#isTouched = true;
    atTurnEnd(this);
  }

  #write(): void {
    const slab = this.slab;
    const used = this.#used;
    if (slab === null) return;
    this.slab = null;
    this.#used = 0;
    this.#lastFrameAt = -1;
    if (this.#isClosed || used === 0) {
      giveBack(slab);
      return;
    }
    this.#waitingBytes += used;
    this.#written.push(slab);
    this.#writtenBytes.push(used);
    this.#writtenControls.push(this.#controls);
    this.#controls = 0;
    if (this.#waitingBytes > this.#highWater) this.isBlocked = true;
    this.#socket.write(slab.subarray(0, used), this.#onWritten);
  }

  /** The oldest write is done (or failed: then the socket closes). */
  #release(): void {
    this.#completedWrites++;
    giveBack(this.#written.shift()!);
    this.#waitingBytes -= this.#writtenBytes.shift()!;
    this.queuedControlFrames -= this.#writtenControls.shift()!;
    if (!this.isBlocked || this.#waitingBytes > this.#highWater / 2) return;
    this.isBlocked = false;
    if (!this.#isClosed) this.#owner.onOutputDrain();
  }
}

function giveBack(slab: Buffer): void {
  if (spare.length < SPARE_SLABS) spare.push(slab);
}
