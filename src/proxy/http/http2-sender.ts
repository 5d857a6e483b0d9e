/**
 * The sending half of an HTTP/2 connection: header blocks, bodies within the peer's windows, and turns among streams that wait.
 * Knows nothing of what is received.
 */
import type { Socket } from 'node:net';
import type { FieldList, Field } from './fields.ts';
import { DEFAULT_WINDOW, FrameFlag, FrameType, MAX_FRAME_BYTES, MAX_WINDOW, writeUint32 } from './frame.ts';
import { BLOCK_OVERHEAD, FIELD_OVERHEAD, HpackEncoder } from './hpack-encoder.ts';
import { LiteralKind } from './hpack-sensitive.ts';
import { Http2Output, type OutputOwner } from './http2-output.ts';
import type { Http2Stream } from './http2-stream.ts';

/** The connection, as its sender sees it. */
export interface SenderOwner extends OutputOwner {
  /** END_STREAM has been written. */
  onLocalEnd(stream: Http2Stream): void;
}

/** Bodies are copied in loops below this length: a call costs more. */
const SHORT_COPY = 64;

/** What may wait on one of a hundred streams for a window that is closed: a frame. */
const STREAM_BYTES = 16 * 1024;

/** Room for the pseudo-fields and content-length of a response; requests add their own. */
const HEAD_OVERHEAD = BLOCK_OVERHEAD + 64;

export class Http2Sender {
  readonly output: Http2Output;
  readonly encoder = new HpackEncoder();
  window = DEFAULT_WINDOW;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  initialWindow = DEFAULT_WINDOW;
  /** DATA frames sent: how often a peer has reason to give window back. */
  dataFrames = 0;
  readonly #owner: SenderOwner;
  readonly #streamBytes: number;
  #queue: Http2Stream[] = [];
  #isPumping = false;
  /** The block being written: in the slab, or in a buffer of its own where it is longer than a frame. */
  #block: Buffer;
  #blockStart = 0;
  #at = 0;
  #isInSlab = false;

  /** `bufferBytes`: what may wait for the socket before producers are told to wait; on one stream less. */
  constructor(socket: Socket, owner: SenderOwner, bufferBytes: number) {
    this.#owner = owner;
    this.#streamBytes = Math.min(bufferBytes, STREAM_BYTES);
    this.output = new Http2Output(socket, owner, 2 * bufferBytes);
    this.#block = Buffer.alloc(0);
  }

  /** Begins a header block; `extraBytes` is room for what does not come from `fields`. */
  beginBlock(fields: readonly Field[], extraBytes: number): void {
    let room = HEAD_OVERHEAD + extraBytes;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      room += field.name.length + field.value.length + FIELD_OVERHEAD;
    }
    this.#isInSlab = room <= MAX_FRAME_BYTES;
    if (this.#isInSlab) {
      this.#blockStart = this.output.reserve(room);
      this.#block = this.output.slab!;
    } else {
      this.#blockStart = 0;
      this.#block = Buffer.allocUnsafe(room);
    }
    this.#at = this.encoder.begin(this.#block, this.#blockStart);
  }

  addStatus(status: number): void {
    this.#at = this.encoder.status(this.#block, this.#at, status);
  }

  addField(field: Field): void {
    this.#at = this.encoder.field(this.#block, this.#at, field);
  }

  addFields(fields: readonly Field[]): void {
    let at = this.#at;
    for (let i = 0; i < fields.length; i++) at = this.encoder.field(this.#block, at, fields[i]!);
    this.#at = at;
  }

  /** A field that would not be found again. */
  addLiteral(name: string, value: string): void {
    this.#at = this.encoder.literal(this.#block, this.#at, { kind: LiteralKind.plain, name, value });
  }

  /** Writes the block as HEADERS, with CONTINUATION frames where it is long. `endFlag` is FrameFlag.endStream or 0. */
  endBlock(stream: Http2Stream, endFlag: number): void {
    const { output } = this;
    if (this.#isInSlab) {
      const length = this.#at - this.#blockStart;
      output.frame(FrameType.headers, FrameFlag.endHeaders | endFlag, stream.id, length);
      output.markLast(stream.id, length);
    } else {
      const block = this.#block;
      for (let start = 0; start < this.#at; start += MAX_FRAME_BYTES) {
        const length = Math.min(MAX_FRAME_BYTES, this.#at - start);
        const last = start + length === this.#at ? FrameFlag.endHeaders : 0;
        const type = start === 0 ? FrameType.headers : FrameType.continuation;
        const payload = output.frame(type, last | (start === 0 ? endFlag : 0), stream.id, length);
        block.copy(output.slab!, payload, start, start + length);
      }
    }
    if (endFlag !== 0) this.#end(stream);
  }

  /** Sends or keeps a copy. False: wait for the handler's onDrain. */
  // oxlint-disable-next-line max-params -- a stream and a range, on the hot path
  data(stream: Http2Stream, buffer: Buffer, start: number, end: number): boolean {
    if (stream.isClosed || stream.isLocalEnded) return true;
    if (stream.pending === null && !this.output.isBlocked) start = this.#writeData(stream, buffer, start, end);
    if (start === end) return true;
    (stream.pending ??= []).push(Buffer.from(buffer.subarray(start, end)));
    stream.pendingBytes += end - start;
    this.#enqueue(stream);
    if (stream.pendingBytes < this.#streamBytes) return true;
    stream.isFull = true;
    return false;
  }

  /** Ends our side, with trailers where there are some, once everything pending has gone. */
  end(stream: Http2Stream, trailers: FieldList | null): void {
    if (stream.isClosed || stream.isLocalEnded || stream.isEnding) return;
    stream.isEnding = true;
    stream.pendingTrailers = trailers;
    if (stream.pending === null) this.#writeEnd(stream);
    else this.#enqueue(stream);
  }

  /** After windows grew or the socket took more: one frame of each waiting stream in turn. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    let stuck = 0;
    while (this.#queue.length > stuck && !this.output.isBlocked && this.window > 0) {
      const stream = this.#queue.shift()!;
      if (stream.isClosed || stream.pending === null) {
        stream.isQueued = false;
        continue;
      }
      stuck = this.#sendPending(stream) ? 0 : stuck + 1;
      if (stream.pending !== null) this.#queue.push(stream);
      else {
        stream.isQueued = false;
        if (stream.isEnding) this.#writeEnd(stream);
      }
      if (stream.isFull && stream.pendingBytes < this.#streamBytes / 2) {
        stream.isFull = false;
        if (!stream.isClosed) stream.handler?.onDrain();
      }
    }
    this.#isPumping = false;
  }

  resetStream(id: number, code: number): void {
    this.output.frame32(FrameType.rstStream, id, code);
    this.output.countControl();
  }

  returnWindow(id: number, bytes: number): void {
    this.output.frame32(FrameType.windowUpdate, id, bytes);
  }

  goaway(lastId: number, code: number): void {
    const at = this.output.frame(FrameType.goaway, 0, 0, 8);
    writeUint32(this.output.slab!, at, lastId);
    writeUint32(this.output.slab!, at + 4, code);
  }

  ping(flags: number, payload: Buffer, start: number): void {
    const at = this.output.frame(FrameType.ping, flags, 0, 8);
    payload.copy(this.output.slab!, at, start, start + 8);
    this.output.countControl();
  }

  /** Pairs of identifier and value. */
  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    let at = this.output.frame(FrameType.settings, 0, 0, pairs.length * 6);
    const slab = this.output.slab!;
    for (const [id, value] of pairs) {
      slab[at] = 0;
      slab[at + 1] = id;
      writeUint32(slab, at + 2, value);
      at += 6;
    }
  }

  acknowledgeSettings(): void {
    this.output.frame(FrameType.settings, FrameFlag.ack, 0, 0);
    this.output.countControl();
  }

  /** The peer's initial window changed. False: some stream's window is above the protocol's largest. */
  setInitialWindow(size: number, streams: Iterable<Http2Stream>): boolean {
    const change = size - this.initialWindow;
    this.initialWindow = size;
    for (const stream of streams) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_WINDOW) return false;
    }
    return true;
  }

  #enqueue(stream: Http2Stream): void {
    if (stream.isQueued) return;
    stream.isQueued = true;
    this.#queue.push(stream);
  }

  /** Of its first pending piece, at most a frame. False: its window is closed. */
  #sendPending(stream: Http2Stream): boolean {
    const pieces = stream.pending!;
    const piece = pieces[0]!;
    const sent = this.#writeData(stream, piece, 0, Math.min(piece.length, MAX_FRAME_BYTES));
    stream.pendingBytes -= sent;
    if (sent < piece.length) pieces[0] = piece.subarray(sent);
    else if (pieces.length > 1) pieces.shift();
    else stream.pending = null;
    return sent > 0;
  }

  /** Writes as much as the windows and the socket allow. Returns the offset after it. */
  // oxlint-disable-next-line max-params -- a stream and a range, on the hot path
  #writeData(stream: Http2Stream, buffer: Buffer, start: number, end: number): number {
    const { output } = this;
    while (start < end && !output.isBlocked) {
      const length = Math.min(end - start, stream.sendWindow, this.window, MAX_FRAME_BYTES);
      if (length <= 0) break;
      const at = output.frame(FrameType.data, 0, stream.id, length);
      const slab = output.slab!;
      if (length < SHORT_COPY) for (let i = 0; i < length; i++) slab[at + i] = buffer[start + i]!;
      else buffer.copy(slab, at, start, start + length);
      output.markLast(stream.id, length);
      start += length;
      stream.sendWindow -= length;
      stream.sentBytes += length;
      this.window -= length;
      this.dataFrames++;
    }
    return start;
  }

  #writeEnd(stream: Http2Stream): void {
    const trailers = stream.pendingTrailers;
    if (trailers !== null && trailers.fields.length > 0) {
      stream.pendingTrailers = null;
      this.beginBlock(trailers.fields, 0);
      this.addFields(trailers.fields);
      this.endBlock(stream, FrameFlag.endStream);
      return;
    }
    if (!this.output.endOnLastFrame(stream.id)) this.output.frame(FrameType.data, FrameFlag.endStream, stream.id, 0);
    this.#end(stream);
  }

  #end(stream: Http2Stream): void {
    if (stream.isLocalEnded) return;
    stream.isLocalEnded = true;
    this.#owner.onLocalEnd(stream);
  }
}
