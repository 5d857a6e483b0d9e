import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceSet } from '../model/resources.ts';
import { classStatus } from './class-status.ts';
import { noFacts } from './compile.ts';
import type { Facts } from './resolved.ts';
import type { GatewayClass } from './resource-types.ts';
import { createFeatureList, supportedFeatures } from './supported-features.ts';

const gatewayClass = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'headgate', namespace: '' },
  spec: { controllerName: 'headgate.dev/gateway-controller' },
} as GatewayClass;

function claimed(facts: Partial<Facts>): readonly string[] | undefined {
  const inCluster = { ...noFacts, ...facts };
  const features = createFeatureList(supportedFeatures({ filters: [], policies: [] }))(inCluster);
  const around = { features, facts: inCluster, resources: resourceSet(new Map()) };
  return classStatus(gatewayClass, around).supportedFeatures?.map(({ name }) => name);
}

/** What `more` claims beside what `facts` do, and what it does not. */
function difference(facts: Partial<Facts>, more: Partial<Facts>): readonly string[] {
  const [before = [], after = []] = [claimed(facts), claimed({ ...facts, ...more })];
  return [
    ...before.filter((name) => !after.includes(name)).map((name) => `-${name}`),
    ...after.filter((name) => !before.includes(name)).map((name) => `+${name}`),
  ];
}

const newest = { bundleVersion: 'v1.7.0', channel: 'standard', absentKinds: new Set<string>() } as const;

test('features are claimed once, sorted, and only where there is a cluster to read them', () => {
  assert.equal(claimed({}), undefined);
  const names = claimed(newest)!;
  assert.ok(names.includes('ClusterTrustBundle') && names.includes('UDPRoute'), names.join());
  assert.deepEqual(names, [...new Set(names)].toSorted());
});

test('what belongs to a kind that the cluster does not serve is not claimed', () => {
  assert.deepEqual(difference(newest, { absentKinds: new Set(['ClusterTrustBundle', 'UDPRoute']) }), [
    '-ClusterTrustBundle',
    '-UDPRoute',
  ]);
});

test('before v1.7 retries have other names, and no field in the standard channel', () => {
  const retries = ['-HTTPRouteRetryCodes', '-HTTPRouteRetryConnectionError'];
  assert.deepEqual(difference(newest, { bundleVersion: 'v1.6.3' }), retries);
  assert.deepEqual(difference(newest, { bundleVersion: 'v1.6.3', channel: 'experimental' }), [
    '-HTTPRouteRetryCodes',
    '+HTTPRouteRetry',
    '+HTTPRouteRetryBackendTimeout',
  ]);
});

test('every definition must be of a version that is known; those that are not are named', () => {
  const finding = (versions: Readonly<Record<string, string>>) => {
    const facts = { ...noFacts, bundleVersion: 'v1.7.0', definitionVersions: new Map(Object.entries(versions)) };
    const around = { features: [], facts, resources: resourceSet(new Map()) };
    return classStatus(gatewayClass, around).conditions.find(({ type }) => type === 'SupportedVersion')!;
  };
  const good = { 'gatewayclasses.x': 'v1.7.0', 'httproutes.x': 'v1.6.3' };
  assert.equal(finding(good).status, 'True');
  for (const [version, text] of Object.entries({
    'v1.2.0': 'v1.2.0',
    'v1.8.0': 'v1.8.0',
    dev: 'dev',
    '': 'no version',
  })) {
    const { status, reason, message } = finding({ ...good, 'grpcroutes.x': version });
    assert.equal(`${status} ${reason}`, 'False UnsupportedVersion');
    assert.ok(message.includes(`: grpcroutes.x (${text}). `), message);
  }
});
