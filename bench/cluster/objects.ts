/** The manifests of the measurements: a Gateway, routes of a hostname each, Services whose EndpointSlices lead to the echo. */
import type { CollectionPath } from '../../src/kube/paths.ts';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: object;
  readonly [field: string]: unknown;
}

const gatewayApi = { group: 'gateway.networking.k8s.io', version: 'v1' };

export const gateways: CollectionPath = { ...gatewayApi, plural: 'gateways' };
export const routes: CollectionPath = { ...gatewayApi, plural: 'httproutes' };
export const namespaces: CollectionPath = { group: '', version: 'v1', plural: 'namespaces' };
export const services: CollectionPath = { group: '', version: 'v1', plural: 'services' };
export const slices: CollectionPath = { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' };

/** Free for programs on the test bed's node, and outside of the controller's pool; all of these lead to the echo. */
export const echoAddresses = ['172.30.250.1', '172.30.250.2', '172.30.250.3', '172.30.250.4'] as const;
export const echoPort = 9000;
export const gatewayPort = 80;

export const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export function gateway(at: string, name: string): KubeObject {
  const listener = {
    name: 'http',
    protocol: 'HTTP',
    port: gatewayPort,
    allowedRoutes: { namespaces: { from: 'All' } },
  };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: at },
    spec: { gatewayClassName: 'headgate', listeners: [listener] },
  };
}

export interface RouteOptions {
  /** `namespace/name`. */
  readonly gateway: string;
  readonly backend: string;
  /** A response header that tells versions of the route apart. */
  readonly version?: string;
}

export const hostnameOf = (name: string): string => `${name}.test`;

/** It answers for the hostname `NAME.test`. */
export function route(at: string, name: string, { gateway: parent, backend, version }: RouteOptions): KubeObject {
  const [parentNamespace, parentName] = parent.split('/');
  const filter = {
    type: 'ResponseHeaderModifier',
    responseHeaderModifier: { set: [{ name: 'x-version', value: version }] },
  };
  const rule = { backendRefs: [{ name: backend, port: 80 }], ...(version && { filters: [filter] }) };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: at },
    spec: {
      parentRefs: [{ name: parentName, namespace: parentNamespace }],
      hostnames: [hostnameOf(name)],
      rules: [rule],
    },
  };
}

/** Without a selector and without an address, so that nothing but a gateway has work with it. */
export const service = (at: string, name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: at },
  spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80, targetPort: echoPort }] },
});

export const slice = (at: string, name: string, addresses: readonly string[]): KubeObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: at, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: echoPort, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
});
