/** What the controller's loop is made of, as it sees them: whoever wires a Headgate together hands these in. Types only. */
import type { Endpoint, EndpointsPatch } from '../contract/endpoints.ts';
import type { GatewayConfig } from '../contract/gateway-config.ts';
import type { InfrastructureWishes } from '../contract/infrastructure.ts';
import type { Key } from '../contract/keys.ts';
import type { ListenerProblem } from '../contract/messages.ts';
import type { ResourceSet } from '../model/resources.ts';
import type { Source, SourceProblem } from '../sources/source.ts';
import type { Changes } from './changes.ts';
import type { Statuses } from './statuses.ts';

export type { Source, SourceProblem } from '../sources/source.ts';

/** What the proxies said to a version; null: nothing was acknowledged yet. */
export type Acknowledged = { readonly version: number; readonly problems: readonly ListenerProblem[] } | null;

/** Something worth saying about an object that is in no status. */
export interface Note {
  readonly object: Key;
  readonly message: string;
  /** Absent: a notice. */
  readonly severity?: 'error' | 'warning' | 'notice';
}

/** The endpoints of each backend. */
export type Endpoints = ReadonlyMap<Key, readonly Endpoint[]>;

export interface Compiled {
  readonly config: GatewayConfig;
  /** Without times. */
  readonly statuses: Statuses;
  readonly notes: readonly Note[];
  readonly infrastructure: InfrastructureWishes;
}

export interface ControllerParts {
  readonly source: Source;
  /** The kinds whose changes are reported. */
  readonly kinds: readonly string[];
  compile(resources: ResourceSet, acknowledged: Acknowledged): Compiled;
  /** The endpoints of each backend of the configuration; an unchanged list stays the same object. */
  joinEndpoints(resources: ResourceSet, config: GatewayConfig): Endpoints;
  /**
   * Sends what changed to the proxies: a new version, or under the same version only endpoints.
   * The proxies' answer to a version comes later, by `Controller.acknowledge` or `Controller.refuse`.
   */
  publish(version: number, config: GatewayConfig, endpoints: EndpointsPatch | null): void;
  /** The statuses wait for the proxies' answer from now on. Where none comes, `Controller.settleUnanswered` ends that. */
  onWaiting?(): void;
  /** What is to be said of and made for these resources, each time the proxies serve all of them, or none is there. */
  onCompiled?(compiled: Omit<Compiled, 'config'>, resources: ResourceSet): void;
  onEvent(event: ControllerEvent): void;
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall clock. */
  date(): Date;
}

/** Everything that is known at one moment. Never changed. */
export interface ControllerView {
  readonly resources: ResourceSet;
  readonly problems: readonly SourceProblem[];
  readonly config: GatewayConfig;
  readonly endpoints: Endpoints;
  /** With times; as of the newest version that was acknowledged. */
  readonly statuses: Statuses;
  readonly notes: readonly Note[];
  readonly version: number;
  readonly acknowledged: Acknowledged;
  /** `routes.yaml:12`: where an object is written down, or empty. */
  locate(key: Key): string;
}

export type ControllerEvent =
  /** The proxies serve what the documents say. `tookMs` counts from the source's call. */
  | {
      readonly type: 'live';
      readonly view: ControllerView;
      readonly changes: Changes;
      readonly tookMs: number;
      readonly isFirst: boolean;
    }
  /** The documents have other problems than before. */
  | {
      readonly type: 'problems';
      readonly view: ControllerView;
      readonly fresh: readonly SourceProblem[];
      readonly solved: readonly SourceProblem[];
    }
  /** The proxies did not take a version: the one before it stays. */
  | { readonly type: 'refused'; readonly version: number; readonly message: string }
  /** No proxy is left that serves anything. */
  | { readonly type: 'unserved'; readonly message: string };
