/** One HTTP/2 stream: its windows, its state and what waits to be sent on it. Plain state; the connection acts on it. */
import type { FieldList } from './fields.ts';
import type { HeaderBlock } from './hpack-decoder.ts';

/** Who a stream works for: one request, as a server or as a client. */
export interface StreamHandler {
  /** A head. Clients only: servers get theirs as a new stream. */
  onHead(block: HeaderBlock, isEnd: boolean): void;
  onData(buffer: Buffer, start: number, end: number): void;
  /** The peer has ended the stream; with trailers where there is a block. */
  onEnd(trailers: HeaderBlock | null): void;
  /** The stream is gone without our doing. The last call. `code` as in RST_STREAM. */
  onReset(code: number, reason: string): void;
  /** More can be sent, after `sendData` had returned false. */
  onDrain(): void;
}

export class Http2Stream {
  readonly id: number;
  handler: StreamHandler | null = null;
  /** Bytes we may send; can be negative after the peer lowered its initial window (RFC 9113 §6.9.2). */
  sendWindow: number;
  /** Bytes the peer may send. */
  receiveWindow: number;
  /** What that is while nothing is on its way. */
  windowSize: number;
  /** Bytes taken by the handler and not yet given back to the peer. */
  unreturned = 0;
  isPaused = false;
  /** The head (a client's: the final one) was received, was sent. */
  hasHead: boolean;
  hasSentHead = false;
  isRemoteEnded = false;
  isLocalEnded = false;
  /** Removed from the connection: nothing is sent or received on it. */
  isClosed = false;
  /** No body but a tunnel: silence is normal. */
  isTunnel = false;
  /** What content-length announced; -1: nothing. */
  contentLength = -1;
  receivedBytes = 0;
  sentBytes = 0;
  pending: Buffer[] | null = null;
  pendingBytes = 0;
  /** END_STREAM follows what is pending. */
  isEnding = false;
  pendingTrailers: FieldList | null = null;
  /** In the queue of streams that have something to send. */
  isQueued = false;
  /** Its producer was told to wait. */
  isFull = false;
  /** For stalls: when and at how many bytes progress was last seen. */
  markedAt = 0;
  markedSent = 0;
  markedReceived = 0;
  /** In the list of streams that got something in this read. */
  isInBurst = false;

  constructor(id: number, options: { sendWindow: number; receiveWindow: number; hasHead: 0 | 1; now: number }) {
    this.id = id;
    this.sendWindow = options.sendWindow;
    this.receiveWindow = options.receiveWindow;
    this.windowSize = options.receiveWindow;
    this.hasHead = options.hasHead === 1;
    this.markedAt = options.now;
  }
}
