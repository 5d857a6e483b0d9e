/** What the controller and a proxy say to each other. JSON, versioned: a snapshot first, then patches, each acknowledged or refused. */
import type { ConfigPatch } from './config-diff.ts';
import type { EndpointsPatch } from './endpoints.ts';
import type { Key } from './keys.ts';

/** To the proxy. A snapshot is a patch on nothing: `isSnapshot` tells the proxy to start from an empty configuration. */
export type ToProxy =
  | {
      readonly type: 'config';
      readonly version: number;
      readonly isSnapshot: boolean;
      readonly config: ConfigPatch;
      readonly endpoints: EndpointsPatch;
    }
  | { readonly type: 'endpoints'; readonly endpoints: EndpointsPatch }
  /**
   * From the health checks of the process itself, so that it crosses no channel: by backend, all endpoints (`address:port`)
   * that are unhealthy now. A backend that is not named keeps what it has.
   */
  | { readonly type: 'health'; readonly unhealthy: Readonly<Record<Key, readonly string[]>> }
  | Ejection
  /** Finish what is in flight within `graceMs`, take nothing new, then say `drained`. */
  | { readonly type: 'drain'; readonly graceMs: number };

/** One worker of a process tells the others: requests to this endpoint (`address:port`) fail again and again. */
export interface Ejection {
  readonly type: 'ejection';
  readonly backend: Key;
  readonly endpoint: string;
}

/** What kept a listener from being served, although the rest of the version is. */
export interface ListenerProblem {
  readonly listener: Key;
  /** `AddressInUse`, `PermissionDenied`, `AddressNotAvailable`, `InvalidCertificate`; of a whole version, `Refused`, or `NoProxy` where none is left. */
  readonly reason: string;
  readonly message: string;
}

/** From the proxy. */
export type FromProxy =
  | { readonly type: 'ack'; readonly version: number; readonly problems: readonly ListenerProblem[] }
  | { readonly type: 'nack'; readonly version: number; readonly message: string }
  | { readonly type: 'drained' };
