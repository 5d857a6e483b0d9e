/** Metrics of a port's connections. Knows nothing of what they carry. */
import type { PortObserver } from '../listeners/port.ts';
import type { Cell, MetricCells } from './metric-cells.ts';

/** Ports come and go; those of the same address and port count on in the same series. */
export function createPortObservers(cells: MetricCells): (address: string, port: number) => PortObserver {
  const known = new Map<string, PortObserver>();
  return (address, port) => {
    const key = `${address} ${port}`;
    let observer = known.get(key);
    if (observer === undefined) {
      observer = observerOf(cells, { address, port });
      known.set(key, observer);
    }
    return observer;
  };
}

function observerOf(cells: MetricCells, labels: { readonly address: string; readonly port: number }): PortObserver {
  const connections = cells.cell('headgate_connections', labels);
  const rejected = new Map<string, Cell>();
  return {
    onConnections: (change) => connections.add(change),
    onRejected(reason) {
      let cell = rejected.get(reason);
      if (cell === undefined) {
        cell = cells.cell('headgate_rejected_connections_total', { ...labels, reason });
        rejected.set(reason, cell);
      }
      cell.add(1);
    },
  };
}
