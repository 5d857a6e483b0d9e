/**
 * The main thread's side of metrics: knows where each worker's numbers are, adds them up and writes the Prometheus text
 * format. Reads only; never waits for a worker.
 */
import type { CellPlace, MetricsReport } from './metric-cells.ts';
import { boundsOf, cellsOf, metricFamilies, type Labels, type MetricName } from './metric-families.ts';

/** A series with the sums over all workers, one number a cell. */
interface Sums {
  readonly name: MetricName;
  readonly labels: Labels;
  readonly cells: Float64Array;
  /** How many workers write it; 0 again: it is dropped with the last of them. */
  writers: number;
}

interface KnownWorker {
  readonly blocks: Map<number, Float64Array>;
  /** By place. */
  readonly series: Map<string, KnownSeries>;
}

interface KnownSeries extends CellPlace {
  readonly sums: Sums;
}

export class MetricsHub {
  readonly #workers = new Map<number, KnownWorker>();
  /** By name and labels; the cells hold what workers that are gone have counted. */
  readonly #series = new Map<string, Sums>();

  /** Takes a report as a worker's MetricCells sent it. */
  receive(worker: number, report: MetricsReport): void {
    let known = this.#workers.get(worker);
    if (known === undefined) this.#workers.set(worker, (known = { blocks: new Map(), series: new Map() }));
    for (const { block, buffer } of report.blocks) known.blocks.set(block, new Float64Array(buffer));
    for (const { name, labels, block, index } of report.series) {
      const sums = this.#sumsOf(name, labels);
      sums.writers++;
      known.series.set(`${block} ${index}`, { sums, block, index });
    }
    for (const { block, index } of report.released) this.#release(known, `${block} ${index}`);
  }

  /** Counts stay (a counter never goes back), gauges go. To be called before the worker's successor reports. */
  forget(worker: number): void {
    const known = this.#workers.get(worker);
    if (known === undefined) return;
    this.#workers.delete(worker);
    for (const series of known.series.values()) retain(known, series);
  }

  /** A number of the main thread's own. */
  set(name: MetricName, labels: Labels, value: number): void {
    this.#sumsOf(name, labels).cells[0] = value;
  }

  /** Removes the main thread's own numbers of a family, before they are set anew. */
  clear(name: MetricName): void {
    for (const [key, sums] of this.#series) if (sums.name === name) this.#series.delete(key);
  }

  /** Text exposition format 0.0.4. */
  render(): string {
    const byName = new Map<MetricName, Sums[]>();
    for (const sums of this.#totals().values()) {
      const list = byName.get(sums.name);
      if (list === undefined) byName.set(sums.name, [sums]);
      else list.push(sums);
    }
    let text = '';
    for (const name of Object.keys(metricFamilies) as MetricName[]) {
      const { type, help } = metricFamilies[name];
      text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
      for (const sums of byName.get(name) ?? []) text += type === 'histogram' ? histogramText(sums) : plainText(sums);
    }
    return text;
  }

  #totals(): Map<Sums, Sums> {
    const totals = new Map<Sums, Sums>();
    for (const sums of this.#series.values()) totals.set(sums, { ...sums, cells: sums.cells.slice() });
    for (const { blocks, series } of this.#workers.values()) {
      for (const { sums, block, index } of series.values()) {
        const total = totals.get(sums);
        if (total !== undefined) addTo(total.cells, blocks.get(block), index);
      }
    }
    return totals;
  }

  /** Other workers may count on in the same series, and its sum must not go back. The last one takes it along. */
  #release(known: KnownWorker, place: string): void {
    const series = known.series.get(place);
    if (series === undefined) return;
    known.series.delete(place);
    retain(known, series);
    const { sums } = series;
    if (sums.writers === 0) this.#series.delete(sums.name + labelText(sums.labels));
  }

  #sumsOf(name: MetricName, labels: Labels): Sums {
    const key = name + labelText(labels);
    let sums = this.#series.get(key);
    if (sums === undefined) {
      sums = { name, labels, cells: new Float64Array(cellsOf(name)), writers: 0 };
      this.#series.set(key, sums);
    }
    return sums;
  }
}

/** What a worker that writes no more has counted stays in the sums. */
function retain({ blocks }: KnownWorker, { sums, block, index }: KnownSeries): void {
  sums.writers--;
  if (metricFamilies[sums.name].type !== 'gauge') addTo(sums.cells, blocks.get(block), index);
}

function addTo(cells: Float64Array, from: Float64Array | undefined, index: number): void {
  if (from === undefined) return;
  for (let i = 0; i < cells.length; i++) cells[i]! += from[index + i]!;
}

function plainText({ name, labels, cells }: Sums): string {
  return `${name}${labelText(labels)} ${cells[0]}\n`;
}

function histogramText({ name, labels, cells }: Sums): string {
  const bounds = boundsOf(name) ?? [];
  let text = '';
  let count = 0;
  for (let i = 0; i <= bounds.length; i++) {
    count += cells[i]!;
    text += `${name}_bucket${labelText({ ...labels, le: bounds[i] ?? '+Inf' })} ${count}\n`;
  }
  return `${text}${name}_sum${labelText(labels)} ${cells[bounds.length + 1]}\n${name}_count${labelText(labels)} ${count}\n`;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
