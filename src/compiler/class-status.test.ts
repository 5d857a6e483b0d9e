import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceSet } from '../model/resources.ts';
import { classStatus } from './class-status.ts';
import { noFacts } from './compile.ts';
import type { Facts } from './resolved.ts';
import type { GatewayClass } from './resource-types.ts';

const gatewayClass = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'headgate', namespace: '' },
  spec: { controllerName: 'headgate.dev/gateway-controller' },
} as GatewayClass;

function claimed(facts: Partial<Facts>): readonly string[] | undefined {
  const around = { features: ['Gateway'], facts: { ...noFacts, ...facts }, resources: resourceSet(new Map()) };
  return classStatus(gatewayClass, around).supportedFeatures?.map(({ name }) => name);
}

test('what the cluster cannot have is not claimed', () => {
  const absentKinds = new Set(['ClusterTrustBundle']);
  assert.equal(claimed({}), undefined, 'nobody reads it without a cluster');
  assert.deepEqual(claimed({ bundleVersion: 'v1.7.0', channel: 'standard', absentKinds }), ['Gateway']);
  assert.deepEqual(claimed({ bundleVersion: 'v1.7.0', channel: 'standard', absentKinds: new Set() }), [
    'ClusterTrustBundle',
    'Gateway',
  ]);
  assert.deepEqual(claimed({ bundleVersion: 'v1.7.0', channel: 'experimental', absentKinds }), [
    'Gateway',
    'GatewayAddressRoutability',
    'GatewayAddressRoutabilityCluster',
    'GatewayListenerFilters',
  ]);
});
