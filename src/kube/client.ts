/** Calls to the Kubernetes API: objects in, objects or errors out. Knows no kinds and keeps nothing. */
import type { ClusterAccess } from './access.ts';
import type { ApiResult } from './api-result.ts';
import { urlPathOf, type CollectionPath, type ObjectPath, type Query } from './paths.ts';
import { createTransport } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  readonly query?: Query;
  /** `Metadata`: objects come without spec, status and data (`PartialObjectMetadata`). */
  readonly parts?: 'All' | 'Metadata';
}

export interface WatchOptions extends ListOptions {
  /** A stream that says nothing for so long is over. */
  readonly silenceMs: number;
}

export interface WriteOptions extends CallOptions {
  /** Whose fields they are, for server-side apply. */
  readonly fieldManager?: string;
}

export interface ApplyOptions extends CallOptions {
  readonly fieldManager: string;
  /** Takes over fields that others own; without it that is a Conflict. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Only this one, not a namesake made since; else a Conflict. */
  readonly uid?: string;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** A page of a list. */
export interface ObjectList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[] | null;
}

/** Chunks of newline-delimited events. Ends when the server ends it; throws when it breaks, is silent or is aborted. */
export type EventStream = AsyncIterable<Uint8Array>;

export interface KubeClient {
  get<T>(path: ObjectPath, options?: CallOptions): Promise<ApiResult<T>>;
  list(path: CollectionPath, options?: ListOptions): Promise<ApiResult<ObjectList>>;
  watch(path: CollectionPath, options: WatchOptions): Promise<ApiResult<EventStream>>;
  create<T>(path: CollectionPath, object: T, options?: WriteOptions): Promise<ApiResult<T>>;
  /** Guarded by the `resourceVersion` in the object where there is one: a Conflict says that somebody else was faster. */
  replace<T>(path: ObjectPath, object: T, options?: WriteOptions): Promise<ApiResult<T>>;
  /** JSON merge patch (RFC 7396): lists are replaced whole. */
  patch<T>(path: ObjectPath, patch: object, options?: WriteOptions): Promise<ApiResult<T>>;
  /** Server-side apply: the object holds the fields that are ours, with `apiVersion` and `kind`. */
  apply<T>(path: ObjectPath, object: object, options: ApplyOptions): Promise<ApiResult<T>>;
  /** The deleted object, or the status that tells of it. */
  delete(path: ObjectPath, options?: DeleteOptions): Promise<ApiResult<unknown>>;
  /** Any path of the API, such as `/version` or `/apis/gateway.networking.k8s.io/v1`. */
  getPath<T>(path: string, options?: CallOptions): Promise<ApiResult<T>>;
  /** Ends what still runs. */
  close(): Promise<void>;
}

const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const metadataListOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export function createKubeClient(access: ClusterAccess): KubeClient {
  const { open, read, close } = createTransport(access);
  return {
    get: (path, { signal } = {}) => read({ method: 'GET', path: urlPathOf(path), signal }),
    getPath: (path, { signal } = {}) => read({ method: 'GET', path, signal }),
    list: (path, { query, parts, signal } = {}) => {
      const accept = parts === 'Metadata' ? metadataListOnly : undefined;
      return read({ method: 'GET', path: urlPathOf(path, query), accept, signal });
    },
    async watch(path, { query, parts, silenceMs, signal }) {
      const accept = parts === 'Metadata' ? metadataOnly : undefined;
      const opened = await open({ method: 'GET', path: urlPathOf(path, query), accept, signal, silenceMs });
      return opened.error ? opened : { value: opened.value.body };
    },
    create: (path, object, { fieldManager, signal } = {}) =>
      read({ method: 'POST', path: urlPathOf(path, { fieldManager }), body: object, signal }),
    replace: (path, object, { fieldManager, signal } = {}) =>
      read({ method: 'PUT', path: urlPathOf(path, { fieldManager }), body: object, signal }),
    patch(path, patch, { fieldManager, signal } = {}) {
      const contentType = 'application/merge-patch+json';
      return read({ method: 'PATCH', path: urlPathOf(path, { fieldManager }), body: patch, contentType, signal });
    },
    apply(path, object, { fieldManager, force, signal }) {
      // JSON is YAML.
      const contentType = 'application/apply-patch+yaml';
      return read({
        method: 'PATCH',
        path: urlPathOf(path, { fieldManager, force }),
        body: object,
        contentType,
        signal,
      });
    },
    delete(path, { uid, propagationPolicy, signal } = {}) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(uid !== undefined && { preconditions: { uid } }),
        ...(propagationPolicy && { propagationPolicy }),
      };
      return read({ method: 'DELETE', path: urlPathOf(path), body, signal });
    },
    close,
  };
}
