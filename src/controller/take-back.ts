/**
 * What stays in the status of a Gateway or ListenerSet that is not ours any more: nothing that we said, unless somebody else
 * has spoken since. Pure.
 */
import type { Condition } from '../model/conditions.ts';
import type { Resource } from '../model/resources.ts';
import type { ResourceStatus } from './statuses.ts';

interface Observed {
  readonly conditions?: readonly Partial<Condition>[];
  readonly attachedListenerSets?: number;
}

/** `said` is the last that was to be written, `observed` what is there. Null: there is nothing to take back. */
export function takeBack(said: ResourceStatus, { kind, metadata }: Resource, observed: unknown): ResourceStatus | null {
  const there = (observed ?? {}) as Observed;
  const ours = said.conditions ?? [];
  // Routes and policies have entries by controller, which are simply removed.
  if (ours.length === 0 || said.parents || said.ancestors) return null;
  if (!ours.every((condition) => there.conditions?.some((one) => isSaid(one, condition)))) return null;
  const what =
    kind === 'Gateway'
      ? 'its GatewayClass is gone, or belongs to another controller'
      : 'the Gateway that it names is gone, or belongs to another controller';
  // As the API server begins it: nobody has looked at it.
  const pending = (type: string): Condition => ({
    type,
    status: 'Unknown',
    reason: 'Pending',
    message: `Headgate does not serve it any more: ${what}`,
    observedGeneration: metadata.generation ?? 0,
  });
  const empty = { conditions: [pending('Accepted'), pending('Programmed')], listeners: [] };
  return kind === 'Gateway' ? Object.assign(empty, { addresses: [] }) : empty;
}

/** The generation may have gone on. */
function isSaid(one: Partial<Condition>, { type, status, reason, message }: Condition): boolean {
  return one.type === type && one.status === status && one.reason === reason && one.message === message;
}
