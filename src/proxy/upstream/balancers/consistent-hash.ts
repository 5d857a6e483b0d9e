/**
 * Consistent hashing by highest random weight: the same affinity goes to the same endpoint, and an endpoint that comes or
 * goes moves only its own share. No table to rebuild; the cost is one multiplication an endpoint and request.
 */
import { mixHashes } from '../hash.ts';
import type { Balancer } from './balancer.ts';

export function createConsistentHash(): Balancer {
  return {
    choose(candidates, affinity) {
      let best = candidates[0]!;
      let bestWeight = -1;
      for (let i = 0; i < candidates.length; i++) {
        const candidate = candidates[i]!;
        const weight = mixHashes(affinity, candidate.hash);
        if (weight > bestWeight) {
          best = candidate;
          bestWeight = weight;
        }
      }
      return best;
    },
  };
}
