/** BackendTLSPolicy: speak TLS to a Service, and verify who answers. A broken policy never falls back to trusting anybody. */
import type { BackendTls } from '../../contract/gateway-config.ts';
import { definePolicy, type PolicyCompileContext, type PolicyResult } from '../../contract/policy.ts';
import type { Problem } from '../../contract/problem.ts';
import type { BackendTLSPolicy, BackendTLSPolicyValidation } from '../../model/schema/types.generated.ts';

export const backendTls = definePolicy<BackendTLSPolicy>({
  kind: 'BackendTLSPolicy',
  targets: [{ group: '', kind: 'Service', section: 'PortName' }],
  supportedFeatures: ['BackendTLSPolicy', 'BackendTLSPolicySANValidation'],
  summary: 'Connects to a Service over TLS and verifies its certificate.',
  mergeStrategy: 'None',
  compile({ spec: { validation } }, context) {
    const base = { serverName: validation.hostname, ...subjectAltNames(validation) };
    return (validation.caCertificateRefs?.length ?? 0) > 0
      ? withReferences(base, validation, context)
      : withWellKnown(base, validation);
  },
});

/** Only names given here count then: the hostname is no more than the SNI (API, `validation.hostname`). */
function subjectAltNames({
  subjectAltNames: names = [],
}: BackendTLSPolicyValidation): Pick<BackendTls, 'subjectAltNames'> {
  if (names.length === 0) return {};
  return {
    subjectAltNames: names.map(({ type, hostname, uri }) =>
      type === 'URI' ? { type: 'URI', value: uri ?? '' } : { type: 'Hostname', value: (hostname ?? '').toLowerCase() },
    ),
  };
}

function withReferences(
  base: BackendTls,
  { caCertificateRefs = [] }: BackendTLSPolicyValidation,
  context: PolicyCompileContext,
): PolicyResult {
  const bundles: string[] = [];
  let problem: Problem | null = null;
  for (const ref of caCertificateRefs) {
    const result = context.resolveCa(ref);
    if ('pem' in result) bundles.push(result.pem);
    else problem ??= result.problem;
  }
  if (bundles.length > 0) {
    return { backend: { tls: { ...base, ca: bundles.join('\n') } }, accepted: null, resolvedRefs: problem };
  }
  const accepted = { reason: 'NoValidCACertificate', message: `no CA certificate is left: ${problem?.message}` };
  return { backend: { refused: accepted }, accepted, resolvedRefs: problem };
}

function withWellKnown(
  base: BackendTls,
  { wellKnownCACertificates: name = '' }: BackendTLSPolicyValidation,
): PolicyResult {
  if (name === 'System') return { backend: { tls: base }, accepted: null, resolvedRefs: null };
  const message =
    name === ''
      ? 'validation names no CA certificates: fill in caCertificateRefs, or wellKnownCACertificates: System'
      : `validation.wellKnownCACertificates ${name} is not supported: use System, or caCertificateRefs`;
  const accepted = { reason: 'Invalid', message };
  return { backend: { refused: accepted }, accepted, resolvedRefs: null };
}
