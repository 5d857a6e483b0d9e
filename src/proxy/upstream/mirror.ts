/**
 * Copies of a request for other backends: sent along, answers thrown away. A mirror is given what it takes in time;
 * one that falls behind is given up, so that it can neither slow nor fail the request it copies.
 */
import type { Key } from '../../contract/keys.ts';
import { BODY_NONE, type ResponseSink, type Upstream, type UpstreamRequest } from '../http/streams.ts';
import type { BackendRuntime, EndpointRuntime } from '../runtime.ts';

/** What may wait for one mirror. */
const MAX_WAITING_BYTES = 64 * 1024;

const anyEndpoint = { tried: [], affinity: 0, sticky: '' };

/** All mirrors of one request. */
export class MirrorGroup {
  readonly #streams: readonly MirrorStream[];

  private constructor(streams: readonly MirrorStream[]) {
    this.#streams = streams;
  }

  /** Sends the head to one endpoint of each backend; those that have none are passed over. Null: to none at all. */
  static open(
    request: UpstreamRequest,
    keys: readonly Key[],
    backendOf: (key: Key) => BackendRuntime | null,
  ): MirrorGroup | null {
    // A tunnel makes no sense without its answers.
    if (request.upgrade !== '') return null;
    const streams: MirrorStream[] = [];
    for (const key of keys) {
      const endpoint = backendOf(key)?.pick(anyEndpoint) ?? null;
      if (endpoint === null || endpoint.isOverflowing === true) continue;
      streams.push(new MirrorStream(request, endpoint));
    }
    return streams.length === 0 ? null : new MirrorGroup(streams);
  }

  /** Always true: mirrors never hold anybody up. */
  sendData(buffer: Buffer, start: number, end: number): boolean {
    for (const stream of this.#streams) stream.sendData(buffer, start, end);
    return true;
  }

  sendEnd(): void {
    for (const stream of this.#streams) stream.sendEnd();
  }

  flush(): void {
    for (const stream of this.#streams) stream.flush();
  }

  /** The request will never be complete. */
  abort(): void {
    for (const stream of this.#streams) stream.abort();
  }
}

class MirrorStream implements ResponseSink {
  readonly #endpoint: EndpointRuntime;
  #upstream: Upstream | null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isBlocked = false;
  #isEnded: boolean;

  constructor(request: UpstreamRequest, endpoint: EndpointRuntime) {
    this.#endpoint = endpoint;
    this.#isEnded = request.bodyLength === BODY_NONE;
    this.#upstream = endpoint.open(copyOf(request), this);
  }

  sendData(buffer: Buffer, start: number, end: number): void {
    if (this.#upstream === null) return;
    if (!this.#isBlocked) {
      this.#isBlocked = !this.#upstream.sendData(buffer, start, end);
      return;
    }
    this.#waitingBytes += end - start;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.abort();
    else this.#waiting.push(Buffer.from(buffer.subarray(start, end)));
  }

  sendEnd(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (!this.#isBlocked) this.#upstream?.sendEnd(null);
  }

  flush(): void {
    if (!this.#isEnded && this.#upstream?.flush() === false) this.#isBlocked = true;
  }

  abort(): void {
    const upstream = this.#upstream;
    this.#close(undefined);
    upstream?.abort();
  }

  onUpstreamDrain(): void {
    if (!this.#isBlocked || this.#upstream === null) return;
    this.#isBlocked = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    // What the backend does not take now waits again.
    for (const chunk of waiting) this.sendData(chunk, 0, chunk.length);
    if (this.#isBlocked || this.#upstream === null) return;
    if (this.#isEnded) this.#upstream.sendEnd(null);
    else this.flush();
  }

  onResponseEnd(): void {
    const upstream = this.#upstream;
    const wasComplete = this.#isEnded && !this.#isBlocked;
    this.#close(true);
    if (!wasComplete) upstream?.abort();
  }

  onUpstreamError(): void {
    this.#close(false);
  }

  onInformational(): void {}
  onResponseHead(): void {}
  onResponseData(): void {}
  onResponseBurstEnd(): void {}

  #close(isSuccess: boolean | undefined): void {
    if (this.#upstream === null) return;
    this.#upstream = null;
    this.#waiting = [];
    this.#endpoint.done(isSuccess);
  }
}

/** Its own request: the exchange's goes on changing. It never waits for a 100, which nobody would see. */
function copyOf(request: UpstreamRequest): UpstreamRequest {
  return {
    method: request.method,
    target: request.target,
    authority: request.authority,
    scheme: request.scheme,
    headers: request.headers.clone(),
    bodyLength: request.bodyLength,
    upgrade: '',
    expectsContinue: false,
    // Its trailers are thrown away too, but gRPC servers refuse calls without.
    takesTrailers: request.takesTrailers,
    clientCertificate: request.clientCertificate,
    ...(request.connection && { connection: request.connection }),
  };
}
