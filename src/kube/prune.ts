/** Drops what the API server keeps for itself and nobody here reads: often more than half of an object. */
import type { ServerObject } from './watch-events.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object without `managedFields` and without what `kubectl apply` remembers. Changes the object, which must be fresh from the wire. */
export function prune<O extends ServerObject>(object: O): O {
  const metadata = object.metadata as { managedFields?: unknown; annotations?: Record<string, string> };
  delete metadata.managedFields;
  if (metadata.annotations && lastApplied in metadata.annotations) {
    delete metadata.annotations[lastApplied];
    if (Object.keys(metadata.annotations).length === 0) delete metadata.annotations;
  }
  return object;
}
