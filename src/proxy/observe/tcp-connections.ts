/** What happens to the connections of a worker that are carried as bytes: metrics always, an access log line where wanted. */
import type { TcpObserver } from '../tcp/tcp-observer.ts';
import type { AccessLog } from './access-log.ts';
import type { MetricCells } from './metric-cells.ts';
import type { Retention } from './retention.ts';
import { createTcpSeries } from './tcp-series.ts';

export interface TcpObserverParts {
  readonly cells: MetricCells;
  readonly retention: Retention;
  /** Null: nothing is logged. */
  readonly log: AccessLog | null;
}

export function createTcpObserver({ cells, retention, log }: TcpObserverParts): TcpObserver {
  return {
    onStart: createTcpSeries(cells, retention, (connection, names, reason) => {
      if (log === null) return;
      const durationMs = Math.round((performance.now() - connection.startedAt) * 1000) / 1000;
      log.addTcp({ connection, names, reason, durationMs });
    }),
    onRefused: (connection) => log?.addRefusedTcp(connection),
  };
}
