/** The metrics of UDP sessions that share listener, rule and backend. Knows no sockets. */
import type { FinishedSession, SessionCounts, SessionEnd, StartedSession } from '../udp/udp-observer.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import { keyOf, OpenSeries } from './open-series.ts';
import type { RequestNames } from './request-series.ts';
import { createIntern, type IsConfigured, type Retention } from './retention.ts';

/** Told when a session is over, for the access log. */
export type OnSession = (session: FinishedSession, names: RequestNames, reason: SessionEnd) => void;

const families = { open: 'headgate_udp_sessions', ended: 'headgate_udp_sessions_ended_total' } as const;

class SessionSeries implements SessionCounts {
  readonly #open: OpenSeries;
  readonly #cells: MetricCells;
  readonly #onSession: OnSession;
  readonly #requestDatagrams: Cell;
  readonly #requestBytes: Cell;
  readonly #responseDatagrams: Cell;
  readonly #responseBytes: Cell;

  constructor(session: StartedSession, cells: MetricCells, onSession: OnSession) {
    this.#open = new OpenSeries(session, cells, families);
    this.#cells = cells;
    this.#onSession = onSession;
    const request = { ...this.#open.names, direction: 'request' };
    const response = { ...this.#open.names, direction: 'response' };
    this.#requestDatagrams = cells.cell('headgate_udp_datagrams_total', request);
    this.#requestBytes = cells.cell('headgate_udp_bytes_total', request);
    this.#responseDatagrams = cells.cell('headgate_udp_datagrams_total', response);
    this.#responseBytes = cells.cell('headgate_udp_bytes_total', response);
  }

  begin(): void {
    this.#open.begin();
  }

  onRequest(bytes: number): void {
    this.#requestDatagrams.add(1);
    this.#requestBytes.add(bytes);
  }

  onResponse(bytes: number): void {
    this.#responseDatagrams.add(1);
    this.#responseBytes.add(bytes);
  }

  onEnd(session: FinishedSession, reason: SessionEnd): void {
    this.#open.end(reason);
    this.#onSession(session, this.#open.names, reason);
  }

  isInUse(isConfigured: IsConfigured): boolean {
    return this.#open.isInUse(isConfigured);
  }

  release(): void {
    this.#open.release();
    const counts = [this.#requestDatagrams, this.#requestBytes, this.#responseDatagrams, this.#responseBytes];
    for (const cell of counts) this.#cells.release(cell);
  }
}

/** Finds the series of a session that starts, or makes it. */
export function createSessionSeries(
  cells: MetricCells,
  retention: Retention,
  onSession: OnSession,
): (session: StartedSession) => SessionCounts {
  const intern = createIntern<SessionSeries>(retention);
  return (session) => {
    const series = intern(keyOf(session), () => new SessionSeries(session, cells, onSession));
    series.begin();
    return series;
  };
}
