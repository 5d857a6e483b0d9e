/** The resources that the compiler reads: upstream's as generated from its CRDs, and the few of Kubernetes itself. */
export type {
  FrontendTLSValidation,
  Gateway,
  GatewayClass,
  HTTPBackendRef,
  HTTPRoute,
  HTTPRouteMatch,
  HTTPRouteRule,
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
