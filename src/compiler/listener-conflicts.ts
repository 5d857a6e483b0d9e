/** Listeners of one Gateway that cannot be told apart. None of them wins: all are refused (Gateway API, "Handling indistinct Listeners"). */
import type { Problem } from '../contract/problem.ts';
import { isCovered, normaliseHostname } from './hostnames.ts';
import { portName, rulesOf } from './listener-protocols.ts';
import type { Listener } from './resource-types.ts';

/** The conflict of each listener that has one. Listeners of unsupported protocols take no part: they are never served. */
export function findConflicts(listeners: readonly Listener[]): ReadonlyMap<Listener, Problem> {
  const conflicts = new Map<Listener, Problem>();
  for (const group of byPort(listeners).values()) {
    const sharings = new Set(group.map((listener) => rulesOf(listener)?.sharing));
    if (sharings.size > 1) {
      for (const listener of group) conflicts.set(listener, protocolConflict(listener, group));
      continue;
    }
    for (const listener of group) {
      const rivals = group.filter((other) => other !== listener && isIndistinct(other, listener));
      if (rivals.length > 0) conflicts.set(listener, indistinct(listener, rivals));
    }
  }
  return conflicts;
}

/** A listener and the DNS names of its certificates. */
interface NamedListener {
  readonly spec: Listener;
  readonly names: readonly string[];
}

/**
 * Listeners on the same port whose TLS settings serve overlapping hostnames: clients may reuse a connection across them.
 * Where both hostnames and certificates overlap, the certificates are the reason that counts (condition OverlappingTLSConfig).
 */
export function findOverlaps(listeners: readonly NamedListener[]): ReadonlyMap<Listener, Problem> {
  const overlaps = new Map<Listener, Problem>();
  const names = new Map(listeners.map((listener) => [listener.spec, listener.names]));
  const groups = byPort(listeners.map(({ spec }) => spec));
  for (const group of groups.values()) {
    const withTls = group.filter((listener) => rulesOf(listener)?.sharing === 'tls');
    for (const listener of withTls) {
      const others = withTls.filter((other) => other !== listener);
      const byName = firstSharedName(names.get(listener) ?? [], others, names);
      const rival = others.find((other) => isOverlapping(listener.hostname, other.hostname));
      if (byName) overlaps.set(listener, certificateOverlap(listener, byName));
      else if (rival) overlaps.set(listener, overlap(listener, rival));
    }
  }
  return overlaps;
}

interface SharedName {
  readonly rival: Listener;
  readonly name: string;
}

function firstSharedName(
  own: readonly string[],
  others: readonly Listener[],
  names: ReadonlyMap<Listener, readonly string[]>,
): SharedName | undefined {
  for (const rival of others) {
    const name = own.find((one) => names.get(rival)?.some((other) => isOverlapping(one, other)));
    if (name !== undefined) return { rival, name };
  }
  return undefined;
}

function byPort(listeners: readonly Listener[]): ReadonlyMap<string, readonly Listener[]> {
  const groups = new Map<string, Listener[]>();
  for (const listener of listeners) {
    const rules = rulesOf(listener);
    if (!rules) continue;
    const port = `${rules.transport}:${listener.port}`;
    const group = groups.get(port);
    if (group) group.push(listener);
    else groups.set(port, [listener]);
  }
  return groups;
}

function isIndistinct(a: Listener, b: Listener): boolean {
  return rulesOf(a)?.sharing === 'none' || normaliseHostname(a.hostname) === normaliseHostname(b.hostname);
}

function isOverlapping(a: string | undefined, b: string | undefined): boolean {
  const [x, y] = [normaliseHostname(a), normaliseHostname(b)];
  return isCovered(x, y) || isCovered(y, x);
}

function protocolConflict(listener: Listener, group: readonly Listener[]): Problem {
  const others = group.filter((other) => rulesOf(other)?.sharing !== rulesOf(listener)?.sharing);
  const names = others.map((other) => `${other.name} (${other.protocol})`).join(', ');
  const message = `port ${listener.port} cannot be ${listener.protocol} here and something else for ${names}: give one of them another port`;
  return { reason: 'ProtocolConflict', message };
}

function indistinct(listener: Listener, rivals: readonly Listener[]): Problem {
  const names = rivals.map((rival) => rival.name).join(', ');
  if (rulesOf(listener)?.sharing === 'none') {
    const message = `port ${portName(listener)} is also what ${names} asks for, and nothing tells them apart: give one of them another port`;
    return { reason: 'ProtocolConflict', message };
  }
  const host = listener.hostname ? `hostname ${listener.hostname}` : 'no hostname';
  const message = `port ${listener.port} with ${host} is also what ${names} asks for: change the hostname or the port, or merge them`;
  return { reason: 'HostnameConflict', message };
}

/** What comes of it, and what can be done. */
function consequence({ protocol }: Listener): string {
  return protocol === 'HTTPS'
    ? 'a request that reuses a connection made for the other one is answered with 421, and the client connects anew'
    : 'a browser may send requests for one over a connection made for the other, which go where that one leads; hostnames and certificates that do not overlap prevent it';
}

function overlap(listener: Listener, rival: Listener): Problem {
  const message = `the hostnames of ${nameOf(listener)} and ${nameOf(rival)} overlap on port ${listener.port}; ${consequence(listener)}`;
  return { reason: 'OverlappingHostnames', message };
}

function certificateOverlap(listener: Listener, { rival, name }: SharedName): Problem {
  const message = `the certificates of ${nameOf(listener)} and ${nameOf(rival)} both cover ${name} on port ${listener.port}; ${consequence(listener)}`;
  return { reason: 'OverlappingCertificates', message };
}

function nameOf(listener: Listener): string {
  return `${listener.name} (${listener.hostname ?? 'every hostname'})`;
}
