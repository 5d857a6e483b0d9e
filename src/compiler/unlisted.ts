/** What a Gateway or ListenerSet says of objects that belong to it and whose status has no room left to name it. */
import { partsOf, type Key } from '../contract/keys.ts';
import type { Finding } from '../model/conditions.ts';
import type { Facts } from './resolved.ts';

const maxNames = 5;

/** PolicyStatus: where `ancestors` is full, that has to be signalled on the ancestor. Nothing where all have room. */
export function unlistedFindings(parent: Key, { unlisted }: Facts): readonly Finding[] {
  const objects = unlisted?.get(parent) ?? [];
  if (objects.length === 0) return [];
  const names = objects.slice(0, maxNames).map(nameText).join(', ');
  const more = objects.length > maxNames ? ` and ${objects.length - maxNames} more` : '';
  const message = `no room is left to speak of this ${partsOf(parent).kind} in the status of ${names}${more}: they are in force, but what is wrong with them here cannot be read there. At most 16 ancestors of a policy and 32 parents of a route have room: split them`;
  return [{ type: 'headgate.dev/Unlisted', status: 'True', reason: 'StatusFull', message }];
}

function nameText(key: Key): string {
  const { kind, namespace, name } = partsOf(key);
  return `${kind} ${namespace}/${name}`;
}
