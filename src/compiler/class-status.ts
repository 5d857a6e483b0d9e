/** The status of a GatewayClass: whether it is ours to serve, whether the cluster has an API that we know, and what we can do. */
import type { Condition, Finding } from '../model/conditions.ts';
import type { ResourceSet } from '../model/resources.ts';
import { classParameters } from './gateway-parameters.ts';
import type { Facts } from './resolved.ts';
import type { GatewayClass } from './resource-types.ts';
import { minorOf, newestBundleVersion } from './bundle-version.ts';

export interface GatewayClassStatus {
  readonly conditions: readonly Condition[];
  /** Sorted by name, as the API asks. Only where there is a cluster to read it. */
  readonly supportedFeatures?: readonly { readonly name: string }[];
}

const oldestMinor = 5;

export interface ClassSurroundings {
  /** Those that hold in this cluster. */
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
  const findings = [
    acceptedFinding(gatewayClass, resources),
    ...(bundleVersion ? [versionFinding(bundleVersion)] : []),
  ];
  return {
    conditions: findings.map((finding) => ({ ...finding, observedGeneration })),
    ...(bundleVersion && { supportedFeatures: features.map((name) => ({ name })) }),
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
