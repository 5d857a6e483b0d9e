/** `spec.tls` of a Gateway: what it shows to backends, and what it asks of clients (GEP-3155, GEP-91). Listeners only apply it. */
import type { ClientCertificate, ClientValidation } from '../contract/gateway-config.ts';
import type { Problem } from '../contract/problem.ts';
import { resolveCaBundle } from './ca-bundles.ts';
import { resolveCertificate } from './certificate-refs.ts';
import type { References } from './references.ts';
import { gatewayGroup, type FrontendTLSValidation, type Gateway, type ObjectReference } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const gatewayTlsFeatures: readonly string[] = [
  'GatewayBackendClientCertificate',
  'GatewayFrontendClientCertificateValidation',
  'GatewayFrontendClientCertificateValidationInsecureFallback',
];

export interface GatewayTls {
  readonly clientCertificate: ClientCertificate | null;
  /** Why there is no client certificate, although one is named. */
  readonly problem: Problem | null;
  /** Some port takes clients whose certificate is not valid. */
  readonly isInsecure: boolean;
  /** What clients of a TLS listener on that port have to show. */
  validationOf(port: number): PortValidation;
}

export interface PortValidation {
  /** Null: clients are not asked. */
  readonly validation: ClientValidation | null;
  /** `NoValidCACertificate`: nobody could be let in, so the listener is not served. */
  readonly accepted: Problem | null;
  readonly resolvedRefs: Problem | null;
}

const notAsked: PortValidation = { validation: null, accepted: null, resolvedRefs: null };

export function resolveGatewayTls(gateway: Gateway, references: References): GatewayTls {
  const frontend = gateway.spec.tls?.frontend;
  const validations = [frontend?.default.validation, ...(frontend?.perPort ?? []).map(({ tls }) => tls.validation)];
  const ports = new Map<FrontendTLSValidation, PortValidation>();
  return {
    ...resolveClientCertificate(gateway, references),
    isInsecure: validations.some((validation) => validation?.mode === 'AllowInsecureFallback'),
    validationOf(port) {
      // An entry for the port stands in the place of the default, also where it asks nothing.
      const own = frontend?.perPort?.find((entry) => entry.port === port);
      const validation = own ? own.tls.validation : frontend?.default.validation;
      if (!validation) return notAsked;
      const known = ports.get(validation) ?? resolveValidation(validation, gateway, references);
      ports.set(validation, known);
      return known;
    },
  };
}

function resolveClientCertificate(
  gateway: Gateway,
  references: References,
): Pick<GatewayTls, 'clientCertificate' | 'problem'> {
  const ref = gateway.spec.tls?.backend?.clientCertificateRef;
  if (!ref) return { clientCertificate: null, problem: null };
  const from = { kind: 'Gateway', namespace: gateway.metadata.namespace };
  const result = resolveCertificate(ref, from, references);
  if ('config' in result) {
    const { origin, certificate, key } = result.config;
    return { clientCertificate: { origin, certificate, key }, problem: null };
  }
  const { reason, message } = result.problem;
  const isRefused = reason === 'RefNotPermitted';
  return {
    clientCertificate: null,
    problem: {
      reason: isRefused ? reason : 'InvalidClientCertificateRef',
      message: `spec.tls.backend.clientCertificateRef: ${message}`,
    },
  };
}

function resolveValidation(
  { caCertificateRefs, mode = 'AllowValidOnly' }: FrontendTLSValidation,
  gateway: Gateway,
  references: References,
): PortValidation {
  const bundles: string[] = [];
  let resolvedRefs: Problem | null = null;
  for (const ref of caCertificateRefs) {
    const result = resolveCa(ref, gateway, references);
    if ('pem' in result) bundles.push(result.pem);
    else resolvedRefs ??= result.problem;
  }
  if (bundles.length > 0) return { validation: { mode, ca: bundles.join('\n') }, accepted: null, resolvedRefs };
  const message = `no CA certificate is left to verify clients by: ${resolvedRefs?.message}`;
  return { validation: null, accepted: { reason: 'NoValidCACertificate', message }, resolvedRefs };
}

function resolveCa(
  ref: ObjectReference,
  gateway: Gateway,
  references: References,
): { readonly pem: string } | { readonly problem: Problem } {
  const home = gateway.metadata.namespace;
  const namespace = ref.namespace ?? home;
  if (ref.group === '' && ref.kind === 'ConfigMap') {
    const to = { group: '', kind: 'ConfigMap', namespace, name: ref.name };
    const refused = references.refusal({ group: gatewayGroup, kind: 'Gateway', namespace: home }, to);
    if (refused) return { problem: refused };
  }
  const result = resolveCaBundle(ref, namespace, references);
  if ('pem' in result || result.problem.reason !== 'InvalidKind') return result;
  return { problem: { ...result.problem, reason: 'InvalidCACertificateKind' } };
}
