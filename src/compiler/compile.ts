/** The compiler's table of contents: resources in, configuration, statuses and notes out. Pure; what it remembers only saves time. */
import type { GatewayConfig } from '../contract/gateway-config.ts';
import type { ResourceSet } from '../model/resources.ts';
import { selectGateways, type Note } from './1-select-gateways.ts';
import { createListenerMemory, resolveListeners } from './2-resolve-listeners.ts';
import { attachRoutes, createAttachMemory } from './3-attach-routes.ts';
import { createTranslateMemory, translateRoute, type TranslateSurroundings } from './6-translate-routes.ts';
import { buildStatuses, createStatusMemory, type Statuses } from './7-build-status.ts';
import { buildConfig } from './build-config.ts';
import { buildHostnameTables, type HostnameTables } from './hostname-tables.ts';
import { indexGrants } from './reference-grants.ts';
import type { CompilerOptions, Facts } from './resolved.ts';
import type { Service } from './resource-types.ts';
import { findShadows, type ShadowMemory } from './unreachable.ts';

export type { Note } from './1-select-gateways.ts';
export type { ResourceStatus, Statuses } from './7-build-status.ts';
export type { CompilerOptions, Facts } from './resolved.ts';

export interface Compiled {
  /** All Gateways of ours; the keys tell them apart. */
  readonly config: GatewayConfig;
  /** By the key of the object. */
  readonly statuses: Statuses;
  readonly notes: readonly Note[];
}

export type Compiler = (resources: ResourceSet, facts: Facts) => Compiled;

/** Before any proxy has spoken. */
export const noFacts: Facts = { acknowledged: null, defaultAddresses: [] };

/** A compiler with memory: what did not change since the last call keeps its objects. */
export function createCompiler(options: CompilerOptions): Compiler {
  const listenerMemory = createListenerMemory();
  const attachMemory = createAttachMemory();
  const statusMemory = createStatusMemory();
  const translateMemory = createTranslateMemory();
  const shadowMemory: ShadowMemory = new WeakMap();
  let tables: HostnameTables = new Map();
  const surroundings = rememberSurroundings(options);
  return (resources, facts) => {
    const around = surroundings(resources);
    const selection = selectGateways(resources, options);
    const gateways = resolveListeners(selection.gateways, { resources, grants: around.grants }, listenerMemory);
    const { routes: attachedRoutes, notes } = attachRoutes(resources, gateways, attachMemory);
    const routes = attachedRoutes
      .filter((attached) => attached.parents.length > 0)
      .map((attached) => ({
        attached,
        translated: translateRoute(attached.route, attached.key, { around, memory: translateMemory }),
      }));
    tables = buildHostnameTables(routes, tables);
    const shadows = findShadows(tables, gateways, shadowMemory);
    const config = buildConfig(gateways, tables);
    const statuses = buildStatuses({ selection, gateways, routes, shadows, facts }, options, statusMemory);
    return { config, statuses, notes: [...selection.notes, ...notes] };
  };
}

/** One compilation from nothing. */
export function compile(resources: ResourceSet, options: CompilerOptions, facts: Facts = noFacts): Compiled {
  return createCompiler(options)(resources, facts);
}

/** The same object as long as Services and ReferenceGrants are the same, so that routes need not ask again. */
function rememberSurroundings(options: CompilerOptions): (resources: ResourceSet) => TranslateSurroundings {
  let grantsFrom: unknown;
  let around: TranslateSurroundings | undefined;
  return (resources) => {
    const services = resources.of<Service>('Service');
    const isSameGrants = around !== undefined && grantsFrom === resources.of('ReferenceGrant');
    if (around && isSameGrants && around.services === services) return around;
    grantsFrom = resources.of('ReferenceGrant');
    const grants = around && isSameGrants ? around.grants : indexGrants(resources);
    around = { definitions: options.filters, grants, services };
    return around;
  };
}
