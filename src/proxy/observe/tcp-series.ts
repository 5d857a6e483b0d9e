/** The metrics of connections that share listener, rule and backend and are carried as bytes. Knows no sockets. */
import type { FinishedTcp, StartedTcp, TcpCounts, TcpEnd } from '../tcp/tcp-observer.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import { namesOf, type RequestNames } from './request-series.ts';
import type { IsConfigured, Retention } from './retention.ts';

/** Told when a connection is over, for the access log. */
export type OnTcp = (connection: FinishedTcp, names: RequestNames, reason: TcpEnd) => void;

class TcpSeries implements TcpCounts {
  readonly #names: RequestNames;
  readonly #keys: { readonly listener: string; readonly rule: string; readonly backend: string };
  readonly #cells: MetricCells;
  readonly #onTcp: OnTcp;
  readonly #open: Cell;
  readonly #request: Cell;
  readonly #response: Cell;
  readonly #ended = new Map<TcpEnd, Cell>();

  constructor({ listener, rule, backend }: StartedTcp, cells: MetricCells, onTcp: OnTcp) {
    this.#names = namesOf(listener, rule, backend);
    this.#keys = { listener: listener.key, rule: rule.key, backend: backend.key };
    this.#cells = cells;
    this.#onTcp = onTcp;
    this.#open = cells.cell('headgate_tcp_connections', { ...this.#names });
    this.#request = cells.cell('headgate_tcp_bytes_total', { ...this.#names, direction: 'request' });
    this.#response = cells.cell('headgate_tcp_bytes_total', { ...this.#names, direction: 'response' });
  }

  begin(): void {
    this.#open.add(1);
  }

  onRequest(bytes: number): void {
    this.#request.add(bytes);
  }

  onResponse(bytes: number): void {
    this.#response.add(bytes);
  }

  onEnd(connection: FinishedTcp, reason: TcpEnd): void {
    this.#open.add(-1);
    let cell = this.#ended.get(reason);
    if (cell === undefined) {
      cell = this.#cells.cell('headgate_tcp_connections_ended_total', { ...this.#names, reason });
      this.#ended.set(reason, cell);
    }
    cell.add(1);
    this.#onTcp(connection, this.#names, reason);
  }

  isInUse(isConfigured: IsConfigured): boolean {
    const { listener, rule, backend } = this.#keys;
    const isNamed =
      isConfigured('listeners', listener) && isConfigured('rules', rule) && isConfigured('backends', backend);
    return isNamed || this.#open.value !== 0;
  }

  release(): void {
    for (const cell of [this.#open, this.#request, this.#response, ...this.#ended.values()]) this.#cells.release(cell);
  }
}

/** Finds the series of a connection that starts, or makes it. */
export function createTcpSeries(
  cells: MetricCells,
  retention: Retention,
  onTcp: OnTcp,
): (connection: StartedTcp) => TcpCounts {
  const known = new Map<string, TcpSeries>();
  return (connection) => {
    const key = `${connection.listener.key} ${connection.rule.key} ${connection.backend.key}`;
    let series = known.get(key);
    if (series === undefined) {
      const made = new TcpSeries(connection, cells, onTcp);
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
