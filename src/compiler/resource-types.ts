/** The resources that the compiler reads: upstream's as generated, Kubernetes' own with the fields that matter here. */
import type { ObjectMeta, Resource } from '../model/resources.ts';

export type {
  Gateway,
  GatewayClass,
  HTTPBackendRef,
  HTTPRoute,
  HTTPRouteFilter,
  HTTPRouteMatch,
  HTTPRouteRule,
  LabelSelector,
  Listener,
  ParentReference,
  ReferenceGrant,
  RouteGroupKind,
  SecretObjectReference,
  SessionPersistence,
} from '../model/schema/types.generated.ts';

export const gatewayGroup = 'gateway.networking.k8s.io';

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: number | string;
  readonly appProtocol?: string;
}

export interface Service extends Resource {
  readonly spec: {
    readonly type?: string;
    readonly externalName?: string;
    readonly clusterIP?: string;
    readonly ports?: readonly ServicePort[];
  };
}

export interface EndpointSlice extends Resource {
  readonly addressType?: string;
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[];
    readonly zone?: string;
    readonly conditions?: {
      readonly ready?: boolean | null;
      readonly serving?: boolean | null;
      readonly terminating?: boolean | null;
    };
  }[];
}

export interface Secret extends Resource {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

export interface Namespace extends Resource {
  readonly metadata: ObjectMeta;
}
