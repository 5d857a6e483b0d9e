/** The metrics that connections and sessions have in common: how many are open, and why others ended. Knows no sockets. */
import type { BackendRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import type { MetricName } from './metric-families.ts';
import { namesOf, type RequestNames, type SeriesKeys } from './request-series.ts';
import type { IsConfigured, Retained } from './retention.ts';

/** What a connection or a session goes through. */
export interface Course {
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
}

export const keyOf = ({ listener, rule, backend }: Course): string => `${listener.key} ${rule.key} ${backend.key}`;

export class OpenSeries implements Retained {
  readonly names: RequestNames;
  readonly #keys: SeriesKeys;
  readonly #cells: MetricCells;
  readonly #open: Cell;
  readonly #endedName: MetricName;
  readonly #ended = new Map<string, Cell>();

  constructor({ listener, rule, backend }: Course, cells: MetricCells, of: { open: MetricName; ended: MetricName }) {
    this.names = namesOf(listener, rule, backend);
    this.#keys = { listener: listener.key, rule: rule.key, backend: backend.key };
    this.#cells = cells;
    this.#open = cells.cell(of.open, { ...this.names });
    this.#endedName = of.ended;
  }

  begin(): void {
    this.#open.add(1);
  }

  end(reason: string): void {
    this.#open.add(-1);
    let cell = this.#ended.get(reason);
    if (cell === undefined) {
      cell = this.#cells.cell(this.#endedName, { ...this.names, reason });
      this.#ended.set(reason, cell);
    }
    cell.add(1);
  }

  isInUse(isConfigured: IsConfigured): boolean {
    const { listener, rule, backend } = this.#keys;
    const isNamed =
      isConfigured('listeners', listener) && isConfigured('rules', rule) && isConfigured('backends', backend);
    return isNamed || this.#open.value !== 0;
  }

  release(): void {
    for (const cell of [this.#open, ...this.#ended.values()]) this.#cells.release(cell);
  }
}
