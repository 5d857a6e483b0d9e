/** Small builders of Gateway API manifests for tests of the whole program. JSON, which is YAML. */

type Document = Readonly<Record<string, unknown>>;

const api = 'gateway.networking.k8s.io/v1';

/** Several documents as the text of one file. */
export function manifests(...documents: readonly (Document | readonly Document[])[]): string {
  return documents
    .flat()
    .map((document) => JSON.stringify(document))
    .join('\n---\n');
}

export function gatewayClass(): Document {
  return {
    apiVersion: api,
    kind: 'GatewayClass',
    metadata: { name: 'headgate' },
    spec: { controllerName: 'headgate.dev/gateway-controller' },
  };
}

/** A Gateway `test/web` on loopback. */
export function gateway(...listeners: readonly Document[]): Document {
  return {
    apiVersion: api,
    kind: 'Gateway',
    metadata: { name: 'web', namespace: 'test' },
    spec: { gatewayClassName: 'headgate', addresses: [{ type: 'IPAddress', value: '127.0.0.1' }], listeners },
  };
}

export function httpListener(port: number, rest: Document = {}): Document {
  return { name: `http-${port}`, protocol: 'HTTP', port, ...rest };
}

/** An HTTPRoute `test/NAME` attached to the whole Gateway. */
export function httpRoute(name: string, spec: Document): Document {
  return {
    apiVersion: api,
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'test' },
    spec: { parentRefs: [{ name: 'web' }], ...spec },
  };
}

/** A Service `test/NAME` on port 80 with its endpoints on loopback. */
export function service(name: string, ports: readonly number[], appProtocol?: string): readonly Document[] {
  const slice = (port: number, i: number) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${i}`, namespace: 'test', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'main', port }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
  });
  const port = { name: 'main', port: 80, ...(appProtocol && { appProtocol }) };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'test' }, spec: { ports: [port] } },
    ...ports.map(slice),
  ];
}

/** A kubernetes.io/tls Secret `test/NAME`. */
export function tlsSecret(name: string, certificate: string, key: string): Document {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'test' },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': certificate, 'tls.key': key },
  };
}
