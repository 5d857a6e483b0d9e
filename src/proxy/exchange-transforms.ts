/** The client's side of an exchange whose response a filter changes on its way. Only such an exchange pays for it. Knows no gRPC. */
import type { ResponseTransform } from '../contract/exchange.ts';
import type { FieldList } from './http/fields.ts';
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN, type Downstream } from './http/streams.ts';

export class TransformedDownstream implements Downstream {
  readonly #inner: Downstream;
  readonly #transform: ResponseTransform;
  #isActive = false;

  constructor(inner: Downstream, transform: ResponseTransform) {
    this.#inner = inner;
    this.#transform = transform;
  }

  sendInformational(status: number, headers: FieldList): void {
    this.#inner.sendInformational(status, headers);
  }

  // oxlint-disable-next-line max-params -- the codecs' interface
  sendHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void {
    const isWanted = bodyLength !== BODY_TUNNEL && this.#transform.onHead(headers);
    this.#isActive = isWanted && bodyLength !== BODY_NONE;
    if (this.#isActive) this.#inner.sendHead(status, headers, BODY_UNKNOWN, -1);
    else this.#inner.sendHead(status, headers, bodyLength, contentLength);
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    if (!this.#isActive) return this.#inner.sendData(buffer, start, end);
    return this.#send(this.#transform.onData(buffer.subarray(start, end)));
  }

  sendEnd(trailers: FieldList | null): void {
    if (this.#isActive) this.#send(this.#transform.onEnd(trailers));
    const isEmpty = trailers === null || trailers.fields.length === 0;
    this.#inner.sendEnd(isEmpty ? null : trailers);
  }

  flush(): boolean {
    return this.#inner.flush();
  }

  reset(): void {
    this.#inner.reset();
  }

  pauseRequest(): void {
    this.#inner.pauseRequest();
  }

  resumeRequest(): void {
    this.#inner.resumeRequest();
  }

  #send(bytes: Uint8Array): boolean {
    return this.#inner.sendData(bufferOf(bytes), 0, bytes.length);
  }
}

/** The same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
