/** Backends mapped by hand (`--backend`): a Service port that is answered by a local process, whatever the documents say. */
import { backendKey, backendUses } from '../compiler/backend-uses.ts';
import type { Endpoint } from '../contract/endpoints.ts';
import type { Key } from '../contract/keys.ts';
import type { Endpoints } from './parts.ts';
import type { Resource, ResourceName, ResourceSet } from '../model/resources.ts';

export interface MappedBackend {
  readonly namespace: string;
  readonly name: string;
  /** The Service's port. */
  readonly port: number;
  readonly target: { readonly host: string; readonly port: number };
}

interface ServiceLike extends Resource {
  readonly spec: {
    readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[];
  };
}

/**
 * Makes the mapped Services known where no document does. The function it returns remembers, so that an unchanged set of
 * Services stays the same Map.
 */
export function mapServices(mapped: readonly MappedBackend[]): (resources: ResourceSet) => ResourceSet {
  let from: ReadonlyMap<ResourceName, ServiceLike> | undefined;
  let services: ReadonlyMap<ResourceName, ServiceLike> = new Map();
  if (mapped.length === 0) return (resources) => resources;
  return (resources) => {
    const current = resources.of<ServiceLike>('Service');
    if (current !== from) {
      from = current;
      services = withServices(current, mapped);
    }
    return {
      of<R extends Resource>(kind: string) {
        return kind === 'Service' ? (services as unknown as ReadonlyMap<ResourceName, R>) : resources.of<R>(kind);
      },
    };
  };
}

function withServices(
  services: ReadonlyMap<ResourceName, ServiceLike>,
  mapped: readonly MappedBackend[],
): ReadonlyMap<ResourceName, ServiceLike> {
  const all = new Map(services);
  for (const { namespace, name, port } of mapped) {
    const id = `${namespace}/${name}`;
    const service = all.get(id) ?? { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec: {} };
    const ports = service.spec.ports ?? [];
    if (ports.some((existing) => existing.port === port) && all.has(id)) continue;
    // Nobody says what is spoken there: whatever a route makes of it.
    const both = [
      { name: `tcp-${port}`, port },
      { name: `udp-${port}`, port, protocol: 'UDP' },
    ];
    all.set(id, { ...service, spec: { ...service.spec, ports: [...ports, ...both] } });
  }
  return all;
}

/** The endpoints of the mapped backends, by backend key, in whatever way they are used: they stand in for whatever EndpointSlices say. */
export function mappedEndpoints(mapped: readonly MappedBackend[]): Endpoints {
  const endpoints = new Map<Key, readonly Endpoint[]>();
  for (const { namespace, name, port, target } of mapped) {
    const endpoint = { address: target.host, port: target.port, ready: true, serving: true, terminating: false };
    for (const use of backendUses) {
      const key = backendKey(`${namespace}/${name}`, port, use);
      endpoints.set(key, [...(endpoints.get(key) ?? []), endpoint]);
    }
  }
  return endpoints;
}
