/** Every condition that Headgate writes, with its reasons: the vocabulary of statuses. docs/conditions.md explains each; a test compares the two. */

/** Type → reasons, for each kind of object that carries conditions. `Route` stands for a route's entry for one parent, `Policy` for a policy's entry for one ancestor. */
export const conditionReasons = {
  GatewayClass: {
    Accepted: ['Accepted', 'InvalidParameters'],
    SupportedVersion: ['SupportedVersion', 'UnsupportedVersion'],
  },
  Gateway: {
    Accepted: ['Accepted', 'Pending', 'ListenersNotValid', 'InvalidParameters', 'UnsupportedAddress'],
    Programmed: [
      'Programmed',
      'Pending',
      'Invalid',
      'NoResources',
      'AddressNotUsable',
      'AddressNotAssigned',
      'PortUnavailable',
    ],
    AddressesAssigned: ['AddressesAssigned', 'PartiallyAssigned', 'NotAssigned'],
    ResolvedRefs: ['ResolvedRefs', 'ListenersNotResolved', 'InvalidClientCertificateRef', 'RefNotPermitted'],
    InsecureFrontendValidationMode: ['ConfigurationChanged'],
    'headgate.dev/Unlisted': ['StatusFull'],
  },
  ListenerSet: {
    Accepted: ['Accepted', 'Pending', 'ListenersNotValid', 'NotAllowed', 'ParentNotAccepted'],
    Programmed: [
      'Programmed',
      'Pending',
      'Invalid',
      'ListenersNotValid',
      'NotAllowed',
      'ParentNotProgrammed',
      'AddressNotUsable',
      'PortUnavailable',
    ],
    'headgate.dev/Unlisted': ['StatusFull'],
  },
  Listener: {
    Accepted: [
      'Accepted',
      'UnsupportedProtocol',
      'UnsupportedValue',
      'HostnameConflict',
      'ProtocolConflict',
      'NoValidCACertificate',
      'InvalidListenerFilter',
    ],
    Programmed: [
      'Programmed',
      'Pending',
      'Invalid',
      'HostnameConflict',
      'ProtocolConflict',
      'AddressNotUsable',
      'PortUnavailable',
    ],
    ResolvedRefs: [
      'ResolvedRefs',
      'InvalidCertificateRef',
      'InvalidRouteKinds',
      'RefNotPermitted',
      'InvalidCACertificateRef',
      'InvalidCACertificateKind',
      'InvalidListenerFilterRef',
    ],
    Conflicted: ['NoConflicts', 'HostnameConflict', 'ProtocolConflict'],
    OverlappingTLSConfig: ['OverlappingHostnames', 'OverlappingCertificates'],
  },
  Route: {
    Accepted: [
      'Accepted',
      'NoMatchingParent',
      'NotAllowedByListeners',
      'NoMatchingListenerHostname',
      'UnsupportedValue',
      'IncompatibleFilters',
    ],
    ResolvedRefs: ['ResolvedRefs', 'BackendNotFound', 'RefNotPermitted', 'InvalidKind', 'UnsupportedProtocol'],
    PartiallyInvalid: ['UnsupportedValue', 'IncompatibleFilters'],
    'headgate.dev/Unreachable': ['Shadowed', 'ListenerNotServed'],
  },
  Policy: {
    Accepted: ['Accepted', 'Conflicted', 'Invalid', 'NoValidCACertificate', 'TargetNotFound'],
    ResolvedRefs: ['ResolvedRefs', 'InvalidCACertificateRef', 'InvalidKind'],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** A condition as Kubernetes has it, but for `lastTransitionTime`, which whoever writes it knows. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

/** What a condition says; the generation is added where it is written. */
export type Finding = Omit<Condition, 'observedGeneration'>;

/** The types whose `True` is bad news: all others want to be `True`. */
export const negativeConditions: ReadonlySet<string> = new Set([
  'Conflicted',
  'OverlappingTLSConfig',
  'InsecureFrontendValidationMode',
  'PartiallyInvalid',
  'headgate.dev/Unreachable',
  'headgate.dev/Unlisted',
]);

/** Whether a condition says that something needs the user's attention. */
export function isTrouble(condition: Pick<Condition, 'type' | 'status' | 'reason'>): boolean {
  if (negativeConditions.has(condition.type)) return condition.status === 'True';
  return condition.status === 'False' || condition.reason === 'ListenersNotValid';
}
