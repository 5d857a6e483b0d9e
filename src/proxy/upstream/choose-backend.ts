/** Which backendRef of a rule takes a request, a connection or a session. Knows weights only, no endpoints. */
import type { BackendChoice, RuleRuntime } from '../runtime.ts';

/** By weight; null where nothing has one. `random` is uniform in [0, 1). */
export function chooseByWeight(rule: RuleRuntime, random: () => number): BackendChoice | null {
  if (rule.onlyBackend !== null) return rule.onlyBackend;
  const { backends, totalWeight } = rule;
  if (totalWeight <= 0) return null;
  let point = random() * totalWeight;
  for (const choice of backends) {
    point -= choice.ref.weight;
    if (point < 0) return choice;
  }
  return null;
}
