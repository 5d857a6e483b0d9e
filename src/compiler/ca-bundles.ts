/** CA certificates from ConfigMaps and ClusterTrustBundles, each checked before a proxy sees it. */
import { X509Certificate } from 'node:crypto';
import type { CaReference } from '../contract/policy.ts';
import type { Problem } from '../contract/problem.ts';
import type { Resource } from '../model/resources.ts';
import type { References } from './references.ts';
import type { ClusterTrustBundle, ConfigMap } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file, where the cluster has the kind (GEP-5075). */
export const trustBundleFeatures: readonly string[] = ['ClusterTrustBundle'];

export type CaBundle = { readonly pem: string } | { readonly problem: Problem };

/** `InvalidKind`, or `InvalidCACertificateRef` with what is wrong. Permission is the caller's business. */
export function resolveCaBundle(
  { group, kind, name }: CaReference,
  namespace: string,
  references: References,
): CaBundle {
  if (group === '' && kind === 'ConfigMap') {
    const full = `${namespace}/${name}`;
    const configMap = references.find('ConfigMap', full) as ConfigMap | undefined;
    if (!configMap) return invalid(`ConfigMap ${full} does not exist: create it with the key ca.crt`);
    const text = configMap.data?.['ca.crt'];
    return text
      ? checked(configMap, text, `ca.crt of ConfigMap ${full}`)
      : invalid(`ConfigMap ${full} has no ca.crt: put the CA certificate under that key, as PEM`);
  }
  // GEP-5075: cluster-scoped, open to everybody.
  if (group === 'certificates.k8s.io' && kind === 'ClusterTrustBundle') {
    if (references.isAbsent(kind)) {
      const message = `ClusterTrustBundle ${name} cannot be: the cluster does not serve this kind; use a ConfigMap`;
      return { problem: { reason: 'InvalidKind', message } };
    }
    const bundle = references.find('ClusterTrustBundle', name) as ClusterTrustBundle | undefined;
    if (!bundle) return invalid(`ClusterTrustBundle ${name} does not exist: create it, or correct the name`);
    return checked(bundle, bundle.spec.trustBundle ?? '', `spec.trustBundle of ClusterTrustBundle ${name}`);
  }
  const what = `${kind}${group && ` of group ${group}`}`;
  const message = `${name} is a ${what}: CA certificates are read from the key ca.crt of a ConfigMap, or from a ClusterTrustBundle`;
  return { problem: { reason: 'InvalidKind', message } };
}

const known = new WeakMap<Resource, CaBundle>();

/** Remembered by the object. What stands around the certificates is left out: some bundles carry comments. */
function checked(holder: Resource, text: string, name: string): CaBundle {
  const before = known.get(holder);
  if (before) return before;
  const result = check(text, name);
  known.set(holder, result);
  return result;
}

function check(text: string, name: string): CaBundle {
  const blocks =
    text.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0)
    return invalid(`${name} holds no PEM certificate: it begins with -----BEGIN CERTIFICATE-----`);
  for (const [i, block] of blocks.entries()) {
    if (!isCertificate(block))
      return invalid(`certificate ${i + 1} of ${name} cannot be read: it is damaged, put it there anew`);
  }
  return { pem: blocks.join('\n') };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function invalid(message: string): CaBundle {
  return { problem: { reason: 'InvalidCACertificateRef', message } };
}
