/**
 * The features of the conformance suite, collected from where the code has them. What a cluster cannot be asked for is left
 * out; see docs/decisions/0010.
 */
import { attachmentFeatures } from './3-attach-routes.ts';
import { backendFeatures } from './4-resolve-backends.ts';
import { routabilityFeatures } from './address-requests.ts';
import { addressFeatures } from './addresses.ts';
import { minorOf, newestBundleVersion } from './bundle-version.ts';
import { trustBundleFeatures } from './ca-bundles.ts';
import { gatewayTlsFeatures } from './gateway-tls.ts';
import { hostnameFeatures } from './path-entries.ts';
import { matchFeatures } from './http-matches.ts';
import { infrastructureFeatures } from './infrastructure.ts';
import { listenerFilterFeatures } from './listener-filters.ts';
import { protocolFeatures } from './listener-protocols.ts';
import { listenerSetFeatures } from './listener-sets.ts';
import type { CompilerOptions, Facts } from './resolved.ts';
import { routeKinds } from './route-kinds.ts';
import { formerRetryFeatures, retryFeatures, ruleFeatures } from './rule-options.ts';

/** All that the code has, whatever the cluster. */
export function supportedFeatures({ filters, policies }: CompilerOptions): readonly string[] {
  return [
    ...protocolFeatures,
    ...addressFeatures,
    ...routabilityFeatures,
    ...infrastructureFeatures,
    ...listenerSetFeatures,
    ...listenerFilterFeatures,
    ...gatewayTlsFeatures,
    ...trustBundleFeatures,
    ...attachmentFeatures,
    ...hostnameFeatures,
    ...routeKinds.flatMap((one) => one.supportedFeatures),
    ...matchFeatures,
    ...ruleFeatures,
    ...retryFeatures,
    ...backendFeatures,
    ...[...filters, ...policies].flatMap((definition) => definition.supportedFeatures),
  ];
}

/** Returns what tells those of them that hold in a cluster, each once and sorted, as the API asks. It remembers the last answer. */
export function createFeatureList(features: readonly string[]): (facts: Facts) => readonly string[] {
  let from = '';
  let list: readonly string[] = [];
  return (facts) => {
    const text = [facts.bundleVersion, facts.channel, ...(facts.absentKinds ?? [])].join(' ');
    if (list.length === 0 || text !== from) list = featuresOf(facts, features);
    from = text;
    return list;
  };
}

function featuresOf(facts: Facts, features: readonly string[]): readonly string[] {
  const { absentKinds, bundleVersion = newestBundleVersion } = facts;
  const absent = [...(absentKinds ?? [])];
  // The names of those that belong to a kind begin with it.
  const names = new Set(features.filter((feature) => !absent.some((kind) => feature.startsWith(kind))));
  if (minorOf(bundleVersion) < 7) {
    for (const feature of retryFeatures) names.delete(feature);
    if (facts.channel === 'experimental') for (const feature of formerRetryFeatures) names.add(feature);
  }
  return [...names].toSorted();
}
