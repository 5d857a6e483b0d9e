/** What a Gateway gets in its cluster (GEP-1762, GEP-1867): wishes, from its spec. Carries nothing out. */
import { createHash } from 'node:crypto';
import type { InfrastructureWish, ServiceWish } from '../contract/infrastructure.ts';
import { requestsOf } from './address-requests.ts';
import { isReachable } from './addresses.ts';
import type { GatewayParametersSpec } from './gateway-parameters.ts';
import type { References } from './references.ts';
import { rulesOf } from './listener-protocols.ts';
import type { Note, ResolvedGateway } from './resolved.ts';
import type { Gateway, Listener, Service } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const infrastructureFeatures: readonly string[] = ['GatewayInfrastructure'];

/** Longest label value, and longest name of a Service. */
const maxLength = 63;

const nameLabel = 'gateway.networking.k8s.io/gateway-name';
const classLabel = 'gateway.networking.k8s.io/gateway-class-name';

export interface InfrastructureInputs {
  /** Null: the Gateway is not accepted. */
  readonly parameters: GatewayParametersSpec | null;
  /** Its own and those of its ListenerSets. */
  readonly listeners: readonly Listener[];
  /** Where the proxies listen. */
  readonly addresses: readonly string[];
  readonly references: References;
}

export interface ResolvedInfrastructure {
  readonly wish: InfrastructureWish;
  /** Of the Service, as far as it leads to the proxies. */
  readonly clusterIPs: readonly string[];
  /** Somebody else's Service has the name. */
  readonly inTheWay: string | null;
}

export function resolveInfrastructure(gateway: Gateway, inputs: InfrastructureInputs): ResolvedInfrastructure {
  const addresses = inputs.addresses.filter(isReachable);
  const wish = wishFor(gateway, { ...inputs, addresses });
  if (wish.type !== 'Service') return { wish, clusterIPs: [], inTheWay: null };
  const full = `${wish.namespace}/${wish.name}`;
  const service = inputs.references.find('Service', full) as Service | undefined;
  if (!service) return { wish, clusterIPs: [], inTheWay: null };
  if (!isServiceOf(service, gateway)) return { wish, clusterIPs: [], inTheWay: full };
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP] } = service.spec;
  return { wish, clusterIPs: addresses.length > 0 ? clusterIPs.filter((one) => one !== 'None') : [], inTheWay: null };
}

function wishFor(gateway: Gateway, { parameters, listeners, addresses }: InfrastructureInputs): InfrastructureWish {
  const { metadata, spec } = gateway;
  const { name, namespace, uid, deletionTimestamp } = metadata;
  // Without a uid nobody can own anything: there is no cluster.
  if (parameters === null || uid === undefined || deletionTimestamp !== undefined) return { type: 'AsIs' };
  const { service = {} } = parameters;
  const ports = portsOf(listeners);
  if (service.type === 'None' || ports.length === 0) return { type: 'None' };
  const { labels, annotations } = spec.infrastructure ?? {};
  const clusterIP = requestsOf(gateway).cluster.find(({ value }) => value !== '')?.value;
  return {
    type: 'Service',
    name: serviceNameOf(name, spec.gatewayClassName),
    namespace,
    gateway: { name, uid },
    labels: {
      ...service.labels,
      ...labels,
      [nameLabel]: shortened(name),
      [classLabel]: shortened(spec.gatewayClassName),
      'app.kubernetes.io/managed-by': 'headgate',
    },
    annotations: { ...service.annotations, ...annotations },
    ports,
    addresses,
    ...(clusterIP !== undefined && { clusterIP }),
  };
}

/** `<Gateway>-<GatewayClass>` (GEP-1762), as a DNS label (RFC 1035): what had to change is told apart by a hash. */
function serviceNameOf(gateway: string, gatewayClass: string): string {
  const whole = `${gateway}-${gatewayClass}`;
  const label = whole.replaceAll('.', '-').replace(/^(?=[0-9])/, 'gw-');
  return label === whole && whole.length <= maxLength ? whole : withHash(label, whole);
}

/** The text itself if it fits a label value, else its beginning and a hash. */
function shortened(text: string): string {
  return text.length <= maxLength ? text : withHash(text, text);
}

function withHash(text: string, identity: string): string {
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 10);
  return `${text.slice(0, maxLength - hash.length - 1).replace(/[^a-z0-9]+$/, '')}-${hash}`;
}

/** Each port once, whoever shares it. */
function portsOf(listeners: readonly Listener[]): ServiceWish['ports'] {
  const ports = new Map<string, ServiceWish['ports'][number]>();
  for (const listener of listeners) {
    const transport = rulesOf(listener)?.transport;
    if (!transport) continue;
    const name = `${transport}-${listener.port}`;
    ports.set(name, { name, port: listener.port, protocol: transport === 'tcp' ? 'TCP' : 'UDP' });
  }
  return [...ports.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What keeps Gateways from having their Service. */
export function infrastructureNotes(gateways: readonly ResolvedGateway[]): readonly Note[] {
  return gateways.flatMap(({ key, inTheWay }) => {
    if (inTheWay === null) return [];
    const message = `has no Service in its namespace, since Service ${inTheWay} is not Headgate's: rename or delete that one`;
    return [{ object: key, message, severity: 'warning' }];
  });
}

/** Whether it was made for this Gateway, and not by somebody who had the same name in mind. */
function isServiceOf({ metadata }: Service, gateway: Gateway): boolean {
  const { uid } = gateway.metadata;
  return uid !== undefined && (metadata.ownerReferences ?? []).some((owner) => owner.uid === uid);
}
