/** Memory for bytes on their way into a socket, used again and again: fresh memory costs more than the copy into it. Knows no socket. */

/** Holds a whole read of 64 KiB behind a head. */
export const SLAB_BYTES = 80 * 1024;

/** What is kept while nothing is under way. */
const MAX_FREE = 32;

export class Slab {
  readonly buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** To be called once the bytes have been taken: as the callback of a write. */
  readonly release = (): void => {
    if (free.length < MAX_FREE) free.push(this);
  };
}

const free: Slab[] = [];

export function takeSlab(): Slab {
  return free.pop() ?? new Slab();
}
