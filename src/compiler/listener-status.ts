/** The status of listeners, whether they stand in a Gateway or in a ListenerSet, and what their parent's status says of them. */
import type { ListenerProblem } from '../contract/messages.ts';
import type { Problem } from '../contract/problem.ts';
import type { Condition, Finding } from '../model/conditions.ts';
import type { Facts, ResolvedListener } from './resolved.ts';
import { gatewayGroup } from './resource-types.ts';

export interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly conditions: readonly Condition[];
}

/** What the status of a listener's parent is made of. */
export interface StatusSurroundings {
  /** Accepted routes by listener. */
  readonly counts: ReadonlyMap<ResolvedListener, number>;
  readonly facts: Facts;
}

/** The Gateway or ListenerSet, as far as its listeners depend on it. */
interface Parent {
  readonly listeners: readonly ResolvedListener[];
  readonly accepted: Problem | null;
  readonly programmed: Problem | null;
}

export function listenerStatuses(
  parent: Parent,
  observedGeneration: number,
  { counts, facts }: StatusSurroundings,
): readonly ListenerStatus[] {
  return parent.listeners.map((listener) => ({
    name: listener.spec.name,
    attachedRoutes: counts.get(listener) ?? 0,
    supportedKinds: listener.kinds.map(({ group = gatewayGroup, kind }) => ({ group, kind })),
    conditions: listenerFindings(listener, parent, facts).map((finding) => ({ ...finding, observedGeneration })),
  }));
}

/** `Programmed=True` only when the proxies have said so. */
export function programmedFinding({ programmed, listeners }: Omit<Parent, 'accepted'>, facts: Facts): Finding {
  if (programmed) return notProgrammed(programmed);
  const served = listeners.filter((listener) => listener.config !== null);
  if (served.length === 0)
    return notProgrammed({ reason: 'Invalid', message: 'no listener can be served; see the listeners' });
  if (!facts.acknowledged) return pending;
  const problems = served.map((listener) => problemOf(listener, facts));
  const first = problems.find((problem) => problem !== null);
  if (first && (problems.every((problem) => problem !== null) || first.reason === 'AddressNotUsable'))
    return notProgrammed(first);
  return { type: 'Programmed', status: 'True', reason: 'Programmed', message: 'the proxies serve this version' };
}

export function notProgrammed({ reason, message }: Problem): Finding {
  return { type: 'Programmed', status: 'False', reason, message };
}

const pending: Finding = {
  type: 'Programmed',
  status: 'Unknown',
  reason: 'Pending',
  message: 'waiting for the proxies to confirm this version',
};

/** What the proxies reported about the listener, in the words of the API. */
function problemOf(listener: ResolvedListener, facts: Facts): Problem | null {
  const found = facts.acknowledged?.problems.find((problem) => problem.listener === listener.key);
  return found ? { reason: apiReason(found), message: found.message } : null;
}

function apiReason({ reason }: ListenerProblem): string {
  if (reason === 'AddressNotAvailable') return 'AddressNotUsable';
  if (reason === 'NoProxy') return 'NoResources';
  return reason === 'InvalidCertificate' || reason === 'Refused' ? 'Invalid' : 'PortUnavailable';
}

function listenerFindings(
  listener: ResolvedListener,
  { accepted, programmed }: Parent,
  facts: Facts,
): readonly Finding[] {
  const findings: Finding[] = [
    listener.accepted
      ? { type: 'Accepted', status: 'False', ...listener.accepted }
      : { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the listener is valid' },
  ];
  const blocker =
    accepted ?? listener.accepted ?? (listener.resolvedRefs && { ...listener.resolvedRefs, reason: 'Invalid' });
  if (listener.config === null) {
    const blocked = blocker && { ...blocker, reason: 'Invalid' };
    findings.push(notProgrammed(listener.conflicted ?? blocked ?? programmed ?? { reason: 'Invalid', message: '' }));
  } else {
    findings.push(listenerProgrammed(listener, facts));
  }
  findings.push(
    listener.resolvedRefs
      ? { type: 'ResolvedRefs', status: 'False', ...listener.resolvedRefs }
      : { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all references are resolved' },
    listener.conflicted
      ? { type: 'Conflicted', status: 'True', ...listener.conflicted }
      : { type: 'Conflicted', status: 'False', reason: 'NoConflicts', message: 'no other listener is in the way' },
  );
  if (listener.overlapping) findings.push({ type: 'OverlappingTLSConfig', status: 'True', ...listener.overlapping });
  return findings;
}

function listenerProgrammed(listener: ResolvedListener, facts: Facts): Finding {
  if (!facts.acknowledged) return pending;
  const problem = problemOf(listener, facts);
  // A listener has no word of its own for what its Gateway lacks.
  if (problem?.reason === 'NoResources') return notProgrammed({ ...problem, reason: 'Pending' });
  if (problem) return notProgrammed(problem);
  return { type: 'Programmed', status: 'True', reason: 'Programmed', message: 'the proxies serve this listener' };
}
