/** The resources that the compiler reads: upstream's as generated from its CRDs, and the few of Kubernetes itself. */
import type { Resource } from '../model/resources.ts';
import type { HTTPBackendRef, HTTPRouteRule, ParentReference } from '../model/schema/types.generated.ts';

export type {
  FrontendTLSValidation,
  Gateway,
  GatewayClass,
  GRPCRouteMatch,
  HTTPBackendRef,
  HTTPRouteMatch,
  LabelSelector,
  Listener,
  ListenerSet,
  LocalObjectReference,
  ObjectReference,
  ParentReference,
  ReferenceGrant,
  RouteGroupKind,
  SecretObjectReference,
  SessionPersistence,
} from '../model/schema/types.generated.ts';

export type { LocalPolicyTargetReferenceWithSectionName as PolicyTargetReference } from '../model/schema/types.generated.ts';
export type {
  ClusterTrustBundle,
  ConfigMap,
  EndpointSlice,
  Namespace,
  Secret,
  Service,
  ServicePort,
} from '../model/core.ts';
export { gatewayGroup } from '../model/kinds.ts';

/** A route of any kind: each has some of the fields of an HTTPRoute, and a GRPCRoute other matches. */
export interface Route extends Resource {
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly RouteRule[];
  };
}

export interface RouteRule extends Omit<Partial<HTTPRouteRule>, 'matches'> {
  readonly backendRefs?: readonly HTTPBackendRef[];
  readonly matches?: readonly unknown[];
}
