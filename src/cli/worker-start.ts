/** How a proxy worker is started: its module and what it is handed. */
import { randomBytes } from 'node:crypto';
import type { WorkerData } from '../proxy/worker.ts';

/** TypeScript in a checkout, JavaScript in a package: as this file is. */
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

export const workerEntry = new URL(`proxy-worker${extension}`, import.meta.url);

export function workerDataFor(data: Omit<WorkerData, 'worker' | 'ticketKeys'>): (worker: number) => WorkerData {
  // Session tickets are sealed with one key, so that a client may come back to any worker.
  const ticketKeys = randomBytes(48);
  return (worker) => ({ ...data, worker, ticketKeys });
}
