/** One request and its reply, as a filter sees it. Knows nothing of sockets and codecs. */
import type { Headers } from './headers.ts';
import type { Key } from './keys.ts';

export interface ExchangeRequest {
  readonly method: string;
  /** `http` or `https`, as the client spoke. */
  readonly scheme: string;
  /** Host and port as sent by the client, or as a filter set it: what the backend gets as Host. */
  authority: string;
  /** Lower case, without port and trailing dot, as the client sent it. What routing used. */
  readonly host: string;
  /** Normalised path with query, as the backend will get it. Filters may replace it. */
  target: string;
  readonly headers: Headers;
  /** The backend may send trailers. A filter that makes something of them sets it. */
  takesTrailers: boolean;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: Headers;
}

/** Facts about the match that took the request. */
export interface ExchangeMatch {
  /** The value of the PathPrefix match; undefined where the path was matched in another way. */
  readonly pathPrefix: string | undefined;
  readonly listenerPort: number;
  readonly listenerProtocol: string;
}

export interface Exchange {
  readonly request: ExchangeRequest;
  /** There from onResponse on. */
  readonly response: ExchangeResponse;
  readonly match: ExchangeMatch;
  /** The client's IP address. */
  readonly clientAddress: string;
  /** Sends a copy of the request (as it stands when it goes to the backend) to another backend and forgets the answer. */
  mirror(backend: Key): void;
  /** The request's body goes on through this, from its first byte. In onRequest only; by one filter of a rule. */
  transformRequest(transform: RequestTransform): void;
  /** The response goes to the client through this, whoever makes it. In onRequest only. */
  transformResponse(transform: ResponseTransform): void;
  /**
   * Sends a request of the filter's own to a backend. Never rejects; the answer's status may be any. Ends with the exchange.
   * Only while the request is held: in onRequest, and until the promise that it returned is settled.
   */
  call(backend: Key, request: CallRequest): Promise<CallResponse | CallFailure>;
  /**
   * The request's body, all of which is kept for the backend as well. Null: it is larger than `maxBytes`, or will never be
   * complete. Empty for a request without one, and for a tunnel. When it may be called: as `call`.
   */
  readBody(maxBytes: number): Promise<Uint8Array | null>;
}

/** Changes the body of one request, piece by piece. What it is handed is valid only until the call returns. */
export interface RequestTransform {
  /** What goes on in place of these bytes; empty: nothing yet. Null: the body is not valid, which is answered with 400. */
  onData(bytes: Uint8Array): Uint8Array | null;
  /** What goes on after the last of it. */
  onEnd(): Uint8Array | null;
}

/** Changes one response. It is asked once nothing else changes the head any more. */
export interface ResponseTransform {
  /** False: the body stays as it is. */
  onHead(headers: Headers): boolean;
  /** What goes to the client in place of these bytes; empty: nothing yet. */
  onData(bytes: Uint8Array): Uint8Array;
  /** What goes after the last of it. Trailers that are taken from the list go no further. Not called where there is no body. */
  onEnd(trailers: Headers | null): Uint8Array;
}

/** A request that a filter makes. */
export interface CallRequest {
  readonly method: string;
  /** Canonical path with query. */
  readonly target: string;
  readonly authority: string;
  /** Without framing; values are latin1 text. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Absent: none. */
  readonly body?: Uint8Array;
  /** The backend may send trailers. */
  readonly takesTrailers?: true;
}

export interface CallResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly trailers: Headers | null;
}

/** There is no answer. Limits: `filterCallTimeoutMs`, `filterCallBytes`. */
export interface CallFailure {
  readonly failure: 'NoBackend' | 'NoEndpoint' | 'Overflow' | 'Timeout' | 'TooLarge' | 'Broken' | 'ExchangeOver';
}

/** An answer of our own, in place of the backend's. */
export interface LocalReply {
  readonly status: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Where `headers` name no content type, text/plain is added. */
  readonly body?: string | Uint8Array;
  /** For the access log: a short CamelCase word. */
  readonly reason: string;
  /** To gRPC clients, where it is another code than the one that `status` stands for. */
  readonly grpcStatus?: number;
}
