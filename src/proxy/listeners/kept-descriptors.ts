/**
 * Keeps the last file descriptors of the process from clients: for connections to backends, files and the admin API, which must
 * answer while clients have taken all the others. Knows only Linux; elsewhere none are kept.
 */
import { readFileSync } from 'node:fs';
import type net from 'node:net';

/** Of those that the process may have. */
const KEPT_SHARE = 1 / 8;
const MOST_KEPT = 64;

interface Inside {
  readonly _handle?: { readonly fd?: number } | null;
}

/** The kernel gives the lowest number that is free: this one is given when all below it are in use. */
const firstKept = firstKeptOf(limitOfProcess());

/** There are so few left that an accepted connection should be given up again. */
export function takesKeptDescriptor(socket: net.Socket): boolean {
  // oxlint-disable-next-line no-underscore-dangle -- a socket's descriptor is reached by no other name
  const descriptor = (socket as unknown as Inside)._handle?.fd;
  return descriptor !== undefined && descriptor >= firstKept;
}

function firstKeptOf(limit: number): number {
  return limit - Math.min(MOST_KEPT, Math.floor(limit * KEPT_SHARE));
}

function limitOfProcess(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    return Infinity;
  }
}
