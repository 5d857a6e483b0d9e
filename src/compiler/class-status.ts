/** The status of a GatewayClass: whether it is ours to serve, whether the cluster has an API that we know, and what we can do. */
import type { Condition, Finding } from '../model/conditions.ts';
import type { ResourceSet } from '../model/resources.ts';
import { attachmentFeatures } from './3-attach-routes.ts';
import { backendFeatures } from './4-resolve-backends.ts';
import { routabilityFeatures } from './address-requests.ts';
import { addressFeatures } from './addresses.ts';
import { trustBundleFeatures } from './ca-bundles.ts';
import { classParameters } from './gateway-parameters.ts';
import { gatewayTlsFeatures } from './gateway-tls.ts';
import { hostnameFeatures } from './hostname-tables.ts';
import { matchFeatures } from './http-matches.ts';
import { listenerFilterFeatures } from './listener-filters.ts';
import { protocolFeatures } from './listener-protocols.ts';
import { infrastructureFeatures } from './infrastructure.ts';
import { listenerSetFeatures } from './listener-sets.ts';
import type { CompilerOptions, Facts } from './resolved.ts';
import type { GatewayClass } from './resource-types.ts';
import { routeKinds } from './route-kinds.ts';
import { ruleFeatures } from './rule-options.ts';

export interface GatewayClassStatus {
  readonly conditions: readonly Condition[];
  /** Sorted by name, as the API asks. Only where there is a cluster to read it. */
  readonly supportedFeatures?: readonly { readonly name: string }[];
}

/** The newest version of the definitions that is supported, and what is taken where the cluster does not tell its own. */
export const newestBundleVersion = 'v1.7.0';
const oldestMinor = 5;

/** All features of the conformance suite that the code has, sorted. */
export function supportedFeatures({ filters, policies }: CompilerOptions): readonly string[] {
  const names = [
    ...protocolFeatures,
    ...addressFeatures,
    ...infrastructureFeatures,
    ...listenerSetFeatures,
    ...gatewayTlsFeatures,
    ...attachmentFeatures,
    ...hostnameFeatures,
    ...routeKinds.flatMap((one) => one.supportedFeatures),
    ...matchFeatures,
    ...ruleFeatures,
    ...backendFeatures,
    ...[...filters, ...policies].flatMap((definition) => definition.supportedFeatures),
  ];
  return [...new Set(names)].toSorted();
}

/** Those that depend on what the cluster has. */
function featuresHere({ channel, absentKinds }: Facts): readonly string[] {
  return [
    ...(channel === 'experimental' ? [...routabilityFeatures, ...listenerFilterFeatures] : []),
    ...(absentKinds?.has('ClusterTrustBundle') === false ? trustBundleFeatures : []),
  ];
}

/** Without those of routes that the cluster does not have. The names begin with the kind. */
function featuresOfKinds(features: readonly string[], { absentKinds }: Facts): readonly string[] {
  const absent = routeKinds.filter(({ kind }) => absentKinds?.has(kind));
  return features.filter((feature) => !absent.some(({ kind }) => feature.startsWith(kind)));
}

export interface ClassSurroundings {
  /** Of the code, whatever the cluster. */
  readonly features: readonly string[];
  readonly facts: Facts;
  readonly resources: ResourceSet;
}

export function classStatus(
  gatewayClass: GatewayClass,
  { features, facts, resources }: ClassSurroundings,
): GatewayClassStatus {
  const { bundleVersion } = facts;
  const observedGeneration = gatewayClass.metadata.generation ?? 0;
  const names = [...featuresOfKinds(features, facts), ...featuresHere(facts)].toSorted();
  const findings = [
    acceptedFinding(gatewayClass, resources),
    ...(bundleVersion ? [versionFinding(bundleVersion)] : []),
  ];
  return {
    conditions: findings.map((finding) => ({ ...finding, observedGeneration })),
    ...(bundleVersion && { supportedFeatures: names.map((name) => ({ name })) }),
  };
}

function acceptedFinding(gatewayClass: GatewayClass, resources: ResourceSet): Finding {
  const found = classParameters(gatewayClass, { find: (kind, name) => resources.of(kind).get(name) });
  if ('problem' in found) return { type: 'Accepted', status: 'False', ...found.problem };
  const message = 'Headgate serves the Gateways of this class';
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

/** Served as well as can be in any case: fields that are newer than the definitions are simply not there. */
function versionFinding(bundleVersion: string): Finding {
  const newestMinor = minorOf(newestBundleVersion);
  const minor = minorOf(bundleVersion);
  const base = { type: 'SupportedVersion' } as const;
  if (minor >= oldestMinor && minor <= newestMinor)
    return {
      ...base,
      status: 'True',
      reason: 'SupportedVersion',
      message: `Gateway API ${bundleVersion} is supported`,
    };
  const message = `the cluster has Gateway API ${bundleVersion}; Headgate is tested with v1.${oldestMinor} to v1.${newestMinor}`;
  return { ...base, status: 'False', reason: 'UnsupportedVersion', message };
}

/** NaN where it is not a version 1. */
function minorOf(version: string): number {
  return Number(/^v1\.(\d+)\./.exec(version)?.[1]);
}
