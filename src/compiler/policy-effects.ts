/** What policies do to one port or listener. Whom a policy hits is decided in step 5. */
import type { PolicyEffects } from '../contract/policy.ts';
import type { TargetEffects } from './resolved.ts';

/** In the order of the list of policies. Of one kind, what is said of the section goes before what is said of the whole. */
export function effectsAt({ whole, bySection }: TargetEffects, section: string | undefined): readonly PolicyEffects[] {
  const own = section === undefined ? undefined : bySection[section];
  if (own === undefined) return Object.values(whole);
  return Object.keys({ ...whole, ...own }).map((kind) => (own[kind] ?? whole[kind])!);
}
