/** What happens to each finished exchange of a worker: metrics always, an access log line where wanted. */
import type { FinishedExchange, Observer } from '../exchange-observer.ts';
import { createAccessLog, type AccessLog, type AccessLogFormat } from './access-log.ts';
import { type Cell, MetricCells, type MetricsReport } from './metric-cells.ts';
import { createSeriesFinder } from './request-series.ts';

/** Lines for the main thread, which alone writes to stdout. */
export interface AccessLogReport {
  readonly type: 'accessLog';
  readonly text: string;
  readonly lines: number;
  /** One 64-bit float: characters of this worker's lines that the main thread has written or dropped. */
  readonly written: SharedArrayBuffer;
}

/** What a worker reports to the main thread besides its answers to the channel. */
export type WorkerReport = MetricsReport | AccessLogReport;

export interface WorkerObserver extends Observer {
  readonly cells: MetricCells;
  /** A request was refused by a codec; `reason` is one of a few words. */
  onRejectedRequest(reason: string): void;
  flush(): void;
}

export interface WorkerObserverOptions {
  readonly accessLog: AccessLogFormat | 'off';
  send(report: WorkerReport): void;
}

/** What may wait for the main thread: about two seconds of a busy worker. */
const MAX_WAITING_CHARS = 2 * 1024 * 1024;

export function createObserver({ accessLog, send }: WorkerObserverOptions): WorkerObserver {
  const cells = new MetricCells(send);
  const series = createSeriesFinder(cells);
  const log = accessLog === 'off' ? null : logThrough(accessLog, cells, send);
  const rejected = new Map<string, Cell>();
  return {
    cells,
    flush: () => log?.flush(),
    onFinish(exchange: FinishedExchange) {
      const found = series.find(exchange);
      found.record(exchange);
      if (log !== null) log.add(exchange, found);
    },
    onRejectedRequest(reason) {
      let cell = rejected.get(reason);
      if (cell === undefined) {
        cell = cells.cell('headgate_rejected_requests_total', { reason });
        rejected.set(reason, cell);
      }
      cell.add(1);
    },
  };
}

function logThrough(format: AccessLogFormat, cells: MetricCells, send: (report: WorkerReport) => void): AccessLog {
  const written = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT);
  const progress = new Float64Array(written);
  const dropped = cells.cell('headgate_access_log_dropped_total', { at: 'worker' });
  let sent = 0;
  return createAccessLog({
    format,
    date: () => Date.now(),
    onDropped: (lines) => dropped.add(lines),
    write(text, lines) {
      if (sent - progress[0]! > MAX_WAITING_CHARS) return false;
      sent += text.length;
      send({ type: 'accessLog', text, lines, written });
      return true;
    },
  });
}
