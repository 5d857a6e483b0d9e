/** The endpoints of backends: a stream beside the configuration, so that a pod that comes or goes recompiles nothing. */
import type { Key } from './keys.ts';

export interface Endpoint {
  /** IP address or, for a backend mapped by hand, a host name. */
  readonly address: string;
  readonly port: number;
  /** EndpointSlice conditions, with the API's defaults applied (absent `ready` is true). */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zone?: string;
}

/** All endpoints of each named backend; a backend that is not named keeps what it has; null: the backend is gone. */
export type EndpointsPatch = Readonly<Record<Key, readonly Endpoint[] | null>>;
