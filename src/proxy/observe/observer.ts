/** What happens to each finished exchange of a worker: metrics always, an access log line where wanted. */
import type { BackendConfig } from '../../contract/gateway-config.ts';
import type { FinishedExchange, ForwardedExchange, Observer } from '../exchange-observer.ts';
import type { ConnectionInfo } from '../http/streams.ts';
import type { PortObserver } from '../listeners/port.ts';
import type { PortRuntime } from '../runtime.ts';
import type { TcpObserver } from '../tcp/tcp-observer.ts';
import type { UdpObserver } from '../udp/udp-observer.ts';
import { createAccessLog, type AccessLog, type AccessLogFormat, type RejectedRequest } from './access-log.ts';
import { type Cell, MetricCells, type MetricsReport } from './metric-cells.ts';
import { ownerBySni, ownerOf } from './port-owner.ts';
import { createPortObservers } from './port-observers.ts';
import { createSeriesFinder, type RequestSeries } from './request-series.ts';
import { type IsConfigured, Retention } from './retention.ts';
import { createTcpObserver } from './tcp-connections.ts';
import { createUdpObserver } from './udp-sessions.ts';
import { createUpstreamConnections, type UpstreamConnections } from './upstream-connections.ts';

/** Lines for the main thread, which alone writes to stdout. */
export interface AccessLogReport {
  readonly type: 'accessLog';
  readonly text: string;
  readonly lines: number;
  /** One 64-bit float: characters of this worker's lines that the main thread has written or dropped. */
  readonly written: SharedArrayBuffer;
}

/** What an observer tells the main thread. */
export type ObserverReport = MetricsReport | AccessLogReport;

export interface WorkerObserver extends Observer {
  readonly cells: MetricCells;
  /** A request was refused by a codec; `reason` is one of a few words. Status 0: nothing was answered. */
  onRejectedRequest(connection: ConnectionInfo, status: number, reason: string): void;
  portObserver(address: string, port: number): PortObserver;
  upstreamConnections(backend: BackendConfig): UpstreamConnections;
  readonly tcp: TcpObserver;
  readonly udp: UdpObserver;
  /** Forgets series of what has not been configured for a while. To be called every SWEEP_MS. */
  sweep(now: number, isConfigured: IsConfigured): void;
  flush(): void;
}

export interface WorkerObserverOptions {
  readonly accessLog: AccessLogFormat | 'off';
  send(report: ObserverReport): void;
}

/** What may wait for the main thread: about two seconds of a busy worker. */
const MAX_WAITING_CHARS = 2 * 1024 * 1024;

export function createObserver({ accessLog, send }: WorkerObserverOptions): WorkerObserver {
  const cells = new MetricCells(send);
  const retention = new Retention();
  const series = createSeriesFinder(cells, retention);
  const log = accessLog === 'off' ? null : logThrough(accessLog, cells, send);
  const rejected = new Map<string, Cell>();
  return {
    cells,
    flush: () => log?.flush(),
    portObserver: createPortObservers(cells, retention),
    upstreamConnections: createUpstreamConnections(cells, retention),
    tcp: createTcpObserver({ cells, retention, log }),
    udp: createUdpObserver({ cells, retention, log }),
    sweep(now, isConfigured) {
      cells.recycle();
      retention.sweep(now, isConfigured);
    },
    onForward(exchange: ForwardedExchange) {
      const found = series.find(exchange);
      exchange.observed = found;
      found.begin();
    },
    onFinish(exchange: FinishedExchange) {
      const begun = exchange.observed as RequestSeries | null;
      const found = begun ?? series.find(exchange);
      if (begun !== null) begun.end();
      found.record(exchange);
      if (log !== null) log.add(exchange, found);
    },
    onRejectedRequest(connection, status, reason) {
      if (log !== null) log.addRejected(rejectionOf(connection, status, reason));
      let cell = rejected.get(reason);
      if (cell === undefined) {
        cell = cells.cell('headgate_rejected_requests_total', { reason });
        rejected.set(reason, cell);
      }
      cell.add(1);
    },
  };
}

function rejectionOf(connection: ConnectionInfo, status: number, reason: string): RejectedRequest {
  const { port, listeners } = connection.port as PortRuntime;
  const owner = (connection.isTls ? ownerBySni(listeners, connection.serverName) : null) ?? ownerOf(listeners);
  return { ...owner, client: connection.remoteAddress, port, isTls: connection.isTls, status, reason };
}

function logThrough(format: AccessLogFormat, cells: MetricCells, send: (report: ObserverReport) => void): AccessLog {
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
