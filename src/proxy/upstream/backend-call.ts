/** One request that a filter makes to a backend, with its whole answer. Knows the exchange only as whoever may abort it. */
import type { CallFailure, CallRequest, CallResponse } from '../../contract/exchange.ts';
import type { ClientCertificate } from '../../contract/gateway-config.ts';
import { ExchangeTimer } from '../exchange-timer.ts';
import { Field, FieldList } from '../http/fields.ts';
import {
  BODY_NONE,
  type ResponseSink,
  type Upstream,
  type UpstreamError,
  type UpstreamRequest,
} from '../http/streams.ts';
import type { BackendRuntime, EndpointRuntime } from '../runtime.ts';

export interface CallOptions {
  readonly backend: BackendRuntime;
  /** From the first try to the end of the answer. */
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
  readonly clientCertificate: ClientCertificate | undefined;
}

/** Other endpoints, or another connection, that are tried where nothing can have been processed. */
const MAX_RETRIES = 2;

export class BackendCall implements ResponseSink {
  readonly done: Promise<CallResponse | CallFailure>;
  readonly #options: CallOptions;
  readonly #request: UpstreamRequest;
  readonly #body: Buffer;
  readonly #timer: ExchangeTimer;
  #settle: ((result: CallResponse | CallFailure) => void) | null;
  #tried: readonly EndpointRuntime[] = [];
  #endpoint: EndpointRuntime | null = null;
  #upstream: Upstream | null = null;
  #status = 0;
  #headers = new FieldList();
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(request: CallRequest, options: CallOptions) {
    const { promise, resolve } = Promise.withResolvers<CallResponse | CallFailure>();
    this.done = promise;
    this.#settle = resolve;
    this.#options = options;
    const { body = new Uint8Array() } = request;
    this.#body = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.#request = upstreamRequest(request, options);
    this.#timer = new ExchangeTimer(options.timeoutMs, () => this.#fail('Timeout', false));
    this.#open();
  }

  /** Nobody waits for it any more. */
  abort(): void {
    this.#fail('ExchangeOver', undefined);
  }

  #open(): void {
    const endpoint = this.#options.backend.pick({ tried: this.#tried, affinity: 0, sticky: '' });
    if (endpoint === null) return this.#fail('NoEndpoint', undefined);
    if (endpoint.isOverflowing === true) return this.#fail('Overflow', undefined);
    this.#endpoint = endpoint;
    const upstream = endpoint.open(this.#request, this);
    this.#upstream = upstream;
    if (this.#request.bodyLength === BODY_NONE) return;
    // What is not taken at once waits in the connection: the body is in memory anyway.
    upstream.sendData(this.#body, 0, this.#body.length);
    upstream.sendEnd(null);
  }

  // oxlint-disable-next-line max-params -- the codecs' interface
  onResponseHead(status: number, headers: FieldList): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > this.#options.maxBytes) this.#fail('TooLarge', undefined);
    else this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
  }

  onResponseEnd(trailers: FieldList | null): void {
    const status = this.#status;
    this.#end(status < 502 || status > 504);
    this.#finish({ status, headers: this.#headers, body: Buffer.concat(this.#chunks), trailers });
  }

  onUpstreamError({ kind, isReused }: UpstreamError): void {
    const endpoint = this.#endpoint;
    this.#end(false);
    const isUnprocessed = kind === 'Connect' || kind === 'ConnectTimeout' || kind === 'RefusedStream' || kind === 'Tls';
    // A kept-alive connection may have been closed just as we wrote. To ask twice does no harm.
    if ((isUnprocessed || (kind === 'Closed' && isReused)) && this.#tried.length < MAX_RETRIES && endpoint !== null) {
      this.#tried = [...this.#tried, endpoint];
      this.#open();
    } else this.#fail('Broken', undefined);
  }

  onInformational(): void {}
  onResponseBurstEnd(): void {}
  onUpstreamDrain(): void {}

  #fail(failure: CallFailure['failure'], isGood: boolean | undefined): void {
    const upstream = this.#upstream;
    this.#end(isGood);
    upstream?.abort();
    this.#finish({ failure });
  }

  /** Of the try in flight. */
  #end(isGood: boolean | undefined): void {
    this.#upstream = null;
    this.#endpoint?.done(isGood);
    this.#endpoint = null;
  }

  #finish(result: CallResponse | CallFailure): void {
    this.#timer.cancel();
    this.#settle?.(result);
    this.#settle = null;
  }
}

function upstreamRequest(request: CallRequest, { backend, clientCertificate }: CallOptions): UpstreamRequest {
  const { protocol } = backend.config;
  return {
    method: request.method,
    target: request.target,
    authority: request.authority,
    scheme: protocol === 'http1-tls' || protocol === 'h2-tls' ? 'https' : 'http',
    headers: new FieldList(request.headers.map(([name, value]) => fieldOf(name, value))),
    bodyLength: request.body?.byteLength ?? BODY_NONE,
    upgrade: '',
    expectsContinue: false,
    takesTrailers: request.takesTrailers === true,
    clientCertificate,
  };
}

function fieldOf(name: string, value: string): Field {
  return new Field(name.toLowerCase(), value, `${name}: ${value}\r\n`);
}
