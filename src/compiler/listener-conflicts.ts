/** Listeners of one Gateway that cannot be told apart. None of them wins: all are refused (Gateway API, "Handling indistinct Listeners"). */
import type { Problem } from '../contract/problem.ts';
import { isCovered, normaliseHostname } from './hostnames.ts';
import { rulesOf } from './listener-protocols.ts';
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
      if (rivals.length > 0) conflicts.set(listener, hostnameConflict(listener, rivals));
    }
  }
  return conflicts;
}

/** Listeners on the same port whose TLS settings serve overlapping hostnames: clients may reuse a connection across them. */
export function findOverlaps(listeners: readonly Listener[]): ReadonlyMap<Listener, Problem> {
  const overlaps = new Map<Listener, Problem>();
  for (const group of byPort(listeners).values()) {
    const withTls = group.filter((listener) => rulesOf(listener)?.sharing === 'tls');
    for (const listener of withTls) {
      const rival = withTls.find((other) => other !== listener && isOverlapping(listener, other));
      if (rival) overlaps.set(listener, overlap(listener, rival));
    }
  }
  return overlaps;
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

function isOverlapping(a: Listener, b: Listener): boolean {
  const [x, y] = [normaliseHostname(a.hostname), normaliseHostname(b.hostname)];
  return isCovered(x, y) || isCovered(y, x);
}

function protocolConflict(listener: Listener, group: readonly Listener[]): Problem {
  const others = group.filter((other) => rulesOf(other)?.sharing !== rulesOf(listener)?.sharing);
  const names = others.map((other) => `${other.name} (${other.protocol})`).join(', ');
  const message = `port ${listener.port} cannot be ${listener.protocol} here and something else for ${names}: give one of them another port`;
  return { reason: 'ProtocolConflict', message };
}

function hostnameConflict(listener: Listener, rivals: readonly Listener[]): Problem {
  const names = rivals.map((rival) => rival.name).join(', ');
  const host = listener.hostname ? `hostname ${listener.hostname}` : 'no hostname';
  const message = `port ${listener.port} with ${host} is also what ${names} asks for: change the hostname or the port, or merge them`;
  return { reason: 'HostnameConflict', message };
}

function overlap(listener: Listener, rival: Listener): Problem {
  const message =
    `the hostnames of ${nameOf(listener)} and ${nameOf(rival)} overlap on port ${listener.port}; ` +
    'a request that reuses a connection made for the other one is answered with 421, and the client connects anew';
  return { reason: 'OverlappingHostnames', message };
}

function nameOf(listener: Listener): string {
  return `${listener.name} (${listener.hostname ?? 'every hostname'})`;
}
