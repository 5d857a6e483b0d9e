/** What is told about UDP sessions: the seam between them and metrics and logs. Types only. */
import type { BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';

/** Why a session ended. docs/metrics.md explains each. */
export type SessionEnd =
  | 'Idle'
  | 'Evicted'
  | 'EndpointGone'
  | 'RouteChanged'
  | 'BackendUnreachable'
  | 'ListenerGone'
  | 'Shutdown';

export interface StartedSession {
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
}

/** Valid until `onSessionEnd` returns. Times are monotonic milliseconds; bytes are those of datagrams, without headers. */
export interface FinishedSession extends StartedSession {
  readonly endpoint: EndpointRuntime;
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly startedAt: number;
  readonly requestDatagrams: number;
  readonly requestBytes: number;
  readonly responseDatagrams: number;
  readonly responseBytes: number;
}

/** Counts the sessions that share listener, rule and backend. */
export interface SessionCounts {
  onRequest(bytes: number): void;
  onResponse(bytes: number): void;
  /** Once for each `onSessionStart`. */
  onEnd(session: FinishedSession, reason: SessionEnd): void;
}

export interface UdpObserver {
  onSessionStart(session: StartedSession): SessionCounts;
  /** A datagram was thrown away; `reason` is one of a fixed set of CamelCase words. */
  onDropped(listening: { readonly address: string; readonly port: number }, reason: string): void;
}
