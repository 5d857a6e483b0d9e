/** Least request by the power of two choices: of two random endpoints the one with fewer requests in flight. */
import type { Balancer } from './balancer.ts';

/** `random` is uniform in [0, 1). */
export function createLeastRequest(random: () => number): Balancer {
  return {
    choose(candidates) {
      const count = candidates.length;
      if (count === 1) return candidates[0]!;
      const first = Math.floor(random() * count);
      // A second one that is not the first, each with the same chance.
      let second = Math.floor(random() * (count - 1));
      if (second >= first) second++;
      const a = candidates[first]!;
      const b = candidates[second]!;
      return b.active < a.active ? b : a;
    },
  };
}
