/** The endpoints of all backends: whatever changes, the result is as if joined anew, and what did not change is the same object. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { emptyConfig, type BackendConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import { nameOf, resourceSet, type Resource, type ResourceSet } from '../model/resources.ts';
import { createEndpointJoiner } from './join-endpoints.ts';
import type { EndpointSlice, Service } from './resource-types.ts';

const namespace = 'default';

const service = (name: string, targets: number): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, generation: targets },
  spec: { ports: [{ port: 80, protocol: 'TCP' }] },
});

const slice = (name: string, of: string, address: string): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace, labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  ports: [{ port: 3000 }],
  endpoints: [{ addresses: [address], conditions: {} }],
});

function setOf(resources: Iterable<Resource>): ResourceSet {
  const kinds = new Map<string, Map<string, Resource>>();
  for (const resource of resources) {
    const map = kinds.get(resource.kind) ?? new Map<string, Resource>();
    kinds.set(resource.kind, map.set(nameOf(resource), resource));
  }
  return resourceSet(kinds);
}

const backend: BackendConfig = {
  origin: { kind: 'Service', namespace, name: '' },
  port: 80,
  protocol: 'http1',
  loadBalancing: { type: 'LeastRequest' },
};

const configOf = (names: Iterable<string>): GatewayConfig => ({
  ...emptyConfig,
  backends: Object.fromEntries([...names].map((name) => [`Service/default/${name}/80`, backend])),
});

test('one changed slice makes a new list for its own backend only; nothing changed, the same Map', () => {
  const [web, other] = [service('web', 1), service('other', 1)];
  const otherSlice = slice('o', 'other', '10.0.1.1');
  const join = createEndpointJoiner();
  const config = configOf(['web', 'other']);
  const before = join(config, setOf([web, other, slice('a', 'web', '10.0.0.1'), otherSlice]));
  const second = setOf([web, other, slice('a', 'web', '10.0.0.2'), otherSlice]);
  const after = join(config, second);
  assert.equal(after.get('Service/default/other/80'), before.get('Service/default/other/80'));
  assert.deepEqual(
    after.get('Service/default/web/80')?.map((one) => one.address),
    ['10.0.0.2'],
  );
  assert.equal(join(config, second), after);
});

const names = ['a', 'b', 'c'];
const change = fc.oneof(
  fc.record({
    type: fc.constant('slice' as const),
    name: fc.constantFrom(...names),
    of: fc.constantFrom(...names),
    at: fc.nat(3),
  }),
  fc.record({ type: fc.constant('service' as const), name: fc.constantFrom(...names), at: fc.nat(3) }),
  fc.record({ type: fc.constant('no slice' as const), name: fc.constantFrom(...names) }),
  fc.record({ type: fc.constant('no service' as const), name: fc.constantFrom(...names) }),
  fc.record({ type: fc.constant('backends' as const), names: fc.uniqueArray(fc.constantFrom(...names)) }),
);

test('after any changes the endpoints are those of a join from nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (bursts) => {
      const join = createEndpointJoiner();
      const resources = new Map<string, Resource>();
      let config = configOf(names);
      for (const burst of bursts) {
        for (const one of burst) {
          if (one.type === 'slice') resources.set(`slice ${one.name}`, slice(one.name, one.of, `10.0.0.${one.at}`));
          else if (one.type === 'service') resources.set(`service ${one.name}`, service(one.name, one.at));
          else if (one.type === 'backends') config = configOf(one.names);
          else resources.delete(one.type === 'no slice' ? `slice ${one.name}` : `service ${one.name}`);
        }
        const set = setOf(resources.values());
        assert.deepEqual(new Map(join(config, set)), new Map(createEndpointJoiner()(config, set)));
      }
    }),
  );
});
