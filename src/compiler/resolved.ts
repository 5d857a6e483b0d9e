/** What the steps hand each other: resources with their references looked up and the user's mistakes noted. */
import type {
  BackendConfig,
  CertificateConfig,
  FilterConfig,
  ListenerConfig,
  RouteConfig,
  RuleConfig,
} from '../contract/gateway-config.ts';
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { AnyPolicyDefinition, PolicyEffects } from '../contract/policy.ts';
import type { Resource, ResourceName } from '../model/resources.ts';
import type { ResolvedInfrastructure } from './infrastructure.ts';
import type { Key } from '../contract/keys.ts';
import type { ListenerProblem } from '../contract/messages.ts';
import type { Problem } from '../contract/problem.ts';
import type { RankedMatch } from './precedence.ts';
import type { Gateway, Listener, ListenerSet, ParentReference, Route, RouteGroupKind } from './resource-types.ts';

/** What a compiler is made with. */
export interface CompilerOptions {
  readonly filters: readonly AnyFilterDefinition[];
  readonly policies: readonly AnyPolicyDefinition[];
  /** The GatewayClasses that are ours name this controller. */
  readonly controllerName?: string;
  /** Standalone: `Ours` takes Gateways of a class that no GatewayClass document describes. */
  readonly gatewaysWithoutClass?: 'Ours' | 'Ignored';
}

/** What is known from outside the resources; changes more often than they do. */
export interface Facts {
  /** What the proxies said about the version in force; null: not heard from yet, so nothing is programmed. */
  readonly acknowledged: { readonly problems: readonly ListenerProblem[] } | null;
  /** Where Gateways without `spec.addresses` are reached, for their status. */
  readonly defaultAddresses: readonly string[];
  /** Where each Gateway listens, by its key, if somebody gives addresses out; a Gateway that is not in it listens where it asks to. */
  readonly assigned?: ReadonlyMap<Key, AssignedAddresses>;
  /** The version of the Gateway API definitions in the cluster, such as `v1.7.0`; absent: it cannot be known, or there is no cluster. */
  readonly bundleVersion?: string;
  /** The same of each definition that can be seen, by its name; empty text where it tells none. */
  readonly definitionVersions?: ReadonlyMap<string, string>;
  /** Of these definitions; absent: as with `bundleVersion`. */
  readonly channel?: 'standard' | 'experimental';
  /** Kinds that the cluster does not serve; absent: all are there. */
  readonly absentKinds?: ReadonlySet<string>;
  /** Routes and policies whose status has no room to name a Gateway or ListenerSet, by its key. */
  readonly unlisted?: ReadonlyMap<Key, readonly Key[]>;
}

/** The addresses of a Gateway's own, or why it has none. */
export interface AssignedAddresses {
  readonly addresses: readonly string[];
  /** `AddressNotUsable` or `AddressNotAssigned`: nothing of the Gateway is served. */
  readonly problem: Problem | null;
}

export interface SelectedGateway {
  readonly gateway: Gateway;
  readonly key: Key;
  readonly assigned?: AssignedAddresses;
}

/** A ListenerSet whose parent is a Gateway of ours. */
export interface SelectedListenerSet {
  readonly listenerSet: ListenerSet;
  readonly key: Key;
  /** The Gateway does not let it in. */
  readonly refused: Problem | null;
}

export interface ResolvedListener {
  readonly key: Key;
  /** Of the Gateway that serves it. */
  readonly gateway: Key;
  readonly spec: Listener;
  readonly hostname: string;
  /** Route kinds that may attach, of those that the protocol can carry. */
  readonly kinds: readonly RouteGroupKind[];
  readonly accepted: Problem | null;
  readonly conflicted: Problem | null;
  readonly resolvedRefs: Problem | null;
  readonly overlapping: Problem | null;
  /** Null where nothing can be served: not accepted, or no certificate is left. */
  readonly config: ListenerConfig | null;
  readonly certificates: readonly (readonly [Key, CertificateConfig])[];
  /** Of requests, before a route is chosen; absent: none. */
  readonly filters?: readonly (readonly [Key, FilterConfig])[];
  /** The backends that these ask. */
  readonly backends?: readonly (readonly [Key, BackendConfig])[];
}

/** A Gateway or ListenerSet as the parent of routes. */
export interface ListenerOwner {
  readonly key: Key;
  readonly listeners: readonly ResolvedListener[];
}

export interface ResolvedListenerSet extends ListenerOwner {
  readonly listenerSet: ListenerSet;
  readonly accepted: Problem | null;
  /** Keeps part of it from being served. */
  readonly programmed: Problem | null;
}

export interface ResolvedGateway extends SelectedGateway, ListenerOwner, ResolvedInfrastructure {
  /** What it refers to outside of its listeners that cannot be used. */
  readonly resolvedRefs: Problem | null;
  /** Some of its ports take clients whose certificate is not valid. */
  readonly isInsecure: boolean;
  /** The oldest first. */
  readonly listenerSets: readonly ResolvedListenerSet[];
  /** Its own listeners and those of its ListenerSets: what its proxies serve. */
  readonly allListeners: readonly ResolvedListener[];
  readonly accepted: Problem | null;
  /** Keeps the whole Gateway from being served, or part of it. */
  readonly programmed: Problem | null;
  readonly addresses: readonly string[];
}

/** A route's place on one listener, under one of its hostnames. */
export interface Attachment {
  readonly listener: ResolvedListener;
  /** What listener, hostname and own hostname make: the paths of requests are told apart below it. */
  readonly table: Key;
  readonly hostname: string;
  readonly own: string;
}

/** What became of one parentRef that names a Gateway of ours, or a ListenerSet of one. */
export interface ResolvedParent {
  readonly ref: ParentReference;
  readonly problem: Problem | null;
  /** Listeners that the route is attached to; empty where there is a problem. */
  readonly listeners: readonly ResolvedListener[];
  readonly attachments: readonly Attachment[];
}

export interface AttachedRoute {
  readonly route: Route;
  readonly key: Key;
  /** Only those that are ours. */
  readonly parents: readonly ResolvedParent[];
  readonly notes: readonly Note[];
}

/** A route with all that the later steps ask about it. The same object as long as nothing about it changed. */
export interface RouteEntry {
  readonly attached: AttachedRoute;
  readonly translated: TranslatedRoute;
  /** The places where it asks for requests or connections; empty where none can come to it. */
  readonly places: readonly Attachment[];
}

/** What became of the entries since the last time. */
export interface RouteEntries {
  readonly removed: readonly RouteEntry[];
  readonly added: readonly RouteEntry[];
  readonly notes: readonly Note[];
}

/** A route as entries of the tables, and what is wrong with it whatever its parent. */
export interface TranslatedRoute {
  readonly key: Key;
  readonly config: RouteConfig;
  readonly rules: readonly (readonly [Key, RuleConfig])[];
  readonly filters: readonly (readonly [Key, FilterConfig])[];
  readonly backends: readonly (readonly [Key, BackendConfig])[];
  readonly matches: readonly RankedMatch[];
  /** The rule that takes connections or sessions; null: the route is about requests, which `matches` tells apart. */
  readonly connectionRule: Key | null;
  /** The Services that it refers to, as far as they exist. */
  readonly services: readonly ResourceName[];
  readonly accepted: Problem | null;
  readonly partiallyInvalid: Problem | null;
  readonly resolvedRefs: Problem | null;
}

/** One of a policy's targets: a Service or a Gateway, or one port or listener of it. */
export interface PolicyPlace {
  readonly kind: string;
  readonly target: ResourceName;
  /** Null: all of it. */
  readonly section: string | null;
  /** Why the policy has no effect there. */
  readonly problem: Problem | null;
}

export interface ResolvedPolicy {
  readonly policy: Resource;
  readonly key: Key;
  readonly places: readonly PolicyPlace[];
  readonly accepted: Problem | null;
  readonly resolvedRefs: Problem | null;
}

/** By the kind of the policy, in the order of the list of policies. */
export type EffectsByKind = Readonly<Record<string, PolicyEffects>>;

/** What policies do to a Service or a Gateway. */
export interface TargetEffects {
  readonly whole: EffectsByKind;
  /** By the name of the port or listener; goes before `whole`, kind by kind. */
  readonly bySection: Readonly<Record<string, EffectsByKind>>;
}

export interface AttachedPolicies {
  readonly all: readonly ResolvedPolicy[];
  readonly services: ReadonlyMap<ResourceName, TargetEffects>;
  readonly gateways: ReadonlyMap<ResourceName, TargetEffects>;
  readonly notes: readonly Note[];
}

/** Something worth telling the user that no status has a place for. */
export interface Note {
  readonly object: Key;
  readonly message: string;
  /** Absent: a notice. */
  readonly severity?: 'error' | 'warning' | 'notice';
}
