/**
 * The proxy workers of this process with what they share: health checks, metrics and access log. Who feeds them is not its
 * business.
 */
import type { CertificateConfig, GatewayConfig, Table } from '../contract/gateway-config.ts';
import { DeadlineWheel } from '../lib/deadline-wheel.ts';
import type { ToProxy } from '../contract/messages.ts';
import type { Infrastructure, InfrastructureEvents, MessageFeed } from '../infrastructure/infrastructure.ts';
import { Workers } from '../infrastructure/workers.ts';
import { createCertificateOf } from '../proxy/health/client-certificates.ts';
import { type HealthChange, HealthChecks } from '../proxy/health/health-checks.ts';
import { createProbe } from '../proxy/health/probe.ts';
import { defaultLimits } from '../proxy/limits.ts';
import { createLogSink, type LogSink } from '../proxy/observe/log-sink.ts';
import { MetricsHub } from '../proxy/observe/metrics-hub.ts';
import { nameOfBackend } from '../proxy/observe/request-series.ts';
import type { WorkerReport } from '../proxy/worker.ts';
import { workerDataFor, workerEntry } from './worker-start.ts';

export interface WorkerProxiesOptions extends InfrastructureEvents {
  readonly workers: number;
  /** What Gateways without addresses listen on. */
  readonly defaultAddresses: readonly string[];
  readonly accessLog: 'off' | 'text' | 'json';
  /** `Shared`: replicas of this process may listen on the same ports. */
  readonly ports: 'Exclusive' | 'Shared';
  readonly channel: MessageFeed;
  /** What the workers serve, or are about to. */
  currentConfig(): GatewayConfig;
  /** Health checks found that an endpoint is unhealthy, or well again. */
  onHealth(change: HealthChange): void;
}

/** What of the access log may still be on its way to a slow reader when the process ends. */
const flushMs = 1000;

export class WorkerProxies implements Infrastructure {
  readonly #workers: Workers;
  readonly #metrics = new MetricsHub();
  readonly #accessLog: LogSink = createLogSink({ fd: 1 });
  readonly #channel: MessageFeed;
  readonly #sends = new Set<(message: ToProxy) => void>();
  /** Of the connections that probes make. */
  readonly #wheel = new DeadlineWheel();
  readonly #health: HealthChecks;
  #endHealth = (): void => {};

  constructor({ workers, defaultAddresses, accessLog, ports, onHealth, ...options }: WorkerProxiesOptions) {
    this.#health = new HealthChecks({
      probe: createProbe({ limits: defaultLimits, wheel: this.#wheel }),
      certificateOf: createCertificateOf(() => options.currentConfig()),
      maxProbes: defaultLimits.healthProbes,
      random: Math.random,
      onChange: onHealth,
    });
    this.#channel = options.channel;
    this.#workers = new Workers({
      ...options,
      channel: { subscribe: (send) => this.#feed(send) },
      count: workers,
      entry: workerEntry,
      workerData: workerDataFor({ workers, defaultAddresses, accessLog, ports }),
      onReport: (worker, report) => this.#receive(worker, report as WorkerReport),
      onExit: (worker) => this.#metrics.forget(worker),
    });
  }

  get absence(): string | null {
    return this.#workers.absence;
  }

  start(): Promise<void> {
    this.#wheel.start();
    this.#endHealth = this.#channel.subscribe((message) => this.#health.take(message));
    return this.#workers.start();
  }

  async drain(graceMs: number): Promise<void> {
    await this.#workers.drain(graceMs);
    this.#closeHealth();
    await this.#accessLog.flush(flushMs);
  }

  close(): Promise<void> {
    this.#closeHealth();
    return this.#workers.close();
  }

  /** In Prometheus' text format. */
  renderMetrics(certificates: Table<CertificateConfig>): string {
    this.#metrics.clear('headgate_certificate_expiry_timestamp_seconds');
    for (const { origin, notAfterMs } of Object.values(certificates)) {
      const labels = { namespace: origin.namespace, secret: origin.name };
      this.#metrics.set('headgate_certificate_expiry_timestamp_seconds', labels, notAfterMs / 1000);
    }
    this.#countEndpoints();
    this.#metrics.set('headgate_access_log_dropped_total', { at: 'output' }, this.#accessLog.droppedLines);
    return this.#metrics.render();
  }

  /** Workers hear the channel, health checks and each other. */
  #feed(send: (message: ToProxy) => void): () => void {
    this.#sends.add(send);
    const ends = [this.#channel.subscribe(send), this.#health.subscribe(send)];
    return () => {
      this.#sends.delete(send);
      for (const end of ends) end();
    };
  }

  #closeHealth(): void {
    this.#endHealth();
    this.#health.close();
    this.#wheel.close();
  }

  #countEndpoints(): void {
    const name = 'headgate_probed_endpoints';
    this.#metrics.clear(name);
    for (const { backend, ...counts } of this.#health.counts()) {
      const labels = { backend: nameOfBackend(backend) };
      for (const state of ['healthy', 'unhealthy'] as const)
        this.#metrics.set(name, { ...labels, state }, counts[state]);
    }
  }

  #receive(worker: number, report: WorkerReport): void {
    if (report.type === 'metrics') {
      this.#metrics.receive(worker, report);
      return;
    }
    if (report.type === 'ejection') {
      // Also to the one that it came from, which has left the endpoint out already.
      for (const send of this.#sends) send(report);
      return;
    }
    const { text, lines, written } = report;
    // The worker sees what is done, and drops what would be too much.
    this.#accessLog.write(text, lines, () => (new Float64Array(written)[0]! += text.length));
  }
}
