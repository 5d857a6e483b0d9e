/** Says which backends have nobody to answer, and what to do about it where manifests come from files. Knows no console. */
import { partsOfBackend, type BackendUse } from '../compiler/backend-uses.ts';
import type { Endpoint } from '../contract/endpoints.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Endpoints, Note } from '../controller/parts.ts';

/** What becomes of what a client sends there. */
const consequences: Readonly<Record<BackendUse, string>> = {
  HTTP: 'requests to it are answered with 503',
  GRPC: 'calls of it are answered with UNAVAILABLE',
  TCP: 'connections to it are closed',
  UDP: 'datagrams to it are dropped',
};

const toldNotes = new WeakMap<Endpoints, readonly Note[]>();

/** A warning for each backend of which no endpoint is ready. */
export function endpointNotes(endpoints: Endpoints): readonly Note[] {
  const told = toldNotes.get(endpoints) ?? [...endpoints].flatMap(noteOf);
  toldNotes.set(endpoints, told);
  return told;
}

function noteOf([backend, known]: readonly [Key, readonly Endpoint[]]): readonly Note[] {
  if (known.some(({ ready }) => ready)) return [];
  const { kind, namespace, name } = partsOf(backend);
  const { port, use } = partsOfBackend(backend);
  const consequence = consequences[use];
  const what =
    known.length === 0
      ? `port ${port} has no endpoints, so ${consequence}. Add an EndpointSlice with the label kubernetes.io/service-name: ${name}`
      : `port ${port} has ${known.length} endpoints, none of them ready, so ${consequence}. Correct the EndpointSlice`;
  const message = `${what}, or let a local process answer: --backend ${namespace}/${name}:${port}=localhost:3000`;
  return [{ object: keyOf(kind, namespace, name), message, severity: 'warning' }];
}
