/** What a policy is (GEP-713): one value with the kinds it may target and how its spec is compiled. Whom it hits is not its business. */
import type { OwnKind } from '../model/own-kinds.ts';
import type { Resource } from '../model/resources.ts';
import type { BackendConfig, ListenerConfig } from './gateway-config.ts';
import type { Problem } from './problem.ts';

/** A kind that `targetRefs` may name. */
export interface PolicyTarget {
  readonly group: string;
  readonly kind: string;
  /** What `sectionName` picks: of a Service a port, of a Gateway a listener, by its name. */
  readonly section: 'PortName' | 'ListenerName';
}

/** Names an object that holds CA certificates. A namespace is not looked at: it is the policy's own. */
export interface CaReference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** Handed to `compile`. */
export interface PolicyCompileContext {
  /** The certificates of a reference as PEM, or `InvalidKind` or `InvalidCACertificateRef`. */
  resolveCa(ref: CaReference): { readonly pem: string } | { readonly problem: Problem };
}

/** What a policy does to the backends it targets: the fields that it sets. */
export type BackendEffect =
  | Pick<BackendConfig, 'tls' | 'proxyProtocol' | 'healthCheck'>
  /** Nothing may be sent there as long as the policy is broken: requests are answered with 500. */
  | { readonly refused: Problem };

/** What a policy does to the listeners of the Gateways it targets: the fields that it sets. */
export type ListenerEffect = Pick<ListenerConfig, 'proxyProtocol'>;

/** Absent: nothing. */
export interface PolicyEffects {
  /** On targets that are Services. */
  readonly backend?: BackendEffect;
  /** On targets that are Gateways. */
  readonly listener?: ListenerEffect;
}

export interface PolicyResult extends PolicyEffects {
  /** Why the policy is not accepted. */
  readonly accepted: Problem | null;
  /** What it refers to that cannot be used. */
  readonly resolvedRefs: Problem | null;
}

export interface PolicyDefinition<Policy extends Resource = Resource> {
  readonly kind: Policy['kind'];
  /** Absent for a kind of the Gateway API. */
  readonly own?: OwnKind;
  readonly targets: readonly PolicyTarget[];
  /** Feature names of the conformance suite that exist because of this policy. */
  readonly supportedFeatures: readonly string[];
  /** For readers of the definition: what it does, in a sentence. */
  readonly summary: string;
  /** Of two policies that want the same target, `None` gives it to the older one, then by name; the other is Conflicted. */
  readonly mergeStrategy: 'None';
  /** Pure. A user's mistake is a problem, never an exception. */
  compile(policy: Policy, context: PolicyCompileContext): PolicyResult;
}

/** A definition of which only the kind is known, as in the list. */
// oxlint-disable-next-line no-explicit-any -- the list holds definitions of different kinds; each knows its own
export type AnyPolicyDefinition = PolicyDefinition<any>;

/** Gives the policy's type to `compile`. */
export function definePolicy<Policy extends Resource>(definition: PolicyDefinition<Policy>): PolicyDefinition<Policy> {
  return definition;
}
