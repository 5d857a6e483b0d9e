/** References to Secrets with a certificate and its key: permission, existence, content, in this order. */
import type { CertificateConfig } from '../contract/gateway-config.ts';
import { keyOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { checkCertificate } from './certificates.ts';
import type { References } from './references.ts';
import { gatewayGroup, type Secret, type SecretObjectReference } from './resource-types.ts';

/** The object that refers: a kind of the Gateway API. */
export interface Referrer {
  readonly kind: string;
  readonly namespace: string;
}

export type ResolvedCertificate =
  | { readonly key: Key; readonly config: CertificateConfig }
  | { readonly problem: Problem };

/** The problem's reason is `InvalidCertificateRef` or `RefNotPermitted`. */
export function resolveCertificate(
  { group = '', kind = 'Secret', ...ref }: SecretObjectReference,
  from: Referrer,
  references: References,
): ResolvedCertificate {
  const namespace = ref.namespace ?? from.namespace;
  if (group !== '' || kind !== 'Secret') {
    return invalid(
      `certificateRef ${ref.name} is a ${kind}${group && ` of group ${group}`}: only Secrets hold certificates`,
    );
  }
  const to = { group: '', kind: 'Secret', namespace, name: ref.name };
  const refused = references.refusal({ ...from, group: gatewayGroup }, to);
  if (refused) return { problem: refused };
  const secret = references.find('Secret', `${namespace}/${ref.name}`) as Secret | undefined;
  if (!secret) {
    return invalid(
      `Secret ${namespace}/${ref.name} does not exist: create it with kubectl create secret tls ${ref.name} -n ${namespace} --cert=… --key=…`,
    );
  }
  const result = checkCertificate(secret);
  return 'problem' in result ? result : { key: keyOf('Secret', namespace, ref.name), config: result.config };
}

function invalid(message: string): ResolvedCertificate {
  return { problem: { reason: 'InvalidCertificateRef', message } };
}
