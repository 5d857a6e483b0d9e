/** Says which backends have nobody to answer, and what to do about it. Knows no console. */
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

const waysOut = {
  Files: {
    noEndpoints: (name: string) => `Add an EndpointSlice with the label kubernetes.io/service-name: ${name}`,
    noneReady: 'Correct the EndpointSlice',
  },
  Cluster: {
    noEndpoints: () => 'See that its selector fits the labels of pods that run',
    noneReady: 'See why its pods are not ready',
  },
};

/** Where EndpointSlices come from: from whoever writes the files, or from the cluster's own controllers. */
type Origin = 'Files' | 'Cluster';

/** Returns what gives a warning for each backend of which no endpoint is ready, at the price of what changed. */
export function createEndpointNotes(origin: Origin): (endpoints: Endpoints) => readonly Note[] {
  const noted = new Map<Key, Note>();
  let from: Endpoints = new Map();
  let notes: readonly Note[] = [];
  return (endpoints) => {
    const changes = differences(from, endpoints);
    from = endpoints;
    for (const [key, , known] of changes) {
      const note = known && noteOf(key, known, origin);
      if (note) noted.set(key, note);
      else noted.delete(key);
    }
    if (changes.length > 0) notes = [...noted.values()];
    return notes;
  };
}

function noteOf(backend: Key, known: readonly Endpoint[], origin: Origin): Note | undefined {
  if (known.some(({ ready }) => ready)) return undefined;
  const { kind, namespace, name } = partsOf(backend);
  const { port, use } = partsOfBackend(backend);
  const consequence = consequences[use];
  const what =
    known.length === 0
      ? `port ${port} has no endpoints, so ${consequence}`
      : `port ${port} has ${known.length} endpoints, none of them ready, so ${consequence}`;
  const { noEndpoints, noneReady } = waysOut[origin];
  const wayOut = known.length === 0 ? noEndpoints(name) : noneReady;
  const local = `, or let a local process answer: --backend ${namespace}/${name}:${port}=localhost:3000`;
  const message = `${what}. ${wayOut}${origin === 'Files' ? local : ''}`;
  return { object: keyOf(kind, namespace, name), message, severity: 'warning' };
}
