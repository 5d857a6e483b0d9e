/**
 * An API server on a real socket for tests: keeps objects, lists and watches as the real one does, and fails as it is told.
 * Not for anything else.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { credentialOf, type ClusterAccess } from './access.ts';
import { createKubeClient, type KubeClient } from './client.ts';
import { managedFieldsAfter } from './fake-managed-fields.test-support.ts';

export interface FakeObject {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string; [field: string]: unknown };
  [field: string]: unknown;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** Answers in the place of the server; returns false to leave the request to it. */
export type FakeHandler = (request: FakeRequest, response: ServerResponse) => boolean | void | Promise<boolean | void>;

interface Watcher {
  readonly collection: string;
  readonly parts: (object: FakeObject) => FakeObject;
  readonly response: ServerResponse;
}

interface FakeEvent {
  readonly version: number;
  readonly collection: string;
  readonly type: string;
  readonly object: FakeObject;
}

export class FakeApiServer {
  readonly requests: FakeRequest[] = [];
  /** Collections that exist, such as `/api/v1/services`; all others are answered with 404. */
  readonly collections = new Set<string>();
  isStreamingLists = true;
  readonly #server: Server;
  readonly #handlers: FakeHandler[] = [];
  readonly #objects = new Map<string, FakeObject>();
  readonly #watchers = new Set<Watcher>();
  #events: FakeEvent[] = [];
  #version = 100;
  #oldest = 0;
  #uid = 0;
  #listeners: (() => void)[] = [];

  constructor(tls?: ServerOptions) {
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = tls ? createHttpsServer(tls, serve) : createHttpServer(serve);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Open sockets. */
  get connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count)));
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    this.#watchers.clear();
    await closed;
  }

  /** The handler answers the next request that it does not return false for, and is then forgotten. */
  once(handler: FakeHandler): void {
    const one: FakeHandler = async (request, response) => {
      if ((await handler(request, response)) === false) return false;
      this.#handlers.splice(this.#handlers.indexOf(one), 1);
      return true;
    };
    this.#handlers.push(one);
  }

  always(handler: FakeHandler): () => void {
    this.#handlers.push(handler);
    return () => void this.#handlers.splice(this.#handlers.indexOf(handler), 1);
  }

  /** Creates or changes an object as somebody would: a new version, and an event for those who watch. */
  put(collection: string, object: FakeObject, manager = 'somebody'): FakeObject {
    const key = keyOf(collection, object.metadata);
    const before = this.#objects.get(key);
    const uid = before?.metadata.uid ?? `uid-${++this.#uid}`;
    const { managedFields: _, ...metadata } = object.metadata;
    const managedFields = managedFieldsAfter(before, object, manager);
    const resourceVersion = String(++this.#version);
    const next = {
      ...object,
      metadata: { ...metadata, uid, resourceVersion, ...(managedFields.length > 0 && { managedFields }) },
    };
    this.#objects.set(key, next);
    this.#publish(collection, before ? 'MODIFIED' : 'ADDED', next);
    return next;
  }

  remove(collection: string, name: string): void {
    const key = `${collection} ${name}`;
    const object = this.#objects.get(key)!;
    this.#objects.delete(key);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#publish(collection, 'DELETED', last);
  }

  find(collection: string, name: string): FakeObject | undefined {
    return this.#objects.get(`${collection} ${name}`);
  }

  /** Forgets what happened until now: whoever watches from before gets 410. */
  compact(): void {
    this.#events = [];
    this.#oldest = ++this.#version;
  }

  /** Ends all watches; with `reset` by a TCP reset, else in good order. */
  endWatches(how: 'Reset' | 'Orderly' = 'Orderly'): void {
    for (const { response } of this.#watchers) {
      if (how === 'Reset') response.socket?.resetAndDestroy();
      else response.end();
    }
    this.#watchers.clear();
  }

  /** Any text into all watches, whatever they are of. */
  writeToWatches(text: string): void {
    for (const { response } of this.#watchers) response.write(text);
  }

  bookmark(): void {
    const version = String(++this.#version);
    this.writeToWatches(
      `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: version } } })}\n`,
    );
  }

  /** Resolves with the number of requests as soon as the condition holds; it is looked at after each request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(message.url!, 'http://fake');
    const request: FakeRequest = {
      method: message.method!,
      path: pathname,
      query: searchParams,
      headers: message.headers,
      body: Buffer.concat(chunks).toString(),
      at: performance.now(),
    };
    this.requests.push(request);
    for (const wake of this.#listeners.splice(0)) wake();
    for (const handler of this.#handlers.slice()) if ((await handler(request, response)) !== false) return;
    this.#answer(request, response);
  }

  #answer(request: FakeRequest, response: ServerResponse): void {
    const { path, query, method } = request;
    const place = placeOf(path);
    if (!place || !this.collections.has(place.collection)) return answer(response, 404, 'NotFound');
    if (method === 'POST') return this.#write(place.collection, request, { response, mustExist: false });
    if (place.name !== undefined) return this.#answerObject({ ...place, name: place.name }, request, response);
    if (query.get('watch') === 'true') return this.#watch(place.collection, request, response);
    this.#list(place, request, response);
  }

  #answerObject(
    { collection, name }: { collection: string; name: string },
    request: FakeRequest,
    response: ServerResponse,
  ): void {
    const object = this.find(collection, name);
    const isApply = request.headers['content-type']?.includes('apply-patch') === true;
    if (!object && !isApply) return answer(response, 404, 'NotFound');
    switch (request.method) {
      case 'GET':
        return send(response, 200, object);
      case 'DELETE':
        this.remove(collection, name);
        return send(response, 200, { kind: 'Status', status: 'Success' });
      case 'PATCH': {
        const patch = JSON.parse(request.body) as FakeObject;
        const { resourceVersion } = patch.metadata ?? {};
        if (resourceVersion && resourceVersion !== object?.metadata.resourceVersion)
          return answer(response, 409, 'Conflict');
        const merged = { ...object, ...patch, metadata: { ...object?.metadata, ...patch.metadata } } as FakeObject;
        return send(response, 200, this.put(collection, merged, request.query.get('fieldManager') ?? undefined));
      }
      default:
        return this.#write(collection, request, { response, mustExist: true });
    }
  }

  #write(
    collection: string,
    { body, path }: FakeRequest,
    { response, mustExist }: { response: ServerResponse; mustExist: boolean },
  ): void {
    const object = JSON.parse(body) as FakeObject;
    const namespace = /\/namespaces\/([^/]+)\//.exec(path)?.[1];
    if (namespace) object.metadata.namespace ??= namespace;
    const before = this.#objects.get(keyOf(collection, object.metadata));
    if (before && !mustExist) return answer(response, 409, 'AlreadyExists');
    const { resourceVersion } = object.metadata;
    if (resourceVersion && resourceVersion !== before?.metadata.resourceVersion)
      return answer(response, 409, 'Conflict');
    send(response, mustExist ? 200 : 201, this.put(collection, object));
  }

  #list({ collection, namespace }: Place, { query, headers }: FakeRequest, response: ServerResponse): void {
    const all = this.#objectsOf(collection).filter(
      ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
    );
    const from = Number(query.get('continue') ?? 0);
    const to = from + Number(query.get('limit') ?? all.length);
    const metadata = { resourceVersion: String(this.#version), ...(to < all.length && { continue: String(to) }) };
    send(response, 200, { kind: 'List', metadata, items: all.slice(from, to).map(partsOf(headers)) });
  }

  #watch(collection: string, { query, headers }: FakeRequest, response: ServerResponse): void {
    const isList = query.get('sendInitialEvents') === 'true';
    if (isList && !this.isStreamingLists) return answer(response, 422, 'Invalid');
    const from = Number(query.get('resourceVersion') ?? this.#version);
    if (!isList && from < this.#oldest) return answer(response, 410, 'Expired');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const lines = isList
      ? [
          ...this.#objectsOf(collection).map((object) => ({ type: 'ADDED', object })),
          { type: 'BOOKMARK', object: endOfList(this.#version) },
        ]
      : this.#events.filter((event) => event.collection === collection && event.version > from);
    const parts = partsOf(headers);
    for (const { type, object } of lines) response.write(`${JSON.stringify({ type, object: parts(object) })}\n`);
    const watcher = { collection, response, parts };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }

  #objectsOf(collection: string): FakeObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${collection} `)).map(([, object]) => object);
  }

  #publish(collection: string, type: string, object: FakeObject): void {
    this.#events.push({ version: this.#version, collection, type, object });
    for (const watcher of this.#watchers)
      if (watcher.collection === collection)
        watcher.response.write(`${JSON.stringify({ type, object: watcher.parts(object) })}\n`);
  }
}

function keyOf(collection: string, { namespace, name }: FakeObject['metadata']): string {
  return `${collection} ${namespace ? `${namespace}/${name}` : name}`;
}

function partsOf({ accept }: FakeRequest['headers']): (object: FakeObject) => FakeObject {
  return accept?.includes('as=PartialObjectMetadata') ? ({ metadata }) => ({ metadata }) : (object) => object;
}

function endOfList(version: number): FakeObject {
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  return { metadata: { name: '', resourceVersion: String(version), annotations } };
}

interface Place {
  /** Over all namespaces. */
  readonly collection: string;
  readonly namespace: string | undefined;
  /** Of the object in it. */
  readonly name: string | undefined;
}

function placeOf(path: string): Place | null {
  const match =
    /^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/status)?$/.exec(path);
  if (!match) return null;
  const [, root, namespace, plural, name] = match;
  return { collection: `${root}/${plural}`, namespace, name: name && (namespace ? `${namespace}/${name}` : name) };
}

export function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A `Status` that says so. */
export function answer(response: ServerResponse, code: number, reason: string): void {
  send(response, code, {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason,
    message: `it is ${reason}`,
  });
}

export interface FakeCluster {
  readonly server: FakeApiServer;
  readonly client: KubeClient;
}

/** A server with these collections, and a client of it; both end with the test. */
export async function startFakeCluster(t: TestContext, ...collections: string[]): Promise<FakeCluster> {
  const server = new FakeApiServer();
  for (const collection of collections) server.collections.add(collection);
  await server.listen();
  const client = createKubeClient(accessTo(server.port));
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { server, client };
}

export function accessTo(port: number, more: Partial<ClusterAccess> = {}): ClusterAccess {
  return {
    server: `http://127.0.0.1:${port}/`,
    namespace: 'default',
    authority: () => undefined,
    isServerVerified: true,
    credential: credentialOf(() => ({})),
    headers: {},
    ...more,
  };
}
