/** The status of a route for one of its parents. */
import type { Condition, Finding } from '../model/conditions.ts';
import { findUnreachable, type RouteInQuestion } from './reachability.ts';
import type { ResolvedParent } from './resolved.ts';
import { gatewayGroup, type ParentReference } from './resource-types.ts';

export interface RouteParentStatus {
  readonly parentRef: ParentReference;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

interface RouteSurroundings extends RouteInQuestion {
  readonly controllerName: string;
}

export function routeParentStatus(parent: ResolvedParent, around: RouteSurroundings): RouteParentStatus {
  const { translated } = around;
  const observedGeneration = around.route.metadata.generation ?? 0;
  const refused = parent.problem ?? translated.accepted;
  const findings: Finding[] = [
    refused
      ? { type: 'Accepted', status: 'False', ...refused }
      : { type: 'Accepted', status: 'True', reason: 'Accepted', message: acceptedText(parent) },
    translated.resolvedRefs
      ? { type: 'ResolvedRefs', status: 'False', ...translated.resolvedRefs }
      : { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all references are resolved' },
  ];
  if (!refused) {
    if (translated.partiallyInvalid) {
      findings.push({ type: 'PartiallyInvalid', status: 'True', ...translated.partiallyInvalid });
    }
    const unreachable = findUnreachable(parent, around);
    if (unreachable) findings.push(unreachable);
  }
  const conditions = findings.map((finding) => ({ ...finding, observedGeneration }));
  return { parentRef: fullReference(parent.ref), controllerName: around.controllerName, conditions };
}

/** Clients compare with what an API server makes of the reference: group and kind are filled in. */
function fullReference(ref: ParentReference): ParentReference {
  const { group = gatewayGroup, kind = 'Gateway', namespace, name, sectionName, port } = ref;
  return {
    group,
    kind,
    ...(namespace !== undefined && { namespace }),
    name,
    ...(sectionName !== undefined && { sectionName }),
    ...(port !== undefined && { port }),
  };
}

function acceptedText(parent: ResolvedParent): string {
  const names = parent.listeners.map((listener) => listener.spec.name).join(', ');
  return `attached to ${parent.listeners.length === 1 ? 'listener' : 'listeners'} ${names}`;
}
