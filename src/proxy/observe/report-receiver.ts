/** The main thread's end of what workers report: metrics are added up, log lines are written. Knows no proxies. */
import type { CertificateConfig, Table } from '../../contract/gateway-config.ts';
import { createLogSink } from './log-sink.ts';
import { MetricsHub } from './metrics-hub.ts';
import type { WorkerReport } from './observer.ts';

export interface ReportReceiver {
  /** What a worker posted that is no channel message. */
  receive(worker: number, report: unknown): void;
  /** The worker is gone. */
  forget(worker: number): void;
  /** Prometheus text. `certificates` are those in use now. */
  render(certificates: Table<CertificateConfig>): string;
  /** Waits until the lines received so far are written, but no longer than `limitMs`. */
  flush(limitMs: number): Promise<void>;
}

/** `fd`: where access log lines go, 1 for stdout. */
export function createReportReceiver(fd: number): ReportReceiver {
  const hub = new MetricsHub();
  const sink = createLogSink({ fd });
  return {
    receive(worker, message) {
      const report = message as WorkerReport;
      if (report.type === 'metrics') hub.receive(worker, report);
      else {
        const progress = new Float64Array(report.written);
        sink.write(report.text, report.lines, () => (progress[0]! += report.text.length));
      }
    },
    forget: (worker) => hub.forget(worker),
    flush: (limitMs) => sink.flush(limitMs),
    render(certificates) {
      hub.clear('headgate_certificate_expiry_timestamp_seconds');
      for (const { origin, notAfterMs } of Object.values(certificates)) {
        const labels = { namespace: origin.namespace, name: origin.name };
        hub.set('headgate_certificate_expiry_timestamp_seconds', labels, notAfterMs / 1000);
      }
      hub.set('headgate_access_log_dropped_total', { at: 'output' }, sink.droppedLines);
      return hub.render();
    },
  };
}
