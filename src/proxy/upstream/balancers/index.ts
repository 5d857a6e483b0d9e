/** The ways of balancing by the name the configuration gives them. */
import type { LoadBalancing } from '../../../contract/gateway-config.ts';
import type { Balancer } from './balancer.ts';
import { createConsistentHash } from './consistent-hash.ts';
import { createLeastRequest } from './least-request.ts';
import { createRandom } from './random.ts';
import { createRoundRobin } from './round-robin.ts';

const factories = {
  LeastRequest: createLeastRequest,
  RoundRobin: createRoundRobin,
  Random: createRandom,
  ConsistentHash: createConsistentHash,
} satisfies Record<LoadBalancing['type'], (random: () => number) => Balancer>;

/** A balancer with a state of its own. `random` is uniform in [0, 1). */
export function createBalancer(type: LoadBalancing['type'], random: () => number): Balancer {
  return factories[type](random);
}
