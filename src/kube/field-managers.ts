/** Who wrote a field of an object, as the API server remembers it (`metadata.managedFields`). */
import type { ServerObject } from './watch-events.ts';

/** A tree of field names (`f:status`) and keys of list items (`k:{"type":"Accepted"}`). */
interface FieldTree {
  readonly [name: string]: FieldTree | undefined;
}

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: FieldTree;
}

/**
 * The managers that have the field at `path`, such as `['f:spec', 'f:type']`. Whoever changes a field by an update takes it
 * from all others; one who repeats what is there does not get it. Empty where the object tells none.
 */
export function managersOf({ metadata }: ServerObject, path: readonly string[]): readonly string[] {
  const { managedFields = [] } = metadata as { readonly managedFields?: readonly ManagedFields[] };
  return managedFields.flatMap(({ manager = '', fieldsV1 }) => {
    let at: FieldTree | undefined = fieldsV1;
    for (const name of path) at = at?.[name];
    return at ? [manager] : [];
  });
}
