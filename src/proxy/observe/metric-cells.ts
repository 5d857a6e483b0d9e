/**
 * The metrics of one worker: numbers in memory that the main thread reads while the worker writes, so that a sample costs
 * an addition. Which number is what is told to the main thread once, by message. Knows no exchanges.
 */
import { cellsOf, type Labels, type MetricName } from './metric-families.ts';

/** What a worker tells the main thread. Cells are 64-bit floats in `buffer`. */
export interface MetricsReport {
  readonly type: 'metrics';
  /** New memory, with its number; none when it fits into what is there. */
  readonly blocks: readonly { readonly block: number; readonly buffer: SharedArrayBuffer }[];
  readonly series: readonly SeriesPlace[];
  /** Series that this worker will not write any more; taken after `series` of the same report. */
  readonly released: readonly CellPlace[];
}

export interface CellPlace {
  readonly block: number;
  /** Of its first cell. */
  readonly index: number;
}

export interface SeriesPlace extends CellPlace {
  readonly name: MetricName;
  readonly labels: Labels;
}

const CELLS_PER_BLOCK = 4096;

/** Where one or more series are, so that they can be given back. */
export interface Held extends CellPlace {
  readonly cells: Float64Array;
  /** The first cell of each series. */
  readonly starts: readonly number[];
  readonly count: number;
}

/** A counter or gauge. Only its worker writes it, so nothing need be atomic. */
export class Cell {
  readonly held: Held;
  readonly #cells: Float64Array;
  readonly #index: number;

  constructor(held: Held) {
    this.held = held;
    this.#cells = held.cells;
    this.#index = held.index;
  }

  get value(): number {
    return this.#cells[this.#index]!;
  }

  add(amount: number): void {
    this.#cells[this.#index]! += amount;
  }

  set(value: number): void {
    this.#cells[this.#index] = value;
  }
}

/** Counts a sample of a histogram whose cells begin at `start`. */
export function observe(cells: Float64Array, start: number, bounds: readonly number[], value: number): void {
  let bucket = 0;
  // Most samples are in the first few buckets.
  while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
  cells[start + bucket]! += 1;
  cells[start + bounds.length + 1]! += value;
}

/** Hands out the cells of one worker. A series should be asked for once and kept. */
export class MetricCells {
  readonly #send: (report: MetricsReport) => void;
  #current: Float64Array = new Float64Array(0);
  #used = 0;
  #block = -1;
  #blocks: { block: number; buffer: SharedArrayBuffer }[] = [];
  #series: SeriesPlace[] = [];
  #released: CellPlace[] = [];
  #isAnnouncing = false;
  /** Given back, but the main thread may not know yet. */
  #resting: Held[] = [];
  /** To be used again, by the number of cells. */
  readonly #free = new Map<number, Held[]>();

  constructor(send: (report: MetricsReport) => void) {
    this.#send = send;
  }

  /** A counter or gauge. */
  cell(name: MetricName, labels: Labels): Cell {
    return new Cell(this.row([name], labels));
  }

  /** Series that are written together lie side by side, in the order of their names; `starts` says where. */
  row(names: readonly MetricName[], labels: Labels): Held {
    const counts = names.map(cellsOf);
    const count = counts.reduce((sum, each) => sum + each, 0);
    const { cells, block, index } = this.#free.get(count)?.pop() ?? this.#take(count);
    const starts: number[] = [];
    let start = index;
    for (const [i, name] of names.entries()) {
      starts.push(start);
      this.#series.push({ name, labels, block, index: start });
      start += counts[i]!;
    }
    this.#announce();
    return { cells, block, index, count, starts };
  }

  /** The series are not written any more. Their memory is used again after the next `recycle`. */
  release({ held }: { readonly held: Held }): void {
    this.#resting.push(held);
    for (const index of held.starts) this.#released.push({ block: held.block, index });
    this.#announce();
  }

  /** To be called so long after the last one that the main thread has taken every report from before it. */
  recycle(): void {
    for (const held of this.#resting.splice(0)) {
      held.cells.fill(0, held.index, held.index + held.count);
      const free = this.#free.get(held.count);
      if (free === undefined) this.#free.set(held.count, [held]);
      else free.push(held);
    }
  }

  #take(count: number): Omit<Held, 'starts'> {
    if (this.#used + count > this.#current.length) this.#addBlock();
    const index = this.#used;
    this.#used += count;
    return { cells: this.#current, count, block: this.#block, index };
  }

  #addBlock(): void {
    const buffer = new SharedArrayBuffer(CELLS_PER_BLOCK * Float64Array.BYTES_PER_ELEMENT);
    this.#current = new Float64Array(buffer);
    this.#used = 0;
    this.#blocks.push({ block: ++this.#block, buffer });
  }

  /** Many series are often made in one turn; one message tells of them all. */
  #announce(): void {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    setImmediate(() => {
      this.#isAnnouncing = false;
      const report: MetricsReport = {
        type: 'metrics',
        blocks: this.#blocks,
        series: this.#series,
        released: this.#released,
      };
      this.#blocks = [];
      this.#series = [];
      this.#released = [];
      this.#send(report);
    });
  }
}
