/** Where proxies run, as the wiring sees it: threads of this process, or processes beside it. Types only. */
import type { ListenerProblem, ToProxy } from '../contract/messages.ts';

export interface Infrastructure {
  /** Why nobody serves anything, and the way out; null: a proxy does, or is about to. */
  readonly absence: string | null;
  /** Brings the proxies up; resolves when they run. They serve as soon as the channel has a version for them. */
  start(): Promise<void>;
  /** No new connections; what is in flight ends within `graceMs`, the rest is cut. Resolves when the proxies are gone. */
  drain(graceMs: number): Promise<void>;
  /** Ends the proxies now, with whatever is in flight. */
  close(): Promise<void>;
}

/** What the proxies report. */
export interface InfrastructureEvents {
  /** Every proxy that runs serves this version, but for the listeners named. */
  onAcknowledged(version: number, problems: readonly ListenerProblem[]): void;
  /** A proxy could not take this version and serves the one before. */
  onRefused(version: number, message: string): void;
  /** No proxy is left that serves anything. */
  onUnserved(): void;
  /** Worth a line in the log, such as a proxy that crashed and is being replaced. */
  onTrouble(message: string): void;
}

/** Where a proxy's messages come from: a channel. */
export interface MessageFeed {
  /** `send` gets everything that is known at once, then every change. Returns what ends it. */
  subscribe(send: (message: ToProxy) => void): () => void;
}
