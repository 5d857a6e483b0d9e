/** Step 4: backendRefs to Service ports. Endpoints are not looked at: a Service without any is still resolved. */
import type { BackendConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { backendKey, isPort, rulesOfUse, type BackendUse } from './backend-uses.ts';
import { refusal, type GrantIndex } from './reference-grants.ts';
import { effectsAt } from './policy-effects.ts';
import type { TargetEffects } from './resolved.ts';
import { gatewayGroup, type HTTPBackendRef, type Service } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const backendFeatures: readonly string[] = ['HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket'];

export type ResolvedBackend =
  | { readonly key: Key; readonly config: BackendConfig }
  /** The reference is sound, but a policy forbids its use: a matter of the policy's status, not of the route's. */
  | { readonly key: Key; readonly refused: Problem }
  | { readonly problem: Problem };

/** Who refers: a kind of this group in this namespace. */
interface Referrer {
  readonly kind: string;
  readonly namespace: string;
  /** What for. */
  readonly use: BackendUse;
}

export interface BackendSurroundings {
  readonly grants: GrantIndex;
  /** Looks a Service up by `namespace/name`. */
  service(name: string): Service | undefined;
  /** What policies say about that Service. */
  effects(name: string): TargetEffects | undefined;
}

/** Kind, then permission, then existence: the reason must not tell a stranger what exists. */
export function resolveBackend(ref: HTTPBackendRef, from: Referrer, around: BackendSurroundings): ResolvedBackend {
  const namespace = ref.namespace ?? from.namespace;
  if ((ref.group ?? '') !== '' || (ref.kind ?? 'Service') !== 'Service') {
    const kind = `${ref.kind ?? 'Service'}${ref.group ? ` of group ${ref.group}` : ''}`;
    return problem('InvalidKind', `backendRef ${ref.name} is a ${kind}: only Services can be backends`);
  }
  const to = { group: '', kind: 'Service', namespace, name: ref.name };
  const refused = refusal(around.grants, { kind: from.kind, namespace: from.namespace, group: gatewayGroup }, to);
  if (refused) return { problem: refused };
  const service = around.service(`${namespace}/${ref.name}`);
  if (!service)
    return problem(
      'BackendNotFound',
      `Service ${namespace}/${ref.name} does not exist: create it, or correct name or namespace of the backendRef`,
    );
  const effects = around.effects(`${namespace}/${ref.name}`);
  const resolved = resolvePort(service, ref.port, from.use);
  return effects && 'config' in resolved ? withEffects(resolved, { service, use: from.use }, effects) : resolved;
}

const portsByService = new WeakMap<Service, Map<string, ResolvedBackend>>();

/** Remembered by Service, port and use, so that all rules share one object. */
function resolvePort(service: Service, port: number | undefined, use: BackendUse): ResolvedBackend {
  let ports = portsByService.get(service);
  if (!ports) portsByService.set(service, (ports = new Map()));
  const wanted = `${port} ${use}`;
  const known = ports.get(wanted);
  if (known) return known;
  const result = makeBackend(service, port, use);
  ports.set(wanted, result);
  return result;
}

type SoundBackend = Extract<ResolvedBackend, { readonly config: BackendConfig }>;

/** A Service's port is found again by the number that stands in the backend. */
interface UsedService {
  readonly service: Service;
  readonly use: BackendUse;
}

const changedByEffects = new WeakMap<TargetEffects, WeakMap<SoundBackend, ResolvedBackend>>();

/** Remembered like the ports themselves. */
function withEffects(backend: SoundBackend, used: UsedService, effects: TargetEffects): ResolvedBackend {
  let changed = changedByEffects.get(effects);
  if (!changed) changedByEffects.set(effects, (changed = new WeakMap()));
  const known = changed.get(backend);
  if (known) return known;
  const result = applyEffects(backend, used, effects);
  changed.set(backend, result);
  return result;
}

function applyEffects(
  { key, config }: SoundBackend,
  { service, use }: UsedService,
  effects: TargetEffects,
): ResolvedBackend {
  // With a policy that says so it is TLS, whatever `appProtocol` says; what cannot be TLS is left alone by all of them.
  const protocol = rulesOfUse(use).overTls?.[config.protocol];
  if (!protocol) return { key, config };
  const name = service.spec.ports?.find((port) => isPort(port, config.port, use))?.name;
  let changed = config;
  for (const { backend = {} } of effectsAt(effects, name)) {
    if ('refused' in backend) {
      if (!rulesOfUse(use).passesThrough) return { key, refused: backend.refused };
      changed = { ...changed, protocol, tlsRefused: backend.refused.reason };
      continue;
    }
    const { tls, ...fields } = backend;
    changed = { ...changed, ...fields, ...(tls && { protocol, tls }) };
  }
  if (changed.tlsRefused === undefined) return { key, config: changed };
  // Probes would begin the TLS that is refused, and take the endpoints from what passes through.
  const { healthCheck: _, ...passing } = changed;
  return { key, config: passing };
}

function makeBackend(service: Service, number: number | undefined, use: BackendUse): ResolvedBackend {
  const { namespace, name, generation } = service.metadata;
  if (service.spec.type === 'ExternalName') {
    // A Service of this type points wherever its author likes, past every ReferenceGrant (CVE-2021-25740).
    const message = `Service ${namespace}/${name} is of type ExternalName, which is not served: use one with an EndpointSlice that holds the addresses`;
    return problem('BackendNotFound', message);
  }
  const ports = service.spec.ports ?? [];
  const { transport, protocolOf } = rulesOfUse(use);
  const port = ports.find((one) => isPort(one, number, use));
  if (!port || number === undefined) {
    const wanted = number === undefined ? 'the backendRef names no port' : `it has no ${transport} port ${number}`;
    const fitting = ports.filter((one) => (one.protocol ?? 'TCP') === transport).map((one) => one.port);
    const others = ports.map((one) => `${one.port}/${one.protocol ?? 'TCP'}`).join(', ') || 'none';
    const way =
      fitting.length > 0
        ? `name one that it has (${fitting.join(', ')})`
        : `add one for ${transport} to the Service (it has ${others})`;
    return problem('BackendNotFound', `Service ${namespace}/${name}: ${wanted}: ${way}`);
  }
  const protocol = protocolOf(port);
  if (!protocol) {
    const message = `Service ${namespace}/${name} port ${number}: appProtocol ${port.appProtocol} is not supported: use kubernetes.io/h2c, kubernetes.io/ws or kubernetes.io/wss, or leave it out`;
    return problem('UnsupportedProtocol', message);
  }
  const config: BackendConfig = {
    origin: { kind: 'Service', namespace, name, section: String(number), generation },
    port: number,
    protocol,
    ...((protocol === 'http1-tls' || protocol === 'h2-tls') && { tls: { serverName: `${name}.${namespace}.svc` } }),
    loadBalancing: { type: 'LeastRequest' },
  };
  return { key: backendKey(`${namespace}/${name}`, number, use), config };
}

function problem(reason: string, message: string): ResolvedBackend {
  return { problem: { reason, message } };
}
