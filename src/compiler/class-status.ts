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
  const { bundleVersion, definitionVersions } = facts;
  const observedGeneration = gatewayClass.metadata.generation ?? 0;
  const findings = [
    acceptedFinding(gatewayClass, resources),
    ...(bundleVersion ? [versionFinding(bundleVersion, definitionVersions)] : []),
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
function versionFinding(bundleVersion: string, versions: ReadonlyMap<string, string> = new Map()): Finding {
  const type = 'SupportedVersion';
  const all = versions.size > 0 ? versions : new Map([['Gateway API', bundleVersion]]);
  const odd = [...all].filter(([, version]) => !isTested(version));
  if (odd.length === 0)
    return { type, status: 'True', reason: 'SupportedVersion', message: `Gateway API ${bundleVersion} is supported` };
  const names = odd.map(([name, version]) => `${name} (${version === '' ? 'no version' : version})`).join(', ');
  const message =
    `the cluster has definitions of versions that Headgate is not tested with: ${names}. They are served as far as they are known; ` +
    `install the definitions of one release from v1.${oldestMinor} to ${newestBundleVersion}`;
  return { type, status: 'False', reason: 'UnsupportedVersion', message };
}

function isTested(version: string): boolean {
  const minor = minorOf(version);
  return minor >= oldestMinor && minor <= minorOf(newestBundleVersion);
}
