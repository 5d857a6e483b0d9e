/** A controller's view of manifests, made without files, workers and defaults of the schema: for tests of what is printed. */
import { loadAll } from 'js-yaml';
import { compile } from '../compiler/compile.ts';
import { createEndpointJoiner } from '../compiler/join-endpoints.ts';
import type { Acknowledged, ControllerView } from '../controller/parts.ts';
import { createTimes } from '../controller/statuses.ts';
import { nameOf, resourceSet, type Resource } from '../model/resources.ts';

export function resourcesOf(yaml: string): ReturnType<typeof resourceSet> {
  const byKind = new Map<string, Map<string, Resource>>();
  for (const document of loadAll(yaml) as Resource[]) {
    const namespace = document.kind === 'GatewayClass' ? '' : (document.metadata.namespace ?? 'default');
    const resource = { ...document, metadata: { generation: 1, ...document.metadata, namespace } };
    const kind = byKind.get(resource.kind) ?? new Map<string, Resource>();
    byKind.set(resource.kind, kind.set(nameOf(resource), resource));
  }
  return resourceSet(byKind);
}

export function viewOf(yaml: string, acknowledged: Acknowledged = { version: 1, problems: [] }): ControllerView {
  const resources = resourcesOf(yaml);
  const facts = { acknowledged, defaultAddresses: ['0.0.0.0'] };
  const compiled = compile(resources, { filters: [], policies: [], gatewaysWithoutClass: 'Ours' }, facts);
  return {
    resources,
    problems: [],
    config: compiled.config,
    endpoints: createEndpointJoiner()(compiled.config, resources),
    statuses: createTimes()(compiled.statuses, '2026-01-01T00:00:00Z'),
    notes: compiled.notes,
    version: 1,
    acknowledged,
    locate: (key) => (key.startsWith('HTTPRoute/') ? 'routes.yaml:3' : ''),
  };
}

/** With its class, so that nothing is said about that. */
export const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: shop }
spec:
  gatewayClassName: headgate
  listeners:
    - { name: http, protocol: HTTP, port: 8080 }
`;

/** A Service `shop/cart:80` with one endpoint that is ready and one that is not. */
export const cart = `
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: cart-1, namespace: shop, labels: { kubernetes.io/service-name: cart } }
addressType: IPv4
ports: [{ port: 3000 }]
endpoints:
  - { addresses: [127.0.0.1] }
  - { addresses: [127.0.0.2], conditions: { ready: false } }
`;

/** An HTTPRoute `shop/<name>` on the Gateway; `spec` is flow YAML without braces. */
export function route(name: string, spec: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec: { parentRefs: [{ name: web }], ${spec} }
`;
}

export const documents = (...parts: readonly string[]): string => parts.join('---\n');
