/**
 * A proxy in a worker thread: messages in, answers and reports out. The module that starts the thread says which filters
 * there are.
 */
import type { MessagePort } from 'node:worker_threads';
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { Ejection, FromProxy, ToProxy } from '../contract/messages.ts';
import type { AccessLogFormat } from './observe/access-log.ts';
import { createObserver, type ObserverReport } from './observe/observer.ts';
import { Proxy } from './proxy.ts';

/** What a worker is started with. */
export interface WorkerData {
  readonly worker: number;
  readonly workers: number;
  readonly defaultAddresses: readonly string[];
  /** 48 random bytes, the same for all workers of the process. */
  readonly ticketKeys: Uint8Array;
  readonly accessLog: AccessLogFormat | 'off';
  /** `Shared`: other processes may listen on the same ports. */
  readonly ports: 'Exclusive' | 'Shared';
}

/** What a worker posts besides its answers to the channel, which are text. */
export type WorkerReport = ObserverReport | Ejection;

/** Serves until it is told to drain; then it has said `drained`, and may be ended. */
export function runWorker(port: MessagePort, data: WorkerData, filters: readonly AnyFilterDefinition[]): void {
  const observer = createObserver({
    accessLog: data.accessLog,
    send: (report: ObserverReport) => port.postMessage(report),
  });
  const version = observer.cells.cell('headgate_config_version', { worker: data.worker });
  const proxy = new Proxy({
    filters,
    observer,
    defaultAddresses: data.defaultAddresses,
    // Shared even by one worker: only so a Gateway on all addresses and one on a single address have the same port. Where it
    // cannot be seen that another process shares a port, one worker alone asks for the port as such, and notices.
    isShared: data.workers > 1 || data.ports === 'Shared' || process.platform === 'linux',
    othersMayShare: data.ports === 'Shared',
    ticketKeys: Buffer.from(data.ticketKeys),
    onEjected: (backend, endpoint) => port.postMessage({ type: 'ejection', backend, endpoint } satisfies Ejection),
  });
  const take = async (message: ToProxy): Promise<void> => {
    const answer: FromProxy | null = await proxy.apply(message);
    if (answer === null) return;
    if (answer.type === 'ack') version.set(answer.version);
    port.postMessage(JSON.stringify(answer));
  };
  port.on('message', (text: string) => void take(JSON.parse(text) as ToProxy));
}
