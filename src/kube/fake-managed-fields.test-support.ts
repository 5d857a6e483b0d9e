/** Who wrote which condition of a status, as an API server keeps it: whoever changed its message last. For the one of tests. */
import { isDeepStrictEqual } from 'node:util';
import type { FakeObject } from './fake-api-server.test-support.ts';

interface FakeCondition {
  readonly type: string;
}

/** Of the object after the manager has changed it. */
export function managedFieldsAfter(before: FakeObject | undefined, after: FakeObject, manager: string): object[] {
  const byManager = new Map<string, Record<string, object>>();
  for (const condition of conditionsOf(after)) {
    const key = `k:${JSON.stringify({ type: condition.type })}`;
    const old = conditionsOf(before).find(({ type }) => type === condition.type);
    const owner = isDeepStrictEqual(old, condition) ? ownerOf(before, key) : manager;
    byManager.getOrInsert(owner, {})[key] = { '.': {}, 'f:message': {}, 'f:reason': {}, 'f:status': {} };
  }
  return [...byManager].map(([name, conditions]) => ({
    manager: name,
    operation: 'Update',
    subresource: 'status',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:status': { 'f:conditions': conditions } },
  }));
}

function conditionsOf(object: FakeObject | undefined): readonly FakeCondition[] {
  return (object?.status as { readonly conditions?: readonly FakeCondition[] } | undefined)?.conditions ?? [];
}

interface FakeManagedFields {
  readonly manager: string;
  readonly fieldsV1: { readonly 'f:status': { readonly 'f:conditions': Readonly<Record<string, object>> } };
}

function ownerOf(object: FakeObject | undefined, key: string): string {
  const managed = (object?.metadata.managedFields ?? []) as readonly FakeManagedFields[];
  return managed.find(({ fieldsV1 }) => key in fieldsV1['f:status']['f:conditions'])?.manager ?? 'somebody';
}
