/** How a proxy worker is started: its module and what it is handed. */
import { randomBytes } from 'node:crypto';
import type { StandaloneOptions } from './standalone.ts';

/** TypeScript in a checkout, JavaScript in a package: as this file is. */
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

export const workerEntry = new URL(`../proxy/worker${extension}`, import.meta.url);

/** Session tickets are sealed with one key, so that a client may come back to any worker. */
export function workerDataFor({ defaultAddresses, accessLog }: StandaloneOptions): (worker: number) => unknown {
  const ticketKeys = randomBytes(48);
  return () => ({ defaultAddresses, accessLog, ticketKeys });
}
