/** The Go names of upstream's types, by the place where a schema stands: CRDs do not carry them. */

/** Keyed `Owner.field`, or `field` where it means the same everywhere. What is not here is called owner and field in one word. */
const names: Readonly<Record<string, string>> = {
  parentRefs: 'ParentReference',
  parentRef: 'ParentReference',
  ancestorRef: 'ParentReference',
  conditions: 'Condition',
  parametersRef: 'ParametersReference',
  'GatewayInfrastructure.parametersRef': 'LocalParametersReference',
  selector: 'LabelSelector',
  matchExpressions: 'LabelSelectorRequirement',
  supportedKinds: 'RouteGroupKind',
  kinds: 'RouteGroupKind',
  allowedRoutes: 'AllowedRoutes',
  certificateRefs: 'SecretObjectReference',
  clientCertificateRef: 'SecretObjectReference',
  'FrontendTLSValidation.caCertificateRefs': 'ObjectReference',
  extensionRef: 'LocalObjectReference',
  fraction: 'Fraction',
  sessionPersistence: 'SessionPersistence',
  backendRef: 'BackendObjectReference',
  requestHeaderModifier: 'HTTPHeaderFilter',
  responseHeaderModifier: 'HTTPHeaderFilter',
  'HTTPHeaderFilter.set': 'HTTPHeader',
  'HTTPHeaderFilter.add': 'HTTPHeader',
  requestMirror: 'HTTPRequestMirrorFilter',
  requestRedirect: 'HTTPRequestRedirectFilter',
  urlRewrite: 'HTTPURLRewriteFilter',
  cors: 'HTTPCORSFilter',
  externalAuth: 'HTTPExternalAuthFilter',
  'HTTPExternalAuthFilter.grpc': 'GRPCAuthConfig',
  'HTTPExternalAuthFilter.http': 'HTTPAuthConfig',
  'HTTPExternalAuthFilter.forwardBody': 'ForwardBodyConfig',
  'HTTPRequestRedirectFilter.path': 'HTTPPathModifier',
  'HTTPURLRewriteFilter.path': 'HTTPPathModifier',
  'SessionPersistence.cookie': 'SessionPersistenceCookie',
  'SessionPersistence.cookieConfig': 'CookieConfig',

  'Gateway.listeners': 'Listener',
  'Gateway.addresses': 'GatewaySpecAddress',
  'GatewayStatus.addresses': 'GatewayStatusAddress',
  'GatewayStatus.listeners': 'ListenerStatus',
  'Gateway.infrastructure': 'GatewayInfrastructure',
  'Gateway.allowedListeners': 'AllowedListeners',
  'AllowedListeners.namespaces': 'ListenerNamespaces',
  'Gateway.tls': 'GatewayTLSConfig',
  'GatewayTLSConfig.backend': 'GatewayBackendTLS',
  'GatewayTLSConfig.frontend': 'FrontendTLSConfig',
  'FrontendTLSConfig.default': 'TLSConfig',
  'FrontendTLSConfig.perPort': 'TLSPortConfig',
  'TLSPortConfig.tls': 'TLSConfig',
  'TLSConfig.validation': 'FrontendTLSValidation',
  'Listener.tls': 'ListenerTLSConfig',
  'Listener.filters': 'ListenerFilters',
  'ListenerFilters.requests': 'ListenerRequestFilter',
  'AllowedRoutes.namespaces': 'RouteNamespaces',
  'GatewayClassStatus.supportedFeatures': 'SupportedFeature',

  'HTTPRoute.rules': 'HTTPRouteRule',
  'HTTPRouteRule.matches': 'HTTPRouteMatch',
  'HTTPRouteRule.filters': 'HTTPRouteFilter',
  'HTTPBackendRef.filters': 'HTTPRouteFilter',
  'HTTPRouteRule.backendRefs': 'HTTPBackendRef',
  'HTTPRouteRule.timeouts': 'HTTPRouteTimeouts',
  'HTTPRouteRule.retry': 'HTTPRouteRetry',
  'HTTPRouteMatch.path': 'HTTPPathMatch',
  'HTTPRouteMatch.headers': 'HTTPHeaderMatch',
  'HTTPRouteMatch.queryParams': 'HTTPQueryParamMatch',

  'GRPCRoute.rules': 'GRPCRouteRule',
  'GRPCRouteRule.matches': 'GRPCRouteMatch',
  'GRPCRouteRule.filters': 'GRPCRouteFilter',
  'GRPCBackendRef.filters': 'GRPCRouteFilter',
  'GRPCRouteRule.backendRefs': 'GRPCBackendRef',
  'GRPCRouteMatch.method': 'GRPCMethodMatch',
  'GRPCRouteMatch.headers': 'GRPCHeaderMatch',

  'TCPRoute.rules': 'TCPRouteRule',
  'UDPRoute.rules': 'UDPRouteRule',
  'TLSRoute.rules': 'TLSRouteRule',
  'TCPRouteRule.backendRefs': 'BackendRef',
  'UDPRouteRule.backendRefs': 'BackendRef',
  'TLSRouteRule.backendRefs': 'BackendRef',

  'HTTPRouteStatus.parents': 'RouteParentStatus',
  'GRPCRouteStatus.parents': 'RouteParentStatus',
  'TCPRouteStatus.parents': 'RouteParentStatus',
  'UDPRouteStatus.parents': 'RouteParentStatus',
  'TLSRouteStatus.parents': 'RouteParentStatus',

  'ListenerSet.listeners': 'ListenerEntry',
  'ListenerSet.parentRef': 'ParentGatewayReference',
  'ListenerEntry.tls': 'ListenerTLSConfig',
  'ListenerEntry.filters': 'ListenerFilters',
  'ListenerSetStatus.listeners': 'ListenerEntryStatus',

  'ReferenceGrant.from': 'ReferenceGrantFrom',
  'ReferenceGrant.to': 'ReferenceGrantTo',

  'BackendTLSPolicy.targetRefs': 'LocalPolicyTargetReferenceWithSectionName',
  'BackendTLSPolicy.validation': 'BackendTLSPolicyValidation',
  'BackendTLSPolicyValidation.caCertificateRefs': 'LocalObjectReference',
  'BackendTLSPolicyValidation.subjectAltNames': 'SubjectAltName',
  'BackendTLSPolicyStatus.ancestors': 'PolicyAncestorStatus',
};

/** The name of the type of `owner`'s field; `owner` is a type's name, a kind's spec counting as the kind itself. */
export function typeName(owner: string, field: string): string {
  const kind = owner.endsWith('Spec') ? owner.slice(0, -'Spec'.length) : owner;
  return names[`${kind}.${field}`] ?? names[field] ?? fallbackName(owner, field);
}

/** What a type is called whose name is taken by another shape. */
export function fallbackName(owner: string, field: string): string {
  return owner + field[0]!.toUpperCase() + field.slice(1);
}
