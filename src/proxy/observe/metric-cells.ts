/**
 * The metrics of one worker: numbers in memory that the main thread reads while the worker writes, so that a sample costs
 * an addition. Which number is what is told to the main thread once, by message. Knows no exchanges.
 */
import { boundsOf, cellsOf, type Labels, type MetricName } from './metric-families.ts';

/** What a worker tells the main thread. Cells are 64-bit floats in `buffer`. */
export interface MetricsReport {
  readonly type: 'metrics';
  /** New memory, with its number; none when it fits into what is there. */
  readonly blocks: readonly { readonly block: number; readonly buffer: SharedArrayBuffer }[];
  readonly series: readonly SeriesPlace[];
}

export interface SeriesPlace {
  readonly name: MetricName;
  readonly labels: Labels;
  readonly block: number;
  /** Of its first cell. */
  readonly index: number;
}

const CELLS_PER_BLOCK = 4096;

/** A counter or gauge. Only its worker writes it, so nothing need be atomic. */
export class Cell {
  readonly #cells: Float64Array;
  readonly #index: number;

  constructor(cells: Float64Array, index: number) {
    this.#cells = cells;
    this.#index = index;
  }

  add(amount: number): void {
    this.#cells[this.#index]! += amount;
  }

  set(value: number): void {
    this.#cells[this.#index] = value;
  }
}

export class Histogram {
  readonly #cells: Float64Array;
  readonly #index: number;
  readonly #bounds: readonly number[];

  constructor(cells: Float64Array, index: number, bounds: readonly number[]) {
    this.#cells = cells;
    this.#index = index;
    this.#bounds = bounds;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    // Most samples are in the first few buckets.
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#cells[this.#index + bucket]! += 1;
    this.#cells[this.#index + bounds.length + 1]! += value;
  }
}

/** Hands out the cells of one worker. A series should be asked for once and kept. */
export class MetricCells {
  readonly #send: (report: MetricsReport) => void;
  #current: Float64Array = new Float64Array(0);
  #used = 0;
  #block = -1;
  #blocks: { block: number; buffer: SharedArrayBuffer }[] = [];
  #series: SeriesPlace[] = [];

  constructor(send: (report: MetricsReport) => void) {
    this.#send = send;
  }

  /** A counter or gauge. */
  cell(name: MetricName, labels: Labels): Cell {
    const index = this.#place(name, labels);
    return new Cell(this.#current, index);
  }

  histogram(name: MetricName, labels: Labels): Histogram {
    const index = this.#place(name, labels);
    return new Histogram(this.#current, index, boundsOf(name) ?? []);
  }

  #place(name: MetricName, labels: Labels): number {
    const count = cellsOf(name);
    if (this.#used + count > this.#current.length) this.#addBlock();
    const index = this.#used;
    this.#used += count;
    this.#announce({ name, labels, block: this.#block, index });
    return index;
  }

  #addBlock(): void {
    const buffer = new SharedArrayBuffer(CELLS_PER_BLOCK * Float64Array.BYTES_PER_ELEMENT);
    this.#current = new Float64Array(buffer);
    this.#used = 0;
    this.#blocks.push({ block: ++this.#block, buffer });
  }

  /** Many series are often made in one turn; one message tells of them all. */
  #announce(place: SeriesPlace): void {
    if (this.#series.push(place) > 1) return;
    setImmediate(() => {
      const report: MetricsReport = { type: 'metrics', blocks: this.#blocks, series: this.#series };
      this.#blocks = [];
      this.#series = [];
      this.#send(report);
    });
  }
}
