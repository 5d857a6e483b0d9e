/** The proxy workers of this process with what they report: metrics and access log. Who feeds them is not its business. */
import type { CertificateConfig, Table } from '../contract/gateway-config.ts';
import type { Infrastructure, InfrastructureEvents, MessageFeed } from '../infrastructure/infrastructure.ts';
import { Workers } from '../infrastructure/workers.ts';
import { createLogSink, type LogSink } from '../proxy/observe/log-sink.ts';
import { MetricsHub } from '../proxy/observe/metrics-hub.ts';
import type { WorkerReport } from '../proxy/observe/observer.ts';
import { workerDataFor, workerEntry } from './worker-start.ts';

export interface WorkerProxiesOptions extends InfrastructureEvents {
  readonly workers: number;
  /** What Gateways without addresses listen on. */
  readonly defaultAddresses: readonly string[];
  readonly accessLog: 'off' | 'text' | 'json';
  /** `Shared`: replicas of this process may listen on the same ports. */
  readonly ports: 'Exclusive' | 'Shared';
  readonly channel: MessageFeed;
}

/** What of the access log may still be on its way to a slow reader when the process ends. */
const flushMs = 1000;

export class WorkerProxies implements Infrastructure {
  readonly #workers: Workers;
  readonly #metrics = new MetricsHub();
  readonly #accessLog: LogSink = createLogSink({ fd: 1 });

  constructor({ workers, defaultAddresses, accessLog, ports, ...options }: WorkerProxiesOptions) {
    this.#workers = new Workers({
      ...options,
      count: workers,
      entry: workerEntry,
      workerData: workerDataFor({ workers, defaultAddresses, accessLog, ports }),
      onReport: (worker, report) => this.#receive(worker, report as WorkerReport),
      onExit: (worker) => this.#metrics.forget(worker),
    });
  }

  start(): Promise<void> {
    return this.#workers.start();
  }

  async drain(graceMs: number): Promise<void> {
    await this.#workers.drain(graceMs);
    await this.#accessLog.flush(flushMs);
  }

  close(): Promise<void> {
    return this.#workers.close();
  }

  /** In Prometheus' text format. */
  renderMetrics(certificates: Table<CertificateConfig>): string {
    this.#metrics.clear('headgate_certificate_expiry_timestamp_seconds');
    for (const { origin, notAfterMs } of Object.values(certificates)) {
      const labels = { namespace: origin.namespace, secret: origin.name };
      this.#metrics.set('headgate_certificate_expiry_timestamp_seconds', labels, notAfterMs / 1000);
    }
    this.#metrics.set('headgate_access_log_dropped_total', { at: 'output' }, this.#accessLog.droppedLines);
    return this.#metrics.render();
  }

  #receive(worker: number, report: WorkerReport): void {
    if (report.type === 'metrics') {
      this.#metrics.receive(worker, report);
      return;
    }
    const { text, lines, written } = report;
    // The worker sees what is done, and drops what would be too much.
    this.#accessLog.write(text, lines, () => (new Float64Array(written)[0]! += text.length));
  }
}
