/** What every way of balancing is to a backend. Knows nothing of connections and health: it is given endpoints that may be used. */

/** What a balancer looks at. */
export interface Candidate {
  /** `address:port`. */
  readonly name: string;
  /** Hash of the name, made once. */
  readonly hash: number;
  /** Requests in flight. */
  readonly active: number;
}

/** One way of balancing, with the state of one backend. */
export interface Balancer {
  /** One of `candidates`, which has at least one entry. `affinity` is a hash of what the request is to be bound to. */
  choose<T extends Candidate>(candidates: readonly T[], affinity: number): T;
}
