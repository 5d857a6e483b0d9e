/** Which of the listeners that share a port a request belongs to (GEP-3567 and listener isolation). Knows no routes. */
import type { ListenerRuntime } from '../runtime.ts';
import { buildHostnameTable, findByHost, type HostnameTable } from './hostname-table.ts';

/** Lists of listeners are replaced, never changed, so a table is made once for each. */
const tables = new WeakMap<readonly ListenerRuntime[], HostnameTable<ListenerRuntime>>();

function tableOf(listeners: readonly ListenerRuntime[]): HostnameTable<ListenerRuntime> {
  let table = tables.get(listeners);
  if (table === undefined) {
    table = buildHostnameTable(listeners.map((listener) => [listener.config.hostname, listener] as const));
    tables.set(listeners, table);
  }
  return table;
}

const itself = { subject: undefined, take: (listener: ListenerRuntime) => listener };

/** The listener whose hostname fits the host most specifically, or null. `host` is lower case, without port. */
export function selectListener(listeners: readonly ListenerRuntime[], host: string): ListenerRuntime | null {
  if (listeners.length === 1 && listeners[0]!.config.hostname === '') return listeners[0]!;
  return findByHost(tableOf(listeners), host, itself);
}

/**
 * For a request over TLS: the listener that the server name chose, provided that the host belongs to it too; `Misdirected`
 * (421) where another listener serves the host, null (404) where none does. An empty `serverName` (no SNI) belongs to the
 * listener for every host.
 */
export function selectSecureListener(
  listeners: readonly ListenerRuntime[],
  serverName: string,
  host: string,
): ListenerRuntime | 'Misdirected' | null {
  const ofHost = selectListener(listeners, host);
  if (serverName === host || ofHost === null) return ofHost;
  return selectListener(listeners, serverName) === ofHost ? ofHost : 'Misdirected';
}
