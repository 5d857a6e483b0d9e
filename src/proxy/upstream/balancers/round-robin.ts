/** Round robin: endpoints in turn. Starts anywhere, so that workers do not all begin with the same endpoint. */
import type { Balancer } from './balancer.ts';

/** `random` is uniform in [0, 1); used once. */
export function createRoundRobin(random: () => number): Balancer {
  let next = Math.floor(random() * 0x10000);
  return {
    choose(candidates) {
      const chosen = candidates[next % candidates.length]!;
      // Stays a small integer; the one uneven step in 2^30 does not matter.
      next = (next + 1) & 0x3fffffff;
      return chosen;
    },
  };
}
