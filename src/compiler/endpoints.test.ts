/** Endpoints from EndpointSlices: ports by name, the API's defaults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendEndpoints } from './endpoints.ts';
import type { EndpointSlice, Service } from './resource-types.ts';

const metadata = { name: 'web', namespace: 'default' };

function service(ports: readonly { readonly name?: string; readonly port: number }[]): Service {
  const spec = { ports: ports.map((port) => ({ ...port, protocol: 'TCP' as const })) };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec };
}

function slice(name: string, rest: Omit<EndpointSlice, 'apiVersion' | 'kind' | 'metadata'>): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': 'web' };
  const meta = { name, namespace: 'default', labels };
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: meta, ...rest };
}

const at = (address: string, conditions = {}) => ({ addresses: [address], conditions });

test('ports are joined by name; the slice has the real port', () => {
  const web = service([
    { name: 'http', port: 80 },
    { name: 'admin', port: 81 },
  ]);
  const slices = [
    slice('a', {
      addressType: 'IPv4',
      ports: [
        { name: 'admin', port: 9001 },
        { name: 'http', port: 3000 },
      ],
      endpoints: [at('10.0.0.2')],
    }),
    slice('b', { addressType: 'IPv6', ports: [{ name: 'http', port: 3001 }], endpoints: [at('fd00::1')] }),
  ];
  const http = backendEndpoints('Service/default/web/80', slices, web);
  assert.deepEqual(
    http.map((one) => `${one.address} ${one.port}`),
    ['10.0.0.2 3000', 'fd00::1 3001'],
  );
  assert.deepEqual(
    backendEndpoints('Service/default/web/81', slices, web).map((one) => one.port),
    [9001],
  );
});

test('a port without a name, a port the Service does not have, no Service', () => {
  const slices = [slice('a', { addressType: 'IPv4', ports: [{ port: 3000 }], endpoints: [at('10.0.0.1')] })];
  assert.equal(backendEndpoints('Service/default/web/80', slices, service([{ port: 80 }])).length, 1);
  assert.equal(backendEndpoints('Service/default/web/80', slices, service([{ name: 'http', port: 80 }])).length, 1);
  assert.equal(backendEndpoints('Service/default/web/82', slices, service([{ port: 80 }])).length, 0);
  assert.equal(backendEndpoints('Service/default/web/80', slices, undefined).length, 0);
});

test('conditions that are absent have the defaults of the API', () => {
  const states = [
    at('10.0.0.1'),
    at('10.0.0.2', { ready: false }),
    at('10.0.0.3', { ready: false, serving: true, terminating: true }),
  ];
  const slices = [slice('a', { addressType: 'IPv4', ports: [{ port: 3000 }], endpoints: states })];
  const endpoints = backendEndpoints('Service/default/web/80', slices, service([{ port: 80 }]));
  assert.deepEqual(
    endpoints.map(({ ready, serving, terminating }) => [ready, serving, terminating]),
    [
      [true, true, false],
      [false, false, false],
      [false, true, true],
    ],
  );
});

test('a pod in two slices is one endpoint, ready if one says so; FQDN slices are left out', () => {
  const slices = [
    slice('a', { addressType: 'IPv4', ports: [{ port: 3000 }], endpoints: [at('10.0.0.1', { ready: false })] }),
    slice('b', { addressType: 'IPv4', ports: [{ port: 3000 }], endpoints: [at('10.0.0.1')] }),
    slice('c', { addressType: 'FQDN', ports: [{ port: 3000 }], endpoints: [at('example.com')] }),
  ];
  const endpoints = backendEndpoints('Service/default/web/80', slices, service([{ port: 80 }]));
  assert.deepEqual(
    endpoints.map((one) => [one.address, one.ready]),
    [['10.0.0.1', true]],
  );
});

test('UDP ports of a Service are joined with UDP ports of its slices', () => {
  const spec = {
    ports: [
      { port: 53, protocol: 'TCP' as const },
      { port: 53, protocol: 'UDP' as const },
    ],
  };
  const dns: Service = { apiVersion: 'v1', kind: 'Service', metadata, spec };
  const ports = [{ port: 5301 }, { port: 5302, protocol: 'UDP' }];
  const slices = [slice('a', { addressType: 'IPv4', ports, endpoints: [at('10.0.0.1')] })];
  const portOf = (key: string) => backendEndpoints(key, slices, dns).map(({ port }) => port);
  assert.deepEqual(portOf('Service/default/web/53/udp'), [5302]);
  assert.deepEqual(portOf('Service/default/web/53/tcp'), [5301]);
  assert.deepEqual(portOf('Service/default/web/53/grpc'), [5301]);
  assert.deepEqual(portOf('Service/default/web/53'), [5301]);
});
