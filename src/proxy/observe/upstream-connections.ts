/** How many connections there are to each backend. Knows neither pools nor sockets. */
import type { BackendConfig } from '../../contract/gateway-config.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import { nameOfBackend } from './request-series.ts';
import type { Retention } from './retention.ts';

/** Kept by pools for as long as they live, which may be longer than the series. */
export interface UpstreamConnections {
  add(change: number): void;
}

/** A series that stays at 0 is dropped; the next connection begins it anew. */
export function createUpstreamConnections(
  cells: MetricCells,
  retention: Retention,
): (backend: BackendConfig) => UpstreamConnections {
  const known = new Map<string, Cell>();

  function cellOf(backend: string): Cell {
    const seen = known.get(backend);
    if (seen !== undefined) return seen;
    const cell = cells.cell('headgate_upstream_connections', { backend });
    known.set(backend, cell);
    retention.add({
      isInUse: () => cell.value !== 0,
      release() {
        known.delete(backend);
        cells.release(cell);
      },
    });
    return cell;
  }

  return (backend) => {
    const name = nameOfBackend(backend);
    return { add: (change) => cellOf(name).add(change) };
  };
}
