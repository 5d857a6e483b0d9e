/** The status of a Gateway and its listeners. */
import type { ListenerProblem } from '../contract/messages.ts';
import type { Problem } from '../contract/problem.ts';
import type { Condition, Finding } from '../model/conditions.ts';
import type { Facts, ResolvedGateway, ResolvedListener } from './resolved.ts';
import { gatewayGroup } from './resource-types.ts';

export interface GatewayStatus {
  readonly addresses: readonly { readonly type: string; readonly value: string }[];
  readonly conditions: readonly Condition[];
  readonly listeners: readonly ListenerStatus[];
}

export interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly conditions: readonly Condition[];
}

export function gatewayStatus(
  resolved: ResolvedGateway,
  counts: ReadonlyMap<ResolvedListener, number>,
  facts: Facts,
): GatewayStatus {
  const observedGeneration = resolved.gateway.metadata.generation ?? 0;
  const complete = (findings: readonly Finding[]) => findings.map((finding) => ({ ...finding, observedGeneration }));
  const programmed = programmedFinding(resolved, facts);
  // Where another Gateway took some of the ports, the rest is still reached at the same addresses.
  const isReachable =
    resolved.listeners.some((listener) => listener.config !== null) &&
    (programmed.reason !== 'AddressNotUsable' || resolved.programmed !== null);
  const values = resolved.addresses.length > 0 ? resolved.addresses : facts.defaultAddresses;
  return {
    addresses: isReachable ? values.map((value) => ({ type: 'IPAddress', value })) : [],
    conditions: complete([acceptedFinding(resolved), programmed, resolvedFinding(resolved)]),
    listeners: resolved.listeners.map((listener) => ({
      name: listener.spec.name,
      attachedRoutes: counts.get(listener) ?? 0,
      supportedKinds: listener.kinds.map(({ group = gatewayGroup, kind }) => ({ group, kind })),
      conditions: complete(listenerFindings(listener, resolved, facts)),
    })),
  };
}

function acceptedFinding({ accepted, listeners }: ResolvedGateway): Finding {
  if (accepted) return { type: 'Accepted', status: 'False', ...accepted };
  const bad = listeners.filter((listener) => listener.accepted !== null);
  if (bad.length === 0) {
    return { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Headgate serves this Gateway' };
  }
  const status = bad.length === listeners.length ? 'False' : 'True';
  const message = `not valid: ${bad.map((listener) => `${listener.spec.name} (${listener.accepted?.reason})`).join(', ')}; see the listeners`;
  return { type: 'Accepted', status, reason: 'ListenersNotValid', message };
}

function resolvedFinding({ listeners }: ResolvedGateway): Finding {
  const bad = listeners.filter((listener) => listener.resolvedRefs !== null);
  if (bad.length === 0) {
    return { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all references are resolved' };
  }
  const message = `unresolved: ${bad.map((listener) => `${listener.spec.name} (${listener.resolvedRefs?.reason})`).join(', ')}; see the listeners`;
  return { type: 'ResolvedRefs', status: 'False', reason: 'ListenersNotResolved', message };
}

/** `Programmed=True` only when the proxies have said so. */
function programmedFinding({ accepted, programmed, listeners }: ResolvedGateway, facts: Facts): Finding {
  if (accepted) return notProgrammed({ reason: 'Invalid', message: accepted.message });
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

function notProgrammed(problem: Problem): Finding {
  return { type: 'Programmed', status: 'False', ...problem };
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
  return reason === 'InvalidCertificate' ? 'Invalid' : 'PortUnavailable';
}

function listenerFindings(
  listener: ResolvedListener,
  { accepted, programmed }: ResolvedGateway,
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
    const { reason, message } = blocker
      ? { ...blocker, reason: 'Invalid' }
      : (programmed ?? { reason: 'Invalid', message: '' });
    findings.push({ type: 'Programmed', status: 'False', reason, message });
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
  if (problem) return { type: 'Programmed', status: 'False', ...problem };
  return { type: 'Programmed', status: 'True', reason: 'Programmed', message: 'the proxies serve this listener' };
}
