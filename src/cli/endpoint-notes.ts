/** Says which backends have nobody to answer, and what to do about it where manifests come from files. Knows no console. */
import { partsOfBackend, type BackendUse } from '../compiler/backend-uses.ts';
import type { Endpoint } from '../contract/endpoints.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Endpoints, Note } from '../controller/parts.ts';
import { differences } from '../lib/derived-map.ts';

/** What becomes of what a client sends there. */
const consequences: Readonly<Record<BackendUse, string>> = {
  HTTP: 'requests to it are answered with 503',
  GRPC: 'calls of it are answered with UNAVAILABLE',
  TCP: 'connections to it are closed',
  UDP: 'datagrams to it are dropped',
};

/** Returns what gives a warning for each backend of which no endpoint is ready, at the price of what changed. */
export function createEndpointNotes(): (endpoints: Endpoints) => readonly Note[] {
  const noted = new Map<Key, Note>();
  let from: Endpoints = new Map();
  let notes: readonly Note[] = [];
  return (endpoints) => {
    const changes = differences(from, endpoints);
    from = endpoints;
    for (const [key, , known] of changes) {
      const note = known && noteOf(key, known);
      if (note) noted.set(key, note);
      else noted.delete(key);
    }
    if (changes.length > 0) notes = [...noted.values()];
    return notes;
  };
}

function noteOf(backend: Key, known: readonly Endpoint[]): Note | undefined {
  if (known.some(({ ready }) => ready)) return undefined;
  const { kind, namespace, name } = partsOf(backend);
  const { port, use } = partsOfBackend(backend);
  const consequence = consequences[use];
  const what =
    known.length === 0
      ? `port ${port} has no endpoints, so ${consequence}. Add an EndpointSlice with the label kubernetes.io/service-name: ${name}`
      : `port ${port} has ${known.length} endpoints, none of them ready, so ${consequence}. Correct the EndpointSlice`;
  const message = `${what}, or let a local process answer: --backend ${namespace}/${name}:${port}=localhost:3000`;
  return { object: keyOf(kind, namespace, name), message, severity: 'warning' };
}
