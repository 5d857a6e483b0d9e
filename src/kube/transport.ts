/** One request to the API server and its answer: who we are, where it goes, what errors mean. Knows no verbs, and tries again only after a 401. */
import type { Dispatcher } from 'undici';
import type { ClusterAccess, Identity } from './access.ts';
import { errorFromStatus, errorFromThrown, type ApiResult } from './api-result.ts';
import { createConnections } from './connections.ts';

/** A list of 500 large objects takes seconds on a busy server, but not this long. */
const answerTimeoutMs = 30_000;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Longest silence within the answer's body. */
  readonly silenceMs?: number;
}

export interface Transport {
  /** The answer with a status below 300, its body unread. */
  open(call: Call): Promise<ApiResult<Dispatcher.ResponseData>>;
  /** The JSON of the answer. */
  read<T>(call: Call): Promise<ApiResult<T>>;
  close(): Promise<void>;
}

export function createTransport(access: ClusterAccess): Transport {
  const connections = createConnections(access);
  const { origin, pathname } = new URL(access.server);
  const prefix = pathname.replace(/\/$/, '');

  const send = (call: Call, identity: Identity): Promise<Dispatcher.ResponseData> =>
    connections.dispatcherFor(identity).request({
      origin,
      method: call.method,
      path: prefix + call.path,
      headers: headersOf(call, access, identity),
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      signal: call.signal,
      headersTimeout: answerTimeoutMs,
      bodyTimeout: call.silenceMs ?? answerTimeoutMs,
    });

  const open = async (call: Call): Promise<ApiResult<Dispatcher.ResponseData>> => {
    try {
      for (let attempt = 1; ; attempt++) {
        if (call.signal?.aborted) return { error: errorFromThrown(undefined, call.signal) };
        const identity = await access.credential.obtain();
        if (identity.error) return identity;
        const response = await send(call, identity.value);
        if (response.statusCode < 300) return { value: response };
        const text = await response.body.text();
        // A token may have been replaced before the old one was due to be read again.
        if (response.statusCode === 401) access.credential.discard();
        if (response.statusCode === 401 && attempt === 1) continue;
        const retryAfter = response.headers['retry-after'];
        return { error: errorFromStatus(parsedOr(text), response.statusCode, String(retryAfter ?? '')) };
      }
    } catch (thrown) {
      return { error: errorFromThrown(thrown, call.signal) };
    }
  };

  const read = async <T>(call: Call): Promise<ApiResult<T>> => {
    const opened = await open(call);
    if (opened.error) return opened;
    try {
      const text = await opened.value.body.text();
      const value = parsedOr(text);
      if (typeof value === 'object' && value !== null) return { value: value as T };
      return { error: { code: 0, reason: 'BadResponse', message: `no JSON object: ${text.slice(0, 100)}` } };
    } catch (thrown) {
      return { error: errorFromThrown(thrown, call.signal) };
    }
  };

  return { open, read, close: () => connections.close() };
}

function headersOf(
  { accept = 'application/json', body, contentType = 'application/json' }: Call,
  access: ClusterAccess,
  identity: Identity,
): Record<string, string | string[]> {
  return {
    ...access.headers,
    accept,
    'user-agent': 'headgate',
    ...(identity.authorization && { authorization: identity.authorization }),
    ...(body !== undefined && { 'content-type': contentType }),
  };
}

/** The text itself where it is no JSON: what a proxy in between has to say. */
function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
