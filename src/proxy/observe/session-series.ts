/** The metrics of UDP sessions that share listener, rule and backend. Knows no sockets. */
import type { FinishedSession, SessionCounts, SessionEnd, StartedSession } from '../udp/udp-observer.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import type { Labels } from './metric-families.ts';
import { namesOf, type RequestNames } from './request-series.ts';
import type { IsConfigured, Retention } from './retention.ts';

/** Told when a session is over, for the access log. */
export type OnSession = (session: FinishedSession, names: RequestNames, reason: SessionEnd) => void;

class SessionSeries implements SessionCounts {
  readonly #names: RequestNames;
  readonly #keys: { readonly listener: string; readonly rule: string; readonly backend: string };
  readonly #cells: MetricCells;
  readonly #onSession: OnSession;
  readonly #open: Cell;
  readonly #requestDatagrams: Cell;
  readonly #requestBytes: Cell;
  readonly #responseDatagrams: Cell;
  readonly #responseBytes: Cell;
  readonly #ended = new Map<SessionEnd, Cell>();

  constructor(session: StartedSession, cells: MetricCells, onSession: OnSession) {
    const { listener, rule, backend } = session;
    this.#names = namesOf(listener, rule, backend);
    this.#keys = { listener: listener.key, rule: rule.key, backend: backend.key };
    this.#cells = cells;
    this.#onSession = onSession;
    const [request, response]: Labels[] = [
      { ...this.#names, direction: 'request' },
      { ...this.#names, direction: 'response' },
    ];
    this.#open = cells.cell('headgate_udp_sessions', { ...this.#names });
    this.#requestDatagrams = cells.cell('headgate_udp_datagrams_total', request!);
    this.#requestBytes = cells.cell('headgate_udp_bytes_total', request!);
    this.#responseDatagrams = cells.cell('headgate_udp_datagrams_total', response!);
    this.#responseBytes = cells.cell('headgate_udp_bytes_total', response!);
  }

  begin(): void {
    this.#open.add(1);
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
    this.#open.add(-1);
    let cell = this.#ended.get(reason);
    if (cell === undefined) {
      cell = this.#cells.cell('headgate_udp_sessions_ended_total', { ...this.#names, reason });
      this.#ended.set(reason, cell);
    }
    cell.add(1);
    this.#onSession(session, this.#names, reason);
  }

  isInUse(isConfigured: IsConfigured): boolean {
    const { listener, rule, backend } = this.#keys;
    const isNamed =
      isConfigured('listeners', listener) && isConfigured('rules', rule) && isConfigured('backends', backend);
    return isNamed || this.#open.value !== 0;
  }

  release(): void {
    const counts = [this.#requestDatagrams, this.#requestBytes, this.#responseDatagrams, this.#responseBytes];
    for (const cell of [this.#open, ...counts, ...this.#ended.values()]) this.#cells.release(cell);
  }
}

/** Finds the series of a session that starts, or makes it. */
export function createSessionSeries(
  cells: MetricCells,
  retention: Retention,
  onSession: OnSession,
): (session: StartedSession) => SessionCounts {
  const known = new Map<string, SessionSeries>();
  return (session) => {
    const key = `${session.listener.key} ${session.rule.key} ${session.backend.key}`;
    let series = known.get(key);
    if (series === undefined) {
      const made = new SessionSeries(session, cells, onSession);
      series = made;
      known.set(key, made);
      retention.add({
        isInUse: (isConfigured) => made.isInUse(isConfigured),
        release() {
          known.delete(key);
          made.release();
        },
      });
    }
    series.begin();
    return series;
  };
}
