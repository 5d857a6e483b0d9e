/** The metrics of connections that share listener, rule and backend and are carried as bytes. Knows no sockets. */
import type { FinishedTcp, StartedTcp, TcpCounts, TcpEnd } from '../tcp/tcp-observer.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import { keyOf, OpenSeries } from './open-series.ts';
import type { RequestNames } from './request-series.ts';
import { createIntern, type IsConfigured, type Retention } from './retention.ts';

/** Told when a connection is over, for the access log. */
export type OnTcp = (connection: FinishedTcp, names: RequestNames, reason: TcpEnd) => void;

const families = { open: 'headgate_tcp_connections', ended: 'headgate_tcp_connections_ended_total' } as const;

class TcpSeries implements TcpCounts {
  readonly #open: OpenSeries;
  readonly #cells: MetricCells;
  readonly #onTcp: OnTcp;
  readonly #request: Cell;
  readonly #response: Cell;

  constructor(connection: StartedTcp, cells: MetricCells, onTcp: OnTcp) {
    this.#open = new OpenSeries(connection, cells, families);
    this.#cells = cells;
    this.#onTcp = onTcp;
    const { names } = this.#open;
    this.#request = cells.cell('headgate_tcp_bytes_total', { ...names, direction: 'request' });
    this.#response = cells.cell('headgate_tcp_bytes_total', { ...names, direction: 'response' });
  }

  begin(): void {
    this.#open.begin();
  }

  onRequest(bytes: number): void {
    this.#request.add(bytes);
  }

  onResponse(bytes: number): void {
    this.#response.add(bytes);
  }

  onEnd(connection: FinishedTcp, reason: TcpEnd): void {
    this.#open.end(reason);
    this.#onTcp(connection, this.#open.names, reason);
  }

  isInUse(isConfigured: IsConfigured): boolean {
    return this.#open.isInUse(isConfigured);
  }

  release(): void {
    this.#open.release();
    for (const cell of [this.#request, this.#response]) this.#cells.release(cell);
  }
}

/** Finds the series of a connection that starts, or makes it. */
export function createTcpSeries(
  cells: MetricCells,
  retention: Retention,
  onTcp: OnTcp,
): (connection: StartedTcp) => TcpCounts {
  const intern = createIntern<TcpSeries>(retention);
  return (connection) => {
    const series = intern(keyOf(connection), () => new TcpSeries(connection, cells, onTcp));
    series.begin();
    return series;
  };
}
