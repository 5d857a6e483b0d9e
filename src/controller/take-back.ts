/**
 * What stays in the status of a Gateway or ListenerSet that is not ours: nothing that we said, unless somebody else has spoken
 * since. Whoever said it, this process or one before it, the API server knows whose the words are. Pure.
 */
import { fieldManager } from '../kube/calm-writer.ts';
import type { Condition } from '../model/conditions.ts';
import type { Resource } from '../model/resources.ts';
import type { Observation } from '../sources/kubernetes-served.ts';
import type { ResourceStatus } from './statuses.ts';

/** Why it is not served any more, by kind. Routes and policies have entries by controller, which are simply removed. */
const causes: Readonly<Record<string, string>> = {
  Gateway: 'its GatewayClass is gone, or belongs to another controller',
  ListenerSet: 'the Gateway that it names is gone, or belongs to another controller',
};

/** Null: there is nothing to take back. */
export function takeBack(
  { kind, metadata }: Resource,
  { status, acceptedBy = [] }: Pick<Observation, 'status' | 'acceptedBy'>,
): ResourceStatus | null {
  const cause = causes[kind];
  const isOurs = acceptedBy.length === 1 && acceptedBy[0] === fieldManager;
  if (cause === undefined || !isOurs) return null;
  const { conditions = [] } = status as { readonly conditions?: readonly Partial<Condition>[] };
  // That is what we say once it is taken back.
  if (conditions.some(({ type, reason }) => type === 'Accepted' && reason === 'Pending')) return null;
  // As the API server begins it: nobody has looked at it.
  const pending = (type: string): Condition => ({
    type,
    status: 'Unknown',
    reason: 'Pending',
    message: `Headgate does not serve it any more: ${cause}`,
    observedGeneration: metadata.generation ?? 0,
  });
  const empty = { conditions: [pending('Accepted'), pending('Programmed')], listeners: [] };
  return kind === 'Gateway' ? Object.assign(empty, { addresses: [] }) : empty;
}
