/** What is told about connections that are carried as bytes: the seam between them and metrics and logs. Types only. */
import type { BackendRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';

/** Why a connection ended. docs/metrics.md explains each. */
export type TcpEnd =
  | 'Closed'
  | 'ClientReset'
  | 'BackendReset'
  | 'ConnectFailed'
  | 'ConnectTimeout'
  | 'BackendTlsFailed'
  | 'Idle'
  | 'Stalled'
  | 'Shutdown';

export interface StartedTcp {
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
}

/** Valid until `onEnd` returns. Times are monotonic milliseconds; bytes are those that were carried. */
export interface FinishedTcp extends StartedTcp {
  /** Of the last try, `address:port`. */
  readonly endpoint: string;
  readonly clientAddress: string;
  readonly clientPort: number;
  /** SNI; empty: none. A client's text, of printable ASCII. */
  readonly serverName: string;
  readonly startedAt: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Counts the connections that share listener, rule and backend. */
export interface TcpCounts {
  onRequest(bytes: number): void;
  onResponse(bytes: number): void;
  /** Once for each `onStart`. */
  onEnd(connection: FinishedTcp, reason: TcpEnd): void;
}

/** A connection that was closed before it had a backend. */
export interface RefusedTcp {
  readonly listeners: readonly ListenerRuntime[];
  /** Null: it did not get so far. */
  readonly listener: ListenerRuntime | null;
  readonly port: number;
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly serverName: string;
  /** One of a fixed set of CamelCase words. */
  readonly reason: string;
}

export interface TcpObserver {
  onStart(connection: StartedTcp): TcpCounts;
  onRefused(connection: RefusedTcp): void;
}
