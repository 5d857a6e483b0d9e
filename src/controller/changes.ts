/** What changed between two sets of resources, by identity: what the console says in a line. */
import type { Key } from '../contract/keys.ts';
import { keyOf } from '../contract/keys.ts';
import type { ResourceSet } from '../model/resources.ts';

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
    if (old === now) continue;
    for (const [name, resource] of now) {
      const previous = old?.get(name);
      if (previous === resource) continue;
      const { namespace, name: ownName } = resource.metadata;
      (previous ? changes.changed : changes.added).push(keyOf(kind, namespace, ownName));
    }
    for (const [name, { metadata }] of old ?? []) {
      if (!now.has(name)) changes.removed.push(keyOf(kind, metadata.namespace, metadata.name));
    }
  }
  return changes;
}

export function isNoChange({ added, changed, removed }: Changes): boolean {
  return added.length + changed.length + removed.length === 0;
}
