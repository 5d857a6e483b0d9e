/** Where an HTTP/1 connection of a client stands, and how it ends. Plain values; the connection gives them their meaning. */

export const Phase = {
  /** Before or within a head. */
  head: 0,
  body: 1,
  /** The request is complete, the answer is not. */
  busy: 2,
  /** An upgrade was asked for and not yet answered. */
  upgrading: 3,
  tunnel: 4,
  /** The answer is out, but the client has yet to take it: requests behind it wait. */
  untaken: 5,
  /** The answer is out and was the last; what still comes is dropped. */
  lingering: 6,
  closed: 7,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** A body that comes after its answer is read to its end up to this length, so that the connection can be used again. */
export const DRAINABLE_BYTES = 64 * 1024;
/** While draining: a request may be on its way already, and the next answer can tell its client to close. */
export const DRAIN_IDLE_MS = 1000;
export const LINGER_MS = 2000;
/** A client that has said all it will say may wait for its answer, or be gone: the answer has this long to make progress. */
export const HALF_CLOSED_MS = 1000;
export const LINGER_BYTES = 1024 * 1024;
