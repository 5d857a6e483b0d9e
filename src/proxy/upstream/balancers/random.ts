/** Random balancing: each endpoint with the same chance. */
import type { Balancer } from './balancer.ts';

/** `random` is uniform in [0, 1). */
export function createRandom(random: () => number): Balancer {
  return { choose: (candidates) => candidates[Math.floor(random() * candidates.length)]! };
}
