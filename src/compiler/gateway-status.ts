/** The status of a Gateway and its listeners. */
import type { Condition, Finding } from '../model/conditions.ts';
import { assignAddresses, notAssigned, unsatisfiedText, type AddressAssignment } from './address-requests.ts';
import { isAttached } from './listener-set-status.ts';
import {
  listenerStatuses,
  notProgrammed,
  programmedFinding,
  type ListenerStatus,
  type StatusSurroundings,
} from './listener-status.ts';
import { rulesOf } from './listener-protocols.ts';
import type { Facts, ResolvedGateway } from './resolved.ts';
import { unlistedFindings } from './unlisted.ts';

export interface GatewayStatus {
  /** `routability` only where the API has it. */
  readonly addresses: readonly { readonly type: string; readonly value: string; readonly routability?: string }[];
  readonly attachedListenerSets?: number;
  readonly conditions: readonly Condition[];
  readonly listeners: readonly ListenerStatus[];
}

export function gatewayStatus(resolved: ResolvedGateway, around: StatusSurroundings): GatewayStatus {
  const { facts } = around;
  const observedGeneration = resolved.gateway.metadata.generation ?? 0;
  const listened = resolved.addresses.length > 0 ? resolved.addresses : facts.defaultAddresses;
  const assignment = assignAddresses(resolved.gateway, { listened, clusterIPs: resolved.clusterIPs });
  const programmed = gatewayProgrammed(resolved, assignment, facts);
  // Where another Gateway took some of the ports, the rest is still reached at the same addresses.
  const isReachable =
    resolved.allListeners.some((listener) => listener.config !== null) &&
    (programmed.reason !== 'AddressNotUsable' || resolved.programmed !== null);
  const reported = isReachable ? assignment.addresses : [];
  const tellsRoutability = hasRoutability(resolved, facts);
  const findings = [
    acceptedFinding(resolved),
    programmed,
    ...(tellsRoutability ? assignedFindings(resolved, { ...assignment, addresses: reported }, programmed) : []),
    resolvedFinding(resolved),
    ...insecureFindings(resolved),
    ...unlistedFindings(resolved.key, facts),
  ];
  return {
    addresses: reported.map(({ value, routability }) => ({
      type: 'IPAddress',
      value,
      ...(tellsRoutability && { routability }),
    })),
    ...attachedListenerSets(resolved),
    conditions: findings.map((finding) => ({ ...finding, observedGeneration })),
    listeners: listenerStatuses(resolved, observedGeneration, around),
  };
}

/** Said only where somebody asks for it. */
function attachedListenerSets({ gateway, listenerSets }: ResolvedGateway): Pick<GatewayStatus, 'attachedListenerSets'> {
  if (listenerSets.length === 0 && !gateway.spec.allowedListeners) return {};
  return { attachedListenerSets: listenerSets.filter(isAttached).length };
}

/** The field is in the experimental channel alone; whoever could set it can read it. */
function hasRoutability({ gateway }: ResolvedGateway, { channel }: Facts): boolean {
  return channel === 'experimental' || gateway.spec.addresses?.some((one) => one.routability !== undefined) === true;
}

/** GEP-5093; nothing where there is nothing to assign addresses for. */
function assignedFindings(
  { accepted, allListeners }: ResolvedGateway,
  { addresses, unsatisfied }: AddressAssignment,
  programmed: Finding,
): readonly Finding[] {
  if (accepted || allListeners.every(({ spec }) => rulesOf(spec) === undefined)) return [];
  const type = 'AddressesAssigned';
  if (addresses.length === 0) {
    const message = unsatisfied.length > 0 ? unsatisfiedText(unsatisfied) : programmed.message;
    return [{ type, status: 'False', reason: 'NotAssigned', message }];
  }
  if (unsatisfied.length > 0)
    return [{ type, status: 'False', reason: 'PartiallyAssigned', message: unsatisfiedText(unsatisfied) }];
  return [{ type, status: 'True', reason: 'AddressesAssigned', message: 'every address that is asked for is there' }];
}

function gatewayProgrammed(
  resolved: ResolvedGateway,
  { addresses, unsatisfied }: AddressAssignment,
  facts: Facts,
): Finding {
  if (resolved.accepted) return notProgrammed({ reason: 'Invalid', message: resolved.accepted.message });
  if (!resolved.programmed && addresses.length === 0 && unsatisfied.length > 0)
    return notProgrammed(notAssigned(unsatisfied));
  return programmedFinding(resolved, facts);
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

function resolvedFinding({ listeners, resolvedRefs }: ResolvedGateway): Finding {
  if (resolvedRefs) return { type: 'ResolvedRefs', status: 'False', ...resolvedRefs };
  const bad = listeners.filter((listener) => listener.resolvedRefs !== null);
  if (bad.length === 0) {
    return { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all references are resolved' };
  }
  const message = `unresolved: ${bad.map((listener) => `${listener.spec.name} (${listener.resolvedRefs?.reason})`).join(', ')}; see the listeners`;
  return { type: 'ResolvedRefs', status: 'False', reason: 'ListenersNotResolved', message };
}

/** Gone as soon as no port is in that mode. */
function insecureFindings({ isInsecure }: ResolvedGateway): readonly Finding[] {
  if (!isInsecure) return [];
  const message = 'AllowInsecureFallback takes clients with any certificate or none: backends must not rely on them';
  return [{ type: 'InsecureFrontendValidationMode', status: 'True', reason: 'ConfigurationChanged', message }];
}
