/**
 * Listeners of ListenerSets that cannot be told apart from one that came before: they are refused, the incumbent is not
 * touched. First come the Gateway's own, then those of the sets, the oldest set first (GEP-1713, listener precedence).
 */
import type { Problem } from '../contract/problem.ts';
import { nameOf } from '../model/resources.ts';
import { normaliseHostname } from './hostnames.ts';
import { portName, rulesOf, type ProtocolRules } from './listener-protocols.ts';
import type { Gateway, Listener, ListenerSet } from './resource-types.ts';

interface Claim extends Pick<ProtocolRules, 'transport' | 'sharing'> {
  readonly listener: Listener;
  readonly owner: Gateway | ListenerSet;
}

/** The conflict of each listener of the sets that has one. */
export function findSetConflicts(
  gateway: Gateway,
  listenerSets: readonly ListenerSet[],
): ReadonlyMap<Listener, Problem> {
  const claims: Claim[] = [];
  const conflicts = new Map<Listener, Problem>();
  // Those that are refused for a conflict among themselves claim their place all the same: a newcomer must not take it.
  for (const listener of gateway.spec.listeners) claim(claims, listener, gateway);
  for (const listenerSet of listenerSets) {
    for (const listener of listenerSet.spec.listeners) {
      const conflict = findConflict(claims, listener, listenerSet);
      if (conflict) conflicts.set(listener, conflict);
      else claim(claims, listener, listenerSet);
    }
  }
  return conflicts;
}

/** What is never served claims nothing. */
function claim(claims: Claim[], listener: Listener, owner: Claim['owner']): void {
  const rules = rulesOf(listener);
  if (rules) claims.push({ listener, owner, transport: rules.transport, sharing: rules.sharing });
}

function findConflict(claims: readonly Claim[], listener: Listener, listenerSet: ListenerSet): Problem | null {
  const own = rulesOf(listener);
  if (!own) return null;
  const there = claims.filter((one) => one.transport === own.transport && one.listener.port === listener.port);
  const other = there.find((one) => one.sharing !== own.sharing);
  if (other) {
    const message = `port ${listener.port} is ${other.listener.protocol} already, for ${nameOfClaim(other, listenerSet)}: use another port for ${listener.protocol}`;
    return { reason: 'ProtocolConflict', message };
  }
  const [first] = there;
  if (own.sharing === 'none' && first) {
    const message = `port ${portName(listener)} belongs to ${nameOfClaim(first, listenerSet)}: use another port`;
    return { reason: 'ProtocolConflict', message };
  }
  const hostname = normaliseHostname(listener.hostname);
  const twin = there.find((one) => normaliseHostname(one.listener.hostname) === hostname);
  if (!twin) return null;
  const host = hostname === '' ? 'no hostname' : `hostname ${hostname}`;
  const message = `port ${listener.port} with ${host} belongs to ${nameOfClaim(twin, listenerSet)}: change the hostname or the port`;
  return { reason: 'HostnameConflict', message };
}

/** ListenerSets of other namespaces are none of the reader's business (GEP-1713). */
function nameOfClaim({ listener, owner }: Claim, { metadata }: ListenerSet): string {
  if (owner.kind === 'ListenerSet' && owner.metadata.namespace !== metadata.namespace)
    return 'a ListenerSet of another namespace, which came first';
  return `listener ${listener.name} of ${owner.kind} ${nameOf(owner)}`;
}
