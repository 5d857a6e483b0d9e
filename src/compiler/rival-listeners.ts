/** Listeners that take all that is for a hostname away from another one on their port, since theirs is more specific. */
import { compareHostnames, isCovered } from './hostnames.ts';
import { portName } from './listener-protocols.ts';
import type { ResolvedGateway, ResolvedListener } from './resolved.ts';

/** All listeners of the same Gateway, by each of them. */
export type Siblings = ReadonlyMap<ResolvedListener, readonly ResolvedListener[]>;

export function siblingsOf(gateways: readonly ResolvedGateway[]): Siblings {
  return new Map(gateways.flatMap((one) => one.allListeners.map((listener) => [listener, one.allListeners])));
}

/** Whoever takes everything for that hostname in place of that listener. */
export function findRival(
  { listener, hostname }: { readonly listener: ResolvedListener; readonly hostname: string },
  siblings: Siblings,
): ResolvedListener | undefined {
  return siblings
    .get(listener)
    ?.find(
      (other) =>
        other !== listener &&
        other.config !== null &&
        portName(other.spec) === portName(listener.spec) &&
        isCovered(hostname, other.hostname) &&
        compareHostnames(other.hostname, listener.hostname) < 0,
    );
}

/** `what` comes there: requests, or connections. */
export function textOfRival(what: string, hostname: string, rival: ResolvedListener): string {
  const name = hostname === '' ? 'every hostname' : hostname;
  return `${what} for ${name} on port ${rival.spec.port} belong to listener ${rival.spec.name} (${rival.hostname || 'every hostname'})`;
}
