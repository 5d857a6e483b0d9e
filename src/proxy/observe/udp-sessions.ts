/** What happens to the UDP sessions of a worker: metrics always, an access log line where wanted. */
import type { UdpObserver } from '../udp/udp-observer.ts';
import type { AccessLog } from './access-log.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import type { Retention } from './retention.ts';
import { createSessionSeries } from './session-series.ts';

export interface UdpObserverParts {
  readonly cells: MetricCells;
  readonly retention: Retention;
  /** Null: nothing is logged. */
  readonly log: AccessLog | null;
}

export function createUdpObserver({ cells, retention, log }: UdpObserverParts): UdpObserver {
  const dropped = new Map<string, Cell>();
  return {
    onSessionStart: createSessionSeries(cells, retention, (session, names, reason) => {
      if (log === null) return;
      const durationMs = Math.round((performance.now() - session.startedAt) * 1000) / 1000;
      log.addSession({ session, names, reason, durationMs });
    }),
    onDropped({ address, port }, reason) {
      const key = `${address} ${port} ${reason}`;
      let cell = dropped.get(key);
      if (cell === undefined) {
        cell = cells.cell('headgate_udp_dropped_datagrams_total', { address, port, reason });
        dropped.set(key, cell);
      }
      cell.add(1);
    },
  };
}
