/** What changed between two sets of resources, by identity: what the console says in a line. */
import type { Key } from '../contract/keys.ts';
import { keyOf } from '../contract/keys.ts';
import { differences } from '../lib/derived-map.ts';
import type { Resource, ResourceSet } from '../model/resources.ts';

export interface Changes {
  readonly added: readonly Key[];
  readonly changed: readonly Key[];
  readonly removed: readonly Key[];
}

/** `before` null: everything was added. A kind that kept its Map is not looked into. */
export function changesBetween(before: ResourceSet | null, after: ResourceSet, kinds: readonly string[]): Changes {
  const changes = { added: [] as Key[], changed: [] as Key[], removed: [] as Key[] };
  for (const kind of kinds) {
    const old = before?.of(kind);
    const now = after.of(kind);
    for (const [, previous, resource] of differences(old ?? new Map<string, Resource>(), now)) {
      const { namespace, name } = (resource ?? previous)!.metadata;
      const group = resource === undefined ? 'removed' : previous === undefined ? 'added' : 'changed';
      changes[group].push(keyOf(kind, namespace, name));
    }
  }
  return changes;
}

export function isNoChange({ added, changed, removed }: Changes): boolean {
  return added.length + changed.length + removed.length === 0;
}
