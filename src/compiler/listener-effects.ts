/** What policies that target Gateways do to their listeners. Whom a policy hits is decided in step 5. */
import { withListeners } from './listener-filters.ts';
import { isSameList } from './memory.ts';
import { effectsAt } from './policy-effects.ts';
import type { AttachedPolicies, ResolvedGateway, ResolvedListener, TargetEffects } from './resolved.ts';

/** The same Gateway for as long as policies say the same of it. */
type ListenerEffectStep = (
  gateways: readonly ResolvedGateway[],
  policies: Pick<AttachedPolicies, 'gateways'>,
) => readonly ResolvedGateway[];

/** Listeners with what policies that target their Gateway do to them; listeners of its ListenerSets too. */
export function createListenerEffectStep(): ListenerEffectStep {
  const memory = new WeakMap<ResolvedGateway, { readonly effects: TargetEffects; readonly value: ResolvedGateway }>();
  let before: readonly ResolvedGateway[] = [];
  return (gateways, policies) => {
    const now = gateways.map((gateway) => {
      const { namespace, name } = gateway.gateway.metadata;
      const effects = policies.gateways.get(`${namespace}/${name}`);
      if (!effects) return gateway;
      const known = memory.get(gateway);
      if (known?.effects === effects) return known.value;
      const value = withEffects(gateway, effects);
      memory.set(gateway, { effects, value });
      return value;
    });
    if (!isSameList(before, now)) before = now;
    return before;
  };
}

function withEffects(gateway: ResolvedGateway, effects: TargetEffects): ResolvedGateway {
  const changed = new Map<ResolvedListener, ResolvedListener>();
  for (const listener of gateway.allListeners) {
    if (listener.config === null) continue;
    // A section is a listener of the Gateway's own; those of ListenerSets may have the same name.
    const section = gateway.listeners.includes(listener) ? listener.spec.name : undefined;
    const config = { ...listener.config };
    for (const effect of effectsAt(effects, section)) Object.assign(config, effect.listener);
    changed.set(listener, { ...listener, config });
  }
  return withListeners(gateway, changed);
}
