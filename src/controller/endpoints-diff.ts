/** The difference of the endpoints of all backends. Lists that are the same object are not looked into. */
import { isEqual } from '../contract/config-diff.ts';
import type { Endpoint, EndpointsPatch } from '../contract/endpoints.ts';
import type { Key } from '../contract/keys.ts';
import { differences } from '../lib/derived-map.ts';
import type { Endpoints } from './parts.ts';

/** What turns `before` into `after`; null when there is nothing to send. */
export function diffEndpoints(before: Endpoints, after: Endpoints): EndpointsPatch | null {
  const patch: Record<Key, readonly Endpoint[] | null> = {};
  for (const [key, old, endpoints] of differences(before, after)) {
    if (!isEqual(old, endpoints)) patch[key] = endpoints ?? null;
  }
  return Object.keys(patch).length === 0 ? null : patch;
}
