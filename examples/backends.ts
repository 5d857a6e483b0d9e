/**
 * Starts a backend for each loopback EndpointSlice of an example: an echo named after its Service, or what the example has
 * under the Service's name (`auth.ts`, with a function `startBackend`).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { startEcho, type EchoOptions } from './echo.ts';

export interface Backend {
  closeAllConnections(): void;
  close(): void;
}

interface EndpointSlice {
  readonly kind: string;
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly ports: readonly { readonly port: number }[];
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}

/** Resolves once all of them listen; rejects when a port is in use. */
export async function startBackends(folder: string, onRequest?: (line: string) => void): Promise<readonly Backend[]> {
  const servers: Backend[] = [];
  for (const slice of endpointSlices(folder)) {
    const name = slice.metadata.labels['kubernetes.io/service-name']!;
    for (const { addresses } of slice.endpoints) {
      const port = slice.ports[0]!.port;
      const start = await ownBackend(join(folder, `${name}.ts`));
      servers.push(await start({ name, port, address: addresses[0]!, ...(onRequest && { onRequest }) }));
    }
  }
  return servers;
}

async function ownBackend(path: string): Promise<(options: EchoOptions) => Promise<Backend>> {
  if (!existsSync(path)) return startEcho;
  const { startBackend } = (await import(path)) as { startBackend: (options: EchoOptions) => Promise<Backend> };
  return startBackend;
}

function endpointSlices(folder: string): EndpointSlice[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
  const documents = files.toSorted().flatMap((file) => loadAll(readFileSync(join(folder, file), 'utf8')));
  return (documents as (EndpointSlice | null)[]).filter(
    (document) => document?.kind === 'EndpointSlice',
  ) as EndpointSlice[];
}
