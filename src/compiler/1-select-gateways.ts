/** Step 1: which GatewayClasses and Gateways are ours. Looks at names only, never into a listener. */
import { keyOf } from '../contract/keys.ts';
import type { ResourceSet } from '../model/resources.ts';
import type { CompilerOptions, Note, SelectedGateway } from './resolved.ts';
import type { Gateway, GatewayClass } from './resource-types.ts';
import { compareAge } from './precedence.ts';

export const defaultControllerName = 'headgate.dev/gateway-controller';

export interface Selection {
  /** The oldest first, so that they are served first where they want the same. */
  readonly gateways: readonly SelectedGateway[];
  readonly classes: readonly GatewayClass[];
  readonly notes: readonly Note[];
}

export function selectGateways(resources: ResourceSet, options: CompilerOptions): Selection {
  const all = resources.of<GatewayClass>('GatewayClass');
  const controllerName = options.controllerName ?? defaultControllerName;
  const classes = [...all.values()].filter((gatewayClass) => gatewayClass.spec.controllerName === controllerName);
  const ours = new Set(classes.map((gatewayClass) => gatewayClass.metadata.name));
  const gateways: SelectedGateway[] = [];
  const notes: Note[] = [];
  for (const gateway of resources.of<Gateway>('Gateway').values()) {
    const key = keyOf('Gateway', gateway.metadata.namespace, gateway.metadata.name);
    const className = gateway.spec.gatewayClassName;
    if (ours.has(className)) gateways.push({ gateway, key });
    else if (all.has(className)) {
      const controller = all.get(className)?.spec.controllerName;
      notes.push({ object: key, message: `not ours: GatewayClass ${className} belongs to controller ${controller}` });
    } else if (options.gatewaysWithoutClass === 'Ours') {
      gateways.push({ gateway, key });
      notes.push({ object: key, message: `GatewayClass ${className} is not among the resources; served all the same` });
    } else {
      notes.push({
        object: key,
        message: `not served: GatewayClass ${className} does not exist: create it, or name one that there is`,
      });
    }
  }
  gateways.sort((a, b) => compareAge(a.gateway, b.gateway));
  return { gateways, classes, notes };
}
