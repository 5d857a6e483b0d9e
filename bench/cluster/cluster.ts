/** The cluster that KUBECONFIG names, as the measurements use it: objects made and changed, waits, status writes counted. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiResult } from '../../src/kube/api-result.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { findAccess } from '../../src/kube/find-access.ts';
import type { CollectionPath, ObjectPath } from '../../src/kube/paths.ts';
import { createEventDecoder } from '../../src/kube/watch-events.ts';
import { gateway, gatewayPort, gateways, namespace, namespaces, type KubeObject } from './objects.ts';

const found = findAccess();
if ('problem' in found) throw new Error(found.problem);
export const client = createKubeClient(found.access);

/** The value; throws what the server had against it. */
export function must<T>(result: ApiResult<T>): T {
  if (result.error) throw new Error(`${result.error.code} ${result.error.reason}: ${result.error.message}`);
  return result.value;
}

export async function create(path: CollectionPath, object: KubeObject): Promise<void> {
  must(await client.create({ ...path, namespace: object.metadata.namespace }, object));
}

export const objectPath = (path: CollectionPath, at: string, name: string): ObjectPath => ({
  ...path,
  namespace: at,
  name,
});

/** Runs `work` for each item, so many at once. */
export async function forAll<T>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

export interface GatewayStatus {
  readonly addresses?: readonly { readonly value: string }[];
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly listeners?: readonly { readonly attachedRoutes: number }[];
}

export async function gatewayStatus(at: string, name: string): Promise<GatewayStatus> {
  const { status } = must(await client.get<{ status?: GatewayStatus }>(objectPath(gateways, at, name)));
  return status ?? {};
}

export function isProgrammed({ conditions = [] }: GatewayStatus): boolean {
  return conditions.some(({ type, status }) => type === 'Programmed' && status === 'True');
}

/** Resolves with the milliseconds that it took; asks the server every few milliseconds. */
export async function untilGateway(
  [at, name]: readonly [string, string],
  isTrue: (status: GatewayStatus) => boolean,
): Promise<number> {
  const started = performance.now();
  while (!isTrue(await gatewayStatus(at, name))) {
    if (performance.now() - started > 120_000) throw new Error(`the status of Gateway ${at}/${name} does not come`);
    await delay(5);
  }
  return performance.now() - started;
}

/** A namespace with a Gateway in it; its URL when it is Programmed. */
export async function startGateway(at: string, name: string): Promise<URL> {
  await create(namespaces, namespace(at));
  await create(gateways, gateway(at, name));
  await untilGateway([at, name], isProgrammed);
  return urlOf(await gatewayStatus(at, name));
}

export function urlOf({ addresses }: GatewayStatus): URL {
  return new URL(`http://${addresses![0]!.value}:${gatewayPort}/`);
}

interface Watched {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status?: unknown;
}

/** Every write of a status, as the server tells of it, by `namespace/name`. */
export interface StatusWrites {
  readonly byObject: ReadonlyMap<string, number>;
  total(): number;
  close(): void;
}

export async function countStatusWrites(path: CollectionPath): Promise<StatusWrites> {
  const abort = new AbortController();
  const byObject = new Map<string, number>();
  const statuses = new Map<string, string>();
  const stream = must(await client.watch(path, { query: { watch: true }, silenceMs: 600_000, signal: abort.signal }));
  const take = (object: Watched): void => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const status = JSON.stringify(object.status ?? {});
    const before = statuses.get(key);
    statuses.set(key, status);
    if (before !== undefined && before !== status) byObject.set(key, (byObject.get(key) ?? 0) + 1);
  };
  const read = async (): Promise<void> => {
    const decode = createEventDecoder();
    for await (const chunk of stream)
      for (const { type, object } of decode(chunk).events)
        if (type === 'ADDED' || type === 'MODIFIED') take(object as unknown as Watched);
  };
  // A server that is busy ends watches that do not keep up: what is counted is then too little.
  const end = (why: string): void => {
    if (!abort.signal.aborted) console.log(`the watch of ${path.plural} has ended, status writes are missing: ${why}`);
  };
  read().then(
    () => end('by the server'),
    (error: Error) => end(error.message),
  );
  const total = (): number => [...byObject.values()].reduce((sum, count) => sum + count, 0);
  return { byObject, total, close: () => abort.abort() };
}
