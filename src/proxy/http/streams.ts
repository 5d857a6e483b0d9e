/**
 * What the codecs and forwarding say to each other: the two halves of an exchange as calls, without sockets or versions.
 * Buffers handed to a callback are valid until it returns (they are the shared read buffer): use or copy them at once.
 */
import type { ClientCertificate } from '../../contract/gateway-config.ts';
import type { FieldList } from './fields.ts';

/** Values of `bodyLength` besides a number of bytes. */
export const BODY_NONE = 0;
/** The length is not known: chunked in HTTP/1.1, until the connection closes in HTTP/1.0, DATA frames in HTTP/2. */
export const BODY_UNKNOWN = -1;
/** Not a body but a tunnel: raw bytes both ways after a 101 (or a 2xx to an extended CONNECT). */
export const BODY_TUNNEL = -2;

/** A request head whose grammar and framing are valid. */
export interface RequestHead {
  readonly method: string;
  /** Origin form as received (`/a%20b?c`), or `*`. Not normalised. */
  readonly target: string;
  /** Host (and port) as received, from the absolute target, `:authority` or Host. Grammar is valid. Empty only in HTTP/1.0. */
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  readonly version: '1.0' | '1.1' | '2';
  /** Without Host, framing and hop-by-hop fields. */
  readonly headers: FieldList;
  readonly bodyLength: number;
  /** Lower-case protocol of an Upgrade request (or of an extended CONNECT), or empty. `h2c` never comes here. */
  readonly upgrade: string;
  readonly expectsContinue: boolean;
  /** The client takes trailers (`TE: trailers`). */
  readonly takesTrailers: boolean;
}

/** Where a server codec delivers what follows the head: the exchange. With BODY_NONE neither data nor end is delivered. */
export interface RequestSink {
  onRequestData(buffer: Buffer, start: number, end: number): void;
  onRequestEnd(trailers: FieldList | null): void;
  /** The client can take more of the response, after sendData had returned false. */
  onDownstreamDrain(): void;
  /** The client is gone, reset the stream, broke the protocol or timed out. Nothing can be sent any more. At most once; never after sendEnd has gone out. */
  onDownstreamClose(reason: string): void;
}

/** The response side of one exchange; a server codec implements it. Nothing may be called after sendEnd or reset. */
export interface Downstream {
  /** 100, 103, …; dropped where the client is HTTP/1.0. */
  sendInformational(status: number, headers: FieldList): void;
  /** `headers` without framing; the codec adds it from `bodyLength`. HEAD, 204 and 304 have BODY_NONE; `contentLength` then keeps what the backend said (-1: nothing). */
  sendHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void;
  /** Takes a copy where it must keep the bytes. False: wait for onDownstreamDrain. */
  sendData(buffer: Buffer, start: number, end: number): boolean;
  sendEnd(trailers: FieldList | null): void;
  /** Everything so far goes to the client now. Called at the end of a burst that did not end the response. False: as of sendData. */
  flush(): boolean;
  /** The response cannot be completed: the client must see a truncation (RST, RST_STREAM), never a clean end. */
  reset(): void;
  /** Stop and go on reading the request's body. */
  pauseRequest(): void;
  resumeRequest(): void;
}

/** The connection a request came on. One object a connection. */
export interface ConnectionInfo {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly isTls: boolean;
  /** Lower case; empty without TLS or without SNI. */
  readonly serverName: string;
  /** Which Port accepted it: opaque to the codecs. */
  readonly port: unknown;
  /** Scratch of forwarding (the fields that name the client), made at the first request; opaque to everybody else. */
  identity?: unknown;
}

/** What a server codec calls. One object for all connections of a port. */
export interface ServerHooks {
  onRequest(head: RequestHead, downstream: Downstream, connection: ConnectionInfo): RequestSink;
  /** A request was refused before it became an exchange; the codec has answered it (status 0: the connection was just closed). */
  onRejected(connection: ConnectionInfo, status: number, reason: string): void;
}

/** A request to a backend. The fields as in RequestHead; `headers` without framing. */
export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  readonly headers: FieldList;
  readonly bodyLength: number;
  readonly upgrade: string;
  readonly expectsContinue: boolean;
  readonly takesTrailers: boolean;
  /** Shown to a TLS backend that asks for one. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Whose request it is, for backends that are told by a PROXY header. Absent: our own. */
  readonly connection?: ConnectionInfo;
  /** A connection that had stood idle was closed as this was written to it: no other idle one is tried. */
  readonly hasUsedFreeRetry?: boolean;
}

/** Why an upstream request failed. */
export interface UpstreamError {
  readonly kind:
    | 'Connect' // refused, unreachable, reset while connecting
    | 'ConnectTimeout'
    | 'Tls'
    | 'Closed' // the connection ended before any byte of the response
    | 'Reset' // it ended in mid-response
    | 'RefusedStream' // HTTP/2: surely not processed
    | 'Protocol'; // the response broke the protocol
  readonly message: string;
  /** The HTTP/2 error code, where the backend ended the stream by itself. */
  readonly resetCode?: number;
  /** The connection had served a request before: a kept-alive one may have been closed just as we wrote. */
  readonly isReused: boolean;
  /** Nothing of the request was written. */
  readonly isUnsent?: boolean;
}

/** Where a client codec delivers the response: the exchange, or a mirror. It always ends with onResponseEnd (also with BODY_NONE) or onUpstreamError. */
export interface ResponseSink {
  onInformational(status: number, headers: FieldList): void;
  /** `bodyLength` as framed (HEAD, 204, 304: BODY_NONE); `contentLength` as the header said, -1 without one. */
  onResponseHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void;
  onResponseData(buffer: Buffer, start: number, end: number): void;
  onResponseEnd(trailers: FieldList | null): void;
  /** A burst (one read of the socket) is over; whatever was batched may be flushed. Not called after onResponseEnd or onUpstreamError of this sink. */
  onResponseBurstEnd(): void;
  /** The backend can take more of the request's body. */
  onUpstreamDrain(): void;
  /** At most once, the last call; never from within Pool.open. */
  onUpstreamError(error: UpstreamError): void;
}

/** The request side of one upstream request; a client codec implements it. */
export interface Upstream {
  /** True: sent on a connection that had stood before, so that it cannot fail with `Connect` any more. Absent: not known. */
  readonly isReused?: boolean;
  sendData(buffer: Buffer, start: number, end: number): boolean;
  sendEnd(trailers: FieldList | null): void;
  /** Everything so far goes to the backend now. False: wait for onUpstreamDrain. */
  flush(): boolean;
  /** Forget it: an HTTP/1 connection is closed, an HTTP/2 stream cancelled. The sink hears nothing more. */
  abort(): void;
  pauseResponse(): void;
  resumeResponse(): void;
}

/** The connections to one endpoint, in one protocol. */
export interface Pool {
  /** Requests that wait for a connection to stand. Absent: not known. */
  readonly pending?: number;
  /** Sends the head (on an idle connection, or on a new one once it stands) and returns at once. With BODY_NONE the request is complete. */
  open(request: UpstreamRequest, sink: ResponseSink): Upstream;
  /** Idle connections close now, busy ones when they are done. */
  close(): void;
}
