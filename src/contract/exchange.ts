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
}

/** An answer of our own, in place of the backend's. */
export interface LocalReply {
  readonly status: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Text; a content type of text/plain is added. */
  readonly body?: string;
  /** For the access log: a short CamelCase word. */
  readonly reason: string;
}
