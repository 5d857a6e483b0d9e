/** One list or one watch from its beginning to its end. Knows the protocol of the API server; decides nothing. */
import { errorFromStatus, errorFromThrown, type ApiError, type ApiResult } from './api-result.ts';
import type { EventStream, KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import type { CollectionPath, Query } from './paths.ts';
import { createEventDecoder, type Decoded, type ServerObject, type WatchEvent } from './watch-events.ts';

/** How a list or a watch came to its end; without an error the server closed it in good order. */
export interface StreamEnd {
  readonly error?: ApiError;
  /** Whether it brought on anything, so that the next attempt need not wait long. */
  readonly hasProgressed: boolean;
  /** It ended of old age. */
  readonly hasLived?: boolean;
  /** A whole list was read, and a watch is due. */
  readonly isListed?: boolean;
}

/** As many as client-go asks for at a time. */
const pageSize = 500;

/** Begins with all objects, as events, and goes on as a watch (KEP-3157). */
export function streamQuery(clock: Clock): Query {
  return {
    watch: true,
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
    timeoutSeconds: lifeSeconds(clock),
  };
}

/** Bookmarks keep the version young where nothing happens. */
export function watchQuery(resourceVersion: string, clock: Clock): Query {
  return { watch: true, resourceVersion, allowWatchBookmarks: true, timeoutSeconds: lifeSeconds(clock) };
}

/** Five to ten minutes, so that watches do not all end at once. */
function lifeSeconds(clock: Clock): number {
  return 300 + Math.floor(clock.random() * 300);
}

export interface ListPagesOptions {
  readonly parts?: 'All' | 'Metadata';
  readonly signal: AbortSignal;
  readonly onObject: (object: ServerObject) => void;
}

/** The version to watch from. */
export async function listPages(
  client: KubeClient,
  path: CollectionPath,
  { parts, signal, onObject }: ListPagesOptions,
): Promise<ApiResult<string>> {
  let next: string | undefined;
  for (;;) {
    const page = await client.list(path, { query: { limit: pageSize, continue: next }, parts, signal });
    if (page.error) return page;
    const { items, metadata } = page.value;
    for (const item of (items ?? []) as ServerObject[]) onObject(item);
    next = metadata?.continue || undefined;
    if (next) continue;
    const version = metadata?.resourceVersion;
    if (version) return { value: version };
    return { error: { code: 0, reason: 'BadResponse', message: 'a list without a resourceVersion' } };
  }
}

/** What one chunk brought. */
export interface Batch {
  readonly objects: readonly { readonly type: WatchEvent['type']; readonly object: ServerObject }[];
  /** The newest version that was seen. */
  readonly version: string | undefined;
  /** The last of the initial events is among them; those after it come in a batch of their own. */
  readonly isListEnd: boolean;
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly onBatch: (batch: Batch) => void;
}

/** Reads events until the stream ends or breaks. */
export async function followStream(
  stream: EventStream,
  { signal, onBatch }: FollowOptions,
): Promise<Pick<StreamEnd, 'error'>> {
  const decode = createEventDecoder();
  try {
    for await (const chunk of stream) {
      const decoded = decode(chunk);
      const error = deliver(decoded, onBatch);
      if (error) return { error };
    }
    return {};
  } catch (thrown) {
    return { error: errorFromThrown(thrown, signal) };
  }
}

function deliver({ events, problem }: Decoded, onBatch: (batch: Batch) => void): ApiError | undefined {
  let objects: { type: WatchEvent['type']; object: ServerObject }[] = [];
  let version: string | undefined;
  const flush = (isListEnd: boolean): void => {
    if (objects.length > 0 || version !== undefined) onBatch({ objects, version, isListEnd });
    objects = [];
  };
  for (const event of events) {
    if (event.type === 'ERROR') {
      flush(false);
      return errorFromStatus(event.object, 500);
    }
    const { type, object } = event;
    version = object.metadata.resourceVersion || version;
    if (type !== 'BOOKMARK') objects.push({ type, object });
    else if (object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true') flush(true);
  }
  flush(false);
  return problem === undefined ? undefined : { code: 0, reason: 'BadEvent', message: problem };
}
