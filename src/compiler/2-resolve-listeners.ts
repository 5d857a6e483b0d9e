/** Step 2: listeners with their certificates, kinds and conflicts. Routes are not looked at. */
import type { CertificateConfig, ListenerConfig } from '../contract/gateway-config.ts';
import { keyOf, type Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import type { ResourceSet } from '../model/resources.ts';
import { addressesOf, findTakenPorts, takenProblem, unsupportedAddress, type TakenPorts } from './addresses.ts';
import { checkCertificate } from './certificates.ts';
import { normaliseHostname } from './hostnames.ts';
import { findConflicts, findOverlaps } from './listener-conflicts.ts';
import { rulesOf, supportedProtocols, type ProtocolRules } from './listener-protocols.ts';
import { createMemory, remember, type Memory } from './memory.ts';
import { refusal, type GrantIndex } from './reference-grants.ts';
import type { ResolvedGateway, ResolvedListener, SelectedGateway } from './resolved.ts';
import {
  gatewayGroup,
  type Gateway,
  type Listener,
  type RouteGroupKind,
  type SecretObjectReference,
  type Secret,
} from './resource-types.ts';

type ListenerMemory = Memory<ResolvedGateway>;

export const createListenerMemory = (): ListenerMemory => createMemory<ResolvedGateway>();

interface Surroundings {
  readonly resources: ResourceSet;
  readonly grants: GrantIndex;
}

/** Gateways sorted the oldest first, as they come. */
export function resolveListeners(
  selected: readonly SelectedGateway[],
  around: Surroundings,
  memory: ListenerMemory,
): readonly ResolvedGateway[] {
  const taken = findTakenPorts(selected);
  const secrets = around.resources.of<Secret>('Secret');
  return selected.map((one) => {
    const ports = taken.get(one);
    const refs = one.gateway.spec.listeners.flatMap((listener) => listener.tls?.certificateRefs ?? []);
    const needsGrants = refs.some(
      (ref) => (ref.namespace ?? one.gateway.metadata.namespace) !== one.gateway.metadata.namespace,
    );
    const inputs = [
      ports ? JSON.stringify([...ports]) : '',
      needsGrants ? around.grants : null,
      ...refs.map((ref) => secrets.get(`${ref.namespace ?? one.gateway.metadata.namespace}/${ref.name}`)),
    ];
    return remember(memory, { owner: one.gateway, inputs }, () => resolveGateway(one, ports ?? new Map(), around));
  });
}

function resolveGateway({ gateway, key }: SelectedGateway, taken: TakenPorts, around: Surroundings): ResolvedGateway {
  const accepted = unsupportedAddress(gateway) ?? unknownParameters(gateway);
  const addresses = addressesOf(gateway);
  const conflicts = findConflicts(gateway.spec.listeners);
  const resolved = gateway.spec.listeners.map((listener) =>
    resolveListener(listener, {
      ...around,
      gateway,
      key,
      addresses,
      isServable: accepted === null && !taken.has(listener.port),
      conflicted: conflicts.get(listener) ?? null,
    }),
  );
  const listeners = withOverlaps(resolved);
  const programmed = taken.size > 0 ? takenProblem(gateway, taken) : null;
  return { gateway, key, listeners, accepted, programmed, addresses };
}

function withOverlaps(listeners: readonly ResolvedListener[]): readonly ResolvedListener[] {
  const named = listeners
    .filter(({ conflicted }) => !conflicted)
    .map(({ spec, certificates }) => ({ spec, names: certificates.flatMap(([, { names }]) => names) }));
  const overlaps = findOverlaps(named);
  return listeners.map((listener) => ({ ...listener, overlapping: overlaps.get(listener.spec) ?? null }));
}

function unknownParameters(gateway: Gateway): Problem | null {
  const ref = gateway.spec.infrastructure?.parametersRef;
  if (!ref) return null;
  const message = `spec.infrastructure.parametersRef names ${ref.kind} ${ref.name}, but Headgate has no such parameters: remove the field`;
  return { reason: 'InvalidParameters', message };
}

interface ListenerSurroundings extends Surroundings {
  readonly gateway: Gateway;
  readonly key: Key;
  readonly addresses: readonly string[];
  readonly isServable: boolean;
  readonly conflicted: Problem | null;
}

function resolveListener(spec: Listener, around: ListenerSurroundings): ResolvedListener {
  const { gateway, conflicted } = around;
  const { namespace, name } = gateway.metadata;
  const rules = rulesOf(spec);
  const hostname = normaliseHostname(spec.hostname);
  const key = keyOf('Gateway', namespace, name, spec.name);
  const base = { key, spec, hostname, conflicted, overlapping: null };
  if (!rules) {
    const message = `protocol ${spec.protocol} is not supported: use ${supportedProtocols.join(' or ')}`;
    const accepted = { reason: 'UnsupportedProtocol', message };
    return { ...base, kinds: [], accepted, resolvedRefs: null, config: null, certificates: [] };
  }
  const { kinds, problem: kindProblem } = resolveKinds(spec, rules);
  const { certificates, problem: certificateProblem } = resolveCertificates(spec, rules, around);
  const isServed = around.isServable && !conflicted && (rules.tls === 'None' || certificates.length > 0);
  return {
    ...base,
    kinds: conflicted?.reason === 'ProtocolConflict' ? [] : kinds,
    accepted: conflicted,
    resolvedRefs: certificateProblem ?? kindProblem,
    config: isServed ? listenerConfig(spec, { ...around, rules, hostname, certificates }) : null,
    certificates,
  };
}

function listenerConfig(
  spec: Listener,
  parts: ListenerSurroundings & {
    rules: ProtocolRules;
    hostname: string;
    certificates: ResolvedListener['certificates'];
  },
): ListenerConfig {
  const { namespace, name, generation } = parts.gateway.metadata;
  return {
    origin: { kind: 'Gateway', namespace, name, section: spec.name, generation },
    gateway: parts.key,
    protocol: parts.rules.protocol,
    addresses: parts.addresses,
    port: spec.port,
    hostname: parts.hostname,
    ...(parts.rules.tls === 'Terminate' && {
      tls: { mode: 'Terminate', certificates: parts.certificates.map(([key]) => key) },
    }),
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
  const message = `allowedRoutes.kinds names ${names}, which a listener of protocol ${spec.protocol} cannot carry: it carries ${carried}`;
  return { kinds, problem: { reason: 'InvalidRouteKinds', message } };
}

/** The certificates that can be used, in order, and the first problem of those that cannot. */
function resolveCertificates(spec: Listener, rules: ProtocolRules, around: ListenerSurroundings) {
  const certificates: (readonly [Key, CertificateConfig])[] = [];
  let problem: Problem | null = null;
  if (rules.tls === 'None') return { certificates, problem };
  const refs = spec.tls?.certificateRefs ?? [];
  if (refs.length === 0) {
    const message = 'tls.certificateRefs is empty: name a Secret that holds the certificate';
    return { certificates, problem: { reason: 'InvalidCertificateRef', message } };
  }
  for (const ref of refs) {
    const result = resolveCertificate(ref, around);
    if ('problem' in result) problem ??= result.problem;
    else certificates.push([result.key, result.config]);
  }
  return { certificates, problem };
}

function resolveCertificate(
  { group = '', kind = 'Secret', ...ref }: SecretObjectReference,
  { gateway, resources, grants }: ListenerSurroundings,
): { key: Key; config: CertificateConfig } | { problem: Problem } {
  const namespace = ref.namespace ?? gateway.metadata.namespace;
  if (group !== '' || kind !== 'Secret') {
    const message = `certificateRef ${ref.name} is a ${kind}${group && ` of group ${group}`}: only Secrets hold certificates`;
    return { problem: { reason: 'InvalidCertificateRef', message } };
  }
  const from = { group: gatewayGroup, kind: 'Gateway', namespace: gateway.metadata.namespace };
  const refused = refusal(grants, from, { group: '', kind: 'Secret', namespace, name: ref.name });
  if (refused) return { problem: refused };
  const secret = resources.of<Secret>('Secret').get(`${namespace}/${ref.name}`);
  if (!secret) {
    const message = `Secret ${namespace}/${ref.name} does not exist: create it with kubectl create secret tls ${ref.name} -n ${namespace} --cert=… --key=…`;
    return { problem: { reason: 'InvalidCertificateRef', message } };
  }
  const result = checkCertificate(secret);
  return 'problem' in result ? result : { key: keyOf('Secret', namespace, ref.name), config: result.config };
}
