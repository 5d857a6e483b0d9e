/** What a filter is: one value with its schema, how its spec is compiled (pure) and how it runs. */
import type { OwnKind } from '../model/own-kinds.ts';
import type { Exchange, LocalReply } from './exchange.ts';
import type { Key } from './keys.ts';
import type { Problem } from './problem.ts';

/** What a filter speaks with a backend of its own; absent: HTTP. GRPC is HTTP/2 whatever the Service's `appProtocol` says. */
export type FilterBackendProtocol = 'HTTP' | 'GRPC';

/** Handed to `compile`. */
export interface FilterCompileContext {
  /** Resolves a backendRef of the filter; a problem is reported in ResolvedRefs and the filter answers its requests with 500. */
  resolveBackend(
    ref: unknown,
    protocol?: FilterBackendProtocol,
  ): { readonly backend: Key } | { readonly problem: Problem };
}

export type FilterCompileResult<Config> = { readonly config: Config } | { readonly problem: Problem };

/** Handed to `create`, once per compiled filter and worker. */
export interface FilterContext {
  /** Uniform in [0, 1). */
  random(): number;
  /** Milliseconds, monotonic. */
  now(): number;
}

/** One running filter. Hooks may be left out; none of them may keep the exchange after it has returned. */
export interface Filter {
  /** Before the backend is chosen. A reply ends the chain and is sent in place of the backend's. */
  onRequest?(exchange: Exchange): LocalReply | undefined | Promise<LocalReply | undefined>;
  /** When the head of the response is there, also for local replies. Filters run in the reverse order. */
  onResponse?(exchange: Exchange): void;
  /** Once, when the exchange is over. */
  onFinish?(exchange: Exchange): void;
}

export interface FilterDefinition<Spec = never, Config = never> {
  /** As in the route: `RequestHeaderModifier`. For a kind of our own, the kind: `DirectResponse`. */
  readonly type: string;
  /** The field of the filter that holds its spec: `requestHeaderModifier`; or the kind of the object that holds it. */
  readonly spec: string | OwnKind;
  /** Feature names of the conformance suite that exist because of this filter. */
  readonly supportedFeatures: readonly string[];
  /** For readers of the definition: what it does, in a sentence. */
  readonly summary: string;
  /**
   * What happens where `resolveBackend` gave it a problem: `Fail` (the default) answers the rule's requests with 500,
   * `Skip` leaves the filter out, as the API asks of RequestMirror.
   */
  readonly whenUnresolved?: 'Fail' | 'Skip';
  compile(spec: Spec, context: FilterCompileContext): FilterCompileResult<Config>;
  create(config: Config, context: FilterContext): Filter;
}

/** A definition of which only the type is known, as in the list. */
// oxlint-disable-next-line no-explicit-any -- the list holds definitions of different specs; each checks its own
export type AnyFilterDefinition = FilterDefinition<any, any>;

/** Gives the config's type to `create` from what `compile` returns. */
export function defineFilter<Spec, Config>(definition: FilterDefinition<Spec, Config>): FilterDefinition<Spec, Config> {
  return definition;
}
