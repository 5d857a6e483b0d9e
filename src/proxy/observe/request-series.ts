/**
 * The metrics and names of requests that share listener, rule and backend. Found through `RuleRuntime.observed`, so that a
 * request costs a comparison; made once, and found again when a new snapshot brings new objects for the same keys.
 */
import { partsOf } from '../../contract/keys.ts';
import type { Origin } from '../../contract/gateway-config.ts';
import type { FinishedExchange } from '../exchange-observer.ts';
import type { BackendRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import type { Cell, Histogram, MetricCells } from './metric-cells.ts';
import type { Labels, MetricName } from './metric-families.ts';

/** What logs and metrics call the parts of a request; empty where it did not get that far. */
export interface RequestNames {
  readonly gateway: string;
  readonly listener: string;
  readonly route: string;
  readonly rule: string;
  readonly backend: string;
}

export class RequestSeries {
  readonly listenerKey: string;
  readonly backendKey: string;
  readonly names: RequestNames;
  readonly #cells: MetricCells;
  readonly #duration: Histogram;
  readonly #requestBytes: Cell;
  readonly #responseBytes: Cell;
  readonly #byStatus = new Map<number, Cell>();
  readonly #errors = new Map<string, Cell>();
  #retries: Cell | null = null;
  #lastStatus = -1;
  #lastCell: Cell | null = null;
  /** Scratch of the access log: the names as text. */
  logText = '';

  constructor(cells: MetricCells, keys: { listener: string; backend: string }, names: RequestNames) {
    this.#cells = cells;
    this.listenerKey = keys.listener;
    this.backendKey = keys.backend;
    this.names = names;
    const labels: Labels = { ...names };
    this.#duration = cells.histogram('headgate_request_duration_seconds', labels);
    this.#requestBytes = cells.cell('headgate_request_bytes_total', labels);
    this.#responseBytes = cells.cell('headgate_response_bytes_total', labels);
  }

  record(exchange: FinishedExchange): void {
    this.#statusCell(exchange.status).add(1);
    this.#duration.observe((exchange.finishedAt - exchange.startedAt) / 1000);
    if (exchange.requestBytes > 0) this.#requestBytes.add(exchange.requestBytes);
    if (exchange.responseBytes > 0) this.#responseBytes.add(exchange.responseBytes);
    if (exchange.retries > 0) (this.#retries ??= this.#cell('headgate_retries_total', {})).add(exchange.retries);
    if (exchange.upstreamError !== '') this.#errorCell(exchange.upstreamError).add(1);
  }

  #statusCell(status: number): Cell {
    if (status === this.#lastStatus && this.#lastCell !== null) return this.#lastCell;
    let cell = this.#byStatus.get(status);
    if (cell === undefined) {
      cell = this.#cell('headgate_requests_total', { code: status });
      this.#byStatus.set(status, cell);
    }
    this.#lastStatus = status;
    this.#lastCell = cell;
    return cell;
  }

  #errorCell(kind: string): Cell {
    let cell = this.#errors.get(kind);
    if (cell === undefined) {
      cell = this.#cell('headgate_upstream_errors_total', { kind });
      this.#errors.set(kind, cell);
    }
    return cell;
  }

  #cell(name: MetricName, more: Labels): Cell {
    return this.#cells.cell(name, { ...this.names, ...more });
  }
}

export interface SeriesFinder {
  find(exchange: FinishedExchange): RequestSeries;
}

/** One for each worker. */
export function createSeriesFinder(cells: MetricCells): SeriesFinder {
  const known = new Map<string, RequestSeries>();

  function intern(exchange: FinishedExchange): RequestSeries {
    const { listener, rule, backend } = exchange;
    const key = `${listener?.key ?? ''} ${rule?.key ?? ''} ${backend?.key ?? ''}`;
    let series = known.get(key);
    if (series === undefined) {
      const keys = { listener: listener?.key ?? '', backend: backend?.key ?? '' };
      series = new RequestSeries(cells, keys, namesOf(listener, rule, backend));
      known.set(key, series);
    }
    return series;
  }

  return {
    find(exchange) {
      const { rule } = exchange;
      if (rule === null) return intern(exchange);
      const listenerKey = exchange.listener?.key ?? '';
      const backendKey = exchange.backend?.key ?? '';
      const seen = rule.observed as RequestSeries[] | undefined;
      if (seen !== undefined) {
        for (let i = 0; i < seen.length; i++) {
          const series = seen[i]!;
          if (series.listenerKey === listenerKey && series.backendKey === backendKey) return series;
        }
      }
      const series = intern(exchange);
      if (seen === undefined) rule.observed = [series];
      else seen.push(series);
      return series;
    },
  };
}

function namesOf(
  listener: ListenerRuntime | null,
  rule: RuleRuntime | null,
  backend: BackendRuntime | null,
): RequestNames {
  const gateway = partsOf(listener?.config.gateway ?? '');
  return {
    gateway: listener === null ? '' : `${gateway.namespace}/${gateway.name}`,
    listener: listener?.config.origin.section ?? '',
    route: rule === null ? '' : nameOf(rule.route.origin),
    rule: rule?.config.origin.section ?? '',
    backend: backend === null ? '' : `${nameOf(backend.config.origin)}:${backend.config.port}`,
  };
}

function nameOf({ namespace, name }: Origin): string {
  return `${namespace}/${name}`;
}
