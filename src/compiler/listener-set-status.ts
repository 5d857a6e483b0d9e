/** The status of a ListenerSet and its listeners. */
import type { Condition, Finding } from '../model/conditions.ts';
import {
  listenerStatuses,
  notProgrammed,
  programmedFinding,
  type ListenerStatus,
  type StatusSurroundings,
} from './listener-status.ts';
import type { ResolvedListener, ResolvedListenerSet } from './resolved.ts';
import { unlistedFindings } from './unlisted.ts';

export interface ListenerSetStatus {
  readonly conditions: readonly Condition[];
  readonly listeners: readonly ListenerStatus[];
}

/** Reasons not to be programmed that are the Gateway's. */
const ofParent: ReadonlySet<string> = new Set(['ParentNotAccepted', 'NoResources']);

export function listenerSetStatus(resolved: ResolvedListenerSet, around: StatusSurroundings): ListenerSetStatus {
  const observedGeneration = resolved.listenerSet.metadata.generation ?? 0;
  const accepted = acceptedFinding(resolved);
  const programmed = accepted.status === 'True' ? programmedFinding(resolved, around.facts) : notProgrammed(accepted);
  const findings = [
    accepted,
    ofParent.has(programmed.reason) ? { ...programmed, reason: 'ParentNotProgrammed' } : programmed,
    ...unlistedFindings(resolved.key, around.facts),
  ];
  return {
    conditions: findings.map((finding) => ({ ...finding, observedGeneration })),
    listeners: listenerStatuses(resolved, observedGeneration, around),
  };
}

/** Whether it counts in `attachedListenerSets` of its Gateway. */
export function isAttached(resolved: ResolvedListenerSet): boolean {
  return acceptedFinding(resolved).status === 'True';
}

function acceptedFinding({ accepted, listeners }: ResolvedListenerSet): Finding {
  if (accepted) return { type: 'Accepted', status: 'False', ...accepted };
  const bad = listeners.filter((listener) => !isValid(listener));
  if (bad.length === 0) {
    return { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the listeners are added to the Gateway' };
  }
  const names = bad.map(({ spec, ...found }) => `${spec.name} (${(found.accepted ?? found.resolvedRefs)?.reason})`);
  return {
    type: 'Accepted',
    status: bad.length === listeners.length ? 'False' : 'True',
    reason: 'ListenersNotValid',
    message: `not valid: ${names.join(', ')}; see the listeners`,
  };
}

/** One that lacks a certificate still serves with the others it names. */
function isValid({ accepted, resolvedRefs, config }: ResolvedListener): boolean {
  return accepted === null && (resolvedRefs === null || config !== null);
}
