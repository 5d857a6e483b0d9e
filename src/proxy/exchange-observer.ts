/** What is told about an exchange when it is over: the seam between forwarding and metrics, logs and traces. Types only. */
import type { ConnectionInfo, RequestHead, UpstreamError } from './http/streams.ts';
import type { BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from './runtime.ts';

/** What it goes by, when it has got a backend. */
export interface ForwardedExchange {
  /** Null as far as the exchange did not get. */
  readonly listener: ListenerRuntime | null;
  readonly rule: RuleRuntime | null;
  readonly backend: BackendRuntime | null;
  /** Scratch of the observer; null until it sets it. */
  observed: unknown;
}

/** Reading it costs nothing: it is the exchange itself. Valid until `onFinish` returns. Times are monotonic milliseconds. */
export interface FinishedExchange extends ForwardedExchange {
  /** The request as it came. */
  readonly head: RequestHead;
  readonly connection: ConnectionInfo;
  /** Lower case, without port. */
  readonly host: string;
  /** Of the last try. */
  readonly endpoint: EndpointRuntime | null;
  /** What the client got; 499 where it left before an answer (as nginx says it). */
  readonly status: number;
  /** CamelCase word: why the answer is our own, or why the exchange was cut. Empty: the backend answered in full. */
  readonly reason: string;
  /** The gRPC status of a call; -1: it was none, or ended without. */
  readonly grpcStatus: number;
  /** The last failure of a try, also where a later one succeeded. */
  readonly upstreamError: UpstreamError['kind'] | '';
  /** Further tries after the first, of any cause. */
  readonly retries: number;
  readonly startedAt: number;
  /** Head of the response sent; 0: none was. */
  readonly respondedAt: number;
  readonly finishedAt: number;
  /** Of bodies, without framing. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface Observer {
  /** At most once for each exchange, when its backend is chosen; `onFinish` follows. Must not throw. */
  onForward(exchange: ForwardedExchange): void;
  /** Once for each exchange, on its last turn. Must not throw and must not keep it. */
  onFinish(exchange: FinishedExchange): void;
}
