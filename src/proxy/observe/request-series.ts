/**
 * The metrics and names of requests that share listener, rule and backend. Found through `RuleRuntime.observed`, so that a
 * request costs a comparison; made once, and found again when a new snapshot brings new objects for the same keys.
 */
import { partsOf } from '../../contract/keys.ts';
import type { BackendConfig, Origin } from '../../contract/gateway-config.ts';
import type { FinishedExchange, ForwardedExchange } from '../exchange-observer.ts';
import type { BackendRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import { type Cell, type Held, type MetricCells, observe } from './metric-cells.ts';
import { boundsOf, type Labels, type MetricName } from './metric-families.ts';
import { createIntern, type IsConfigured, type Retention } from './retention.ts';

/** What logs and metrics call the parts of a request; empty where it did not get that far. */
export interface RequestNames {
  readonly gateway: string;
  readonly listener: string;
  readonly route: string;
  readonly rule: string;
  readonly backend: string;
}

/** Empty: none. */
export interface SeriesKeys {
  readonly listener: string;
  readonly rule: string;
  readonly backend: string;
}

/** No listener has this key: rules may remember series that are released. */
const RELEASED = '\0';

const DURATION = 'headgate_request_duration_seconds';
const durationBounds = boundsOf(DURATION) ?? [];
const always: readonly MetricName[] = [DURATION, 'headgate_request_bytes_total', 'headgate_response_bytes_total'];
/** With a backend: requests that have it and are not over. */
const withBackend: readonly MetricName[] = [...always, 'headgate_requests_in_flight'];

export class RequestSeries {
  listenerKey: string;
  readonly backendKey: string;
  readonly #keys: SeriesKeys;
  readonly names: RequestNames;
  readonly #metrics: MetricCells;
  /** What each request writes; -1: nowhere. Numbers here, because each object more is one more to fetch from memory. */
  readonly #row: Held;
  readonly #cells: Float64Array;
  readonly #duration: number;
  readonly #requestBytes: number;
  readonly #responseBytes: number;
  readonly #inFlight: number;
  readonly #byStatus = new Map<number, Cell>();
  readonly #byGrpcStatus = new Map<number, Cell>();
  readonly #errors = new Map<string, Cell>();
  #retries: Cell | null = null;
  #lastStatus = -1;
  #lastCell: Cell | null = null;
  /** Scratch of the access log: the names as text. */
  logText = '';

  constructor(metrics: MetricCells, keys: SeriesKeys, names: RequestNames) {
    this.#metrics = metrics;
    this.#keys = keys;
    this.listenerKey = keys.listener;
    this.backendKey = keys.backend;
    this.names = names;
    this.#row = metrics.row(keys.backend === '' ? always : withBackend, { ...names });
    this.#cells = this.#row.cells;
    const [duration, requestBytes, responseBytes, inFlight = -1] = this.#row.starts;
    this.#duration = duration!;
    this.#requestBytes = requestBytes!;
    this.#responseBytes = responseBytes!;
    this.#inFlight = inFlight;
  }

  begin(): void {
    if (this.#inFlight >= 0) this.#cells[this.#inFlight]! += 1;
  }

  end(): void {
    if (this.#inFlight >= 0) this.#cells[this.#inFlight]! -= 1;
  }

  isInUse(isConfigured: IsConfigured): boolean {
    if (this.#inFlight >= 0 && this.#cells[this.#inFlight] !== 0) return true;
    const { listener, rule, backend } = this.#keys;
    return (
      (listener === '' || isConfigured('listeners', listener)) &&
      (rule === '' || isConfigured('rules', rule)) &&
      (backend === '' || isConfigured('backends', backend))
    );
  }

  release(): void {
    this.listenerKey = RELEASED;
    const cells = [this.#retries, ...this.#byStatus.values(), ...this.#errors.values(), ...this.#byGrpcStatus.values()];
    for (const cell of cells) if (cell !== null) this.#metrics.release(cell);
    this.#metrics.release({ held: this.#row });
  }

  record(exchange: FinishedExchange): void {
    this.#statusCell(exchange.status).add(1);
    if (exchange.grpcStatus >= 0) this.#grpcCell(exchange.grpcStatus).add(1);
    const cells = this.#cells;
    observe(cells, this.#duration, durationBounds, (exchange.finishedAt - exchange.startedAt) / 1000);
    cells[this.#requestBytes]! += exchange.requestBytes;
    cells[this.#responseBytes]! += exchange.responseBytes;
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

  #grpcCell(status: number): Cell {
    let cell = this.#byGrpcStatus.get(status);
    if (cell === undefined) {
      cell = this.#cell('headgate_grpc_responses_total', { grpc_status: status });
      this.#byGrpcStatus.set(status, cell);
    }
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
    return this.#metrics.cell(name, { ...this.names, ...more });
  }
}

export interface SeriesFinder {
  find(exchange: ForwardedExchange): RequestSeries;
}

/** One for each worker. */
export function createSeriesFinder(cells: MetricCells, retention: Retention): SeriesFinder {
  const internAs = createIntern<RequestSeries>(retention);

  function intern({ listener, rule, backend }: ForwardedExchange): RequestSeries {
    const keys = { listener: listener?.key ?? '', rule: rule?.key ?? '', backend: backend?.key ?? '' };
    const key = `${keys.listener} ${keys.rule} ${keys.backend}`;
    return internAs(key, () => new RequestSeries(cells, keys, namesOf(listener, rule, backend)));
  }

  return {
    find(exchange) {
      const { rule } = exchange;
      if (rule === null) return intern(exchange);
      const listenerKey = exchange.listener?.key ?? '';
      const backendKey = exchange.backend?.key ?? '';
      const isSame = (series: RequestSeries) => series.listenerKey === listenerKey && series.backendKey === backendKey;
      const last = rule.observed as RequestSeries | undefined;
      if (last !== undefined && isSame(last)) return last;
      const all = (rule.allObserved ??= []) as RequestSeries[];
      let series = all.find(isSame);
      if (series === undefined) {
        series = intern(exchange);
        all.push(series);
      }
      rule.observed = series;
      return series;
    },
  };
}

/** Null: it did not get that far. */
export function namesOf(
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
    backend: backend === null ? '' : nameOfBackend(backend.config),
  };
}

/** `namespace/name:port`. */
export function nameOfBackend({ origin, port }: BackendConfig): string {
  return `${nameOf(origin)}:${port}`;
}

function nameOf({ namespace, name }: Origin): string {
  return `${namespace}/${name}`;
}
