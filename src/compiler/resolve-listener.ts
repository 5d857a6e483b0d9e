/** One listener, of a Gateway or a ListenerSet: its protocol, kinds and certificates. Other listeners are not looked at. */
import type { CertificateConfig, ListenerConfig } from '../contract/gateway-config.ts';
import { keyOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { resolveCertificate } from './certificate-refs.ts';
import type { GatewayTls, PortValidation } from './gateway-tls.ts';
import { normaliseHostname } from './hostnames.ts';
import { rulesOf, supportedProtocols, type ProtocolRules } from './listener-protocols.ts';
import type { References } from './references.ts';
import type { ResolvedListener } from './resolved.ts';
import { gatewayGroup, type Gateway, type Listener, type ListenerSet, type RouteGroupKind } from './resource-types.ts';

export interface ListenerSurroundings {
  /** Whose listener it is. */
  readonly owner: Gateway | ListenerSet;
  /** Of the Gateway. */
  readonly gateway: Key;
  readonly addresses: readonly string[];
  readonly isServable: boolean;
  readonly conflicted: Problem | null;
  /** Of the Gateway. */
  readonly tls: GatewayTls;
  readonly references: References;
}

export function resolveListener(spec: Listener, around: ListenerSurroundings): ResolvedListener {
  const { owner, conflicted } = around;
  const rules = rulesOf(spec);
  // TCP and UDP know no hostnames.
  const hostname = rules?.sharing === 'none' ? '' : normaliseHostname(spec.hostname);
  const key = keyOf(owner.kind, owner.metadata.namespace, owner.metadata.name, spec.name);
  const base = { key, gateway: around.gateway, spec, hostname, conflicted, overlapping: null };
  if (!rules) {
    const message = `protocol ${spec.protocol} is not supported: use one of ${supportedProtocols.join(', ')}`;
    const accepted = { reason: 'UnsupportedProtocol', message };
    return { ...base, kinds: [], accepted, resolvedRefs: null, config: null, certificates: [] };
  }
  const { kinds, problem: kindProblem } = resolveKinds(spec, rules);
  const { certificates, problem: certificateProblem } = resolveCertificates(spec, rules, around);
  const clients = rules.tls === 'Terminate' ? around.tls.validationOf(spec.port) : null;
  const accepted = conflicted ?? clients?.accepted ?? null;
  const isServed = around.isServable && !accepted && (rules.tls !== 'Terminate' || certificates.length > 0);
  return {
    ...base,
    kinds,
    accepted,
    resolvedRefs: certificateProblem ?? clients?.resolvedRefs ?? kindProblem,
    config: isServed ? listenerConfig(spec, { ...around, rules, hostname, certificates, clients }) : null,
    certificates,
  };
}

function listenerConfig(
  spec: Listener,
  parts: ListenerSurroundings & {
    rules: ProtocolRules;
    hostname: string;
    certificates: ResolvedListener['certificates'];
    clients: PortValidation | null;
  },
): ListenerConfig {
  const { kind, metadata } = parts.owner;
  const { clientCertificate } = parts.tls;
  const validation = parts.clients?.validation;
  const { namespace, name, generation } = metadata;
  return {
    origin: { kind, namespace, name, section: spec.name, generation },
    gateway: parts.gateway,
    protocol: parts.rules.protocol,
    addresses: parts.addresses,
    port: spec.port,
    hostname: parts.hostname,
    ...(parts.rules.tls !== 'None' && {
      tls: {
        mode: parts.rules.tls,
        certificates: parts.certificates.map(([key]) => key),
        ...(validation && { clientValidation: validation }),
      },
    }),
    ...(clientCertificate && { clientCertificate }),
  };
}

/** The kinds that may attach: those asked for, of those that the protocol can carry. */
function resolveKinds(
  spec: Listener,
  rules: ProtocolRules,
): { kinds: readonly RouteGroupKind[]; problem: Problem | null } {
  const asked = spec.allowedRoutes?.kinds ?? [];
  if (asked.length === 0) return { kinds: rules.kinds, problem: null };
  const isCarried = (kind: RouteGroupKind) =>
    rules.kinds.some((known) => known.kind === kind.kind && known.group === (kind.group ?? gatewayGroup));
  const strangers = asked.filter((kind) => !isCarried(kind));
  const kinds = rules.kinds.filter((known) =>
    asked.some((kind) => kind.kind === known.kind && (kind.group ?? gatewayGroup) === known.group),
  );
  if (strangers.length === 0) return { kinds, problem: null };
  const names = strangers.map((kind) => kind.kind).join(', ');
  const carried = rules.kinds.map((kind) => kind.kind).join(', ');
  const protocol = rules.tls === 'Passthrough' ? `${spec.protocol} in mode Passthrough` : spec.protocol;
  const message = `allowedRoutes.kinds names ${names}, which a listener of protocol ${protocol} cannot carry: remove what is not among ${carried}`;
  return { kinds, problem: { reason: 'InvalidRouteKinds', message } };
}

/** The certificates that can be used, in order, and the first problem of those that cannot. */
function resolveCertificates(spec: Listener, rules: ProtocolRules, { owner, references }: ListenerSurroundings) {
  const certificates: (readonly [Key, CertificateConfig])[] = [];
  let problem: Problem | null = null;
  if (rules.tls !== 'Terminate') return { certificates, problem };
  const refs = spec.tls?.certificateRefs ?? [];
  if (refs.length === 0) {
    const message = 'tls.certificateRefs is empty: name a Secret that holds the certificate';
    return { certificates, problem: { reason: 'InvalidCertificateRef', message } };
  }
  const from = { kind: owner.kind, namespace: owner.metadata.namespace };
  for (const ref of refs) {
    const result = resolveCertificate(ref, from, references);
    if ('problem' in result) problem ??= result.problem;
    else certificates.push([result.key, result.config]);
  }
  return { certificates, problem };
}
