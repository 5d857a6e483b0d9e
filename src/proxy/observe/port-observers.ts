/** Metrics of a port's connections. Knows nothing of what they carry. */
import type { ConnectionCount, PortObserver } from '../listeners/port.ts';
import type { ListenerRuntime } from '../runtime.ts';
import type { Cell, MetricCells } from './metric-cells.ts';
import { ownerBySni, ownerOf, type PortOwner } from './port-owner.ts';
import type { Retention } from './retention.ts';

interface PortLabels {
  readonly address: string;
  readonly port: number;
}

/** Ports come and go; those of the same address and port count on in the same series. */
export function createPortObservers(
  cells: MetricCells,
  retention: Retention,
): (address: string, port: number) => PortObserver {
  const known = new Map<string, PortConnections>();
  return (address, port) => {
    const key = `${address} ${port}`;
    let observer = known.get(key);
    if (observer === undefined) {
      observer = new PortConnections({ address, port }, cells, retention);
      known.set(key, observer);
    }
    return observer;
  };
}

/**
 * Connections in the clear, and those of a port with one listener, count for the port: its names are those of now, and all
 * its connections move along when they change. TLS connections of a shared port keep the listener that they chose.
 */
class PortConnections implements PortObserver {
  readonly #labels: PortLabels;
  readonly #cells: MetricCells;
  readonly #retention: Retention;
  readonly #byOwner = new Map<string, Cell>();
  readonly #rejected = new Map<string, Cell>();
  #listeners: readonly ListenerRuntime[] = [];
  /** Made with the first listeners. */
  #port: Cell | null = null;
  /** Of these, all that no listener of its own counts. */
  #open = 0;

  constructor(labels: PortLabels, cells: MetricCells, retention: Retention) {
    this.#labels = labels;
    this.#cells = cells;
    this.#retention = retention;
  }

  onListeners(listeners: readonly ListenerRuntime[]): void {
    this.#listeners = listeners;
    const cell = this.#cellOf(ownerOf(listeners));
    if (cell === this.#port) return;
    this.#port?.add(-this.#open);
    cell.add(this.#open);
    this.#port = cell;
  }

  onConnections(change: number): void {
    this.#open += change;
    this.#port?.add(change);
  }

  onSecure(serverName: string): ConnectionCount | null {
    const owner = ownerBySni(this.#listeners, serverName);
    if (owner === null) return null;
    const cell = this.#cellOf(owner);
    cell.add(1);
    this.onConnections(-1);
    return cell;
  }

  onSecureClosed(count: ConnectionCount): void {
    count.add(-1);
    this.onConnections(1);
  }

  onRejected(reason: string): void {
    let cell = this.#rejected.get(reason);
    if (cell === undefined) {
      cell = this.#cells.cell('headgate_rejected_connections_total', { ...this.#labels, reason });
      this.#rejected.set(reason, cell);
    }
    cell.add(1);
  }

  #cellOf({ gateway, listener }: PortOwner): Cell {
    const key = `${gateway} ${listener}`;
    const known = this.#byOwner.get(key);
    if (known !== undefined) return known;
    const cell = this.#cells.cell('headgate_connections', { ...this.#labels, gateway, listener });
    this.#byOwner.set(key, cell);
    this.#retention.add({
      isInUse: () => cell === this.#port || cell.value !== 0,
      release: () => {
        this.#byOwner.delete(key);
        this.#cells.release(cell);
      },
    });
    return cell;
  }
}
