/** The status of a route for one of its parents. */
import type { Key } from '../contract/keys.ts';
import type { Condition, Finding } from '../model/conditions.ts';
import type { ResolvedParent, TranslatedRoute } from './resolved.ts';
import { gatewayGroup, type HTTPRoute, type ParentReference } from './resource-types.ts';
import type { Shadows } from './unreachable.ts';

export interface RouteParentStatus {
  readonly parentRef: ParentReference;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

export interface RouteSurroundings {
  readonly controllerName: string;
  readonly route: HTTPRoute;
  readonly translated: TranslatedRoute;
  readonly shadows: ReadonlyMap<Key, Shadows>;
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

/** The condition of our own for a route, or rules of it, that no request through this parent can reach. */
function findUnreachable(parent: ResolvedParent, { translated, shadows }: RouteSurroundings): Finding | null {
  const served = parent.attachments.filter(({ listener }) => listener.config !== null);
  if (served.length === 0) {
    const names = parent.listeners.map((listener) => listener.spec.name).join(', ');
    const message = `no request reaches this route: it is attached to ${names} only, which is not served; see the status of its parent`;
    return { type: 'headgate.dev/Unreachable', status: 'True', reason: 'ListenerNotServed', message };
  }
  const here = served.map(({ table }) => shadows.get(table));
  if (here.every((one) => one === undefined)) return null;
  const texts: string[] = [];
  for (const [key, rule] of translated.rules) {
    const matches = translated.matches.filter(({ match }) => match.rule === key);
    const winners = matches.flatMap(({ match }) => here.map((one) => one?.get(match)));
    if (winners.length === 0 || winners.includes(undefined)) continue;
    texts.push(`${rule.origin.section}: ${[...new Set(winners)].join('; ')}`);
  }
  if (texts.length === 0) return null;
  const scope =
    texts.length === translated.rules.length ? 'no request reaches this route' : 'some rules are never reached';
  return {
    type: 'headgate.dev/Unreachable',
    status: 'True',
    reason: 'Shadowed',
    message: `${scope}. ${texts.join('. ')}`,
  };
}
