/**
 * What an HTTP/2 connection receives (RFC 9113 §4): bytes cut into frames, and each frame handed to whom it concerns, in the order
 * that the protocol demands. Knows neither streams nor the life of the connection.
 */
import { clientPreface, ErrorCode, type FrameHeader, FrameType } from './frame.ts';
import { FrameReader, type FrameReceiver } from './frame-reader.ts';
import { type ControlHost, readControlFrame } from './http2-control.ts';
import { InboundData, type DataHost } from './http2-inbound-data.ts';
import { type HeadersHost, InboundHeaders } from './http2-inbound-headers.ts';

/** The connection, as its frames see it. */
export type InboundHost = ControlHost & DataHost & HeadersHost;

export class Inbound implements FrameReceiver {
  /** When the frame or header block that is incomplete began, in monotonic milliseconds; 0: none is. */
  partialSince = 0;
  /** HEADERS and DATA frames received. */
  messages = 0;
  readonly #host: InboundHost;
  readonly #reader: FrameReader;
  readonly #headers: InboundHeaders;
  readonly #data: InboundData;

  constructor(host: InboundHost) {
    this.#host = host;
    this.#reader = new FrameReader(this, host.isServer ? clientPreface : null);
    this.#headers = new InboundHeaders(host);
    this.#data = new InboundData(host);
  }

  /** Used or copied before it returns. */
  read(buffer: Buffer, start: number, end: number): void {
    this.#reader.read(buffer, start, end);
    if (!this.#reader.isPartial && !this.#headers.isOpen) this.partialSince = 0;
    else if (this.partialSince === 0) this.partialSince = this.#host.wheel.now;
  }

  /** What comes now is not looked at, even in the middle of `read`. */
  stop(): void {
    this.#reader.stop();
  }

  // FrameReceiver

  onBadPreface(): void {
    this.#host.fail(ErrorCode.protocolError, 'BadPreface');
  }

  onFrameTooLarge(): void {
    this.#host.fail(ErrorCode.frameSizeError, 'FrameTooLarge');
  }

  onDataStart(header: FrameHeader, padding: number): void {
    this.messages++;
    if (header.streamId === 0 || this.#headers.isOpen || !this.#host.peer.isKnown)
      this.#host.fail(ErrorCode.protocolError, 'BadData');
    else this.#data.start(header, padding);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#data.body(buffer, start, end);
  }

  onDataEnd(): void {
    this.#data.end();
  }

  onFrame(header: FrameHeader, buffer: Buffer, start: number): void {
    const host = this.#host;
    const { type, streamId } = header;
    if (this.#headers.isOpen && (type !== FrameType.continuation || streamId !== this.#headers.streamId)) {
      host.fail(ErrorCode.protocolError, 'BrokenHeaderBlock');
    } else if (!host.peer.isKnown && type !== FrameType.settings) host.fail(ErrorCode.protocolError, 'NoSettings');
    else if (type === FrameType.headers || type === FrameType.continuation) {
      this.messages++;
      this.#headers.add(header, buffer, start);
    } else readControlFrame(host, header, buffer, start);
  }
}
