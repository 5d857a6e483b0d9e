/** Says which backends have nobody to answer, and what to do about it where manifests come from files. Knows no console. */
import type { Endpoint } from '../contract/endpoints.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Endpoints, Note } from '../controller/parts.ts';

const toldNotes = new WeakMap<Endpoints, readonly Note[]>();

/** A warning for each backend of which no endpoint is ready. */
export function endpointNotes(endpoints: Endpoints): readonly Note[] {
  const told = toldNotes.get(endpoints) ?? [...endpoints].flatMap(noteOf);
  toldNotes.set(endpoints, told);
  return told;
}

function noteOf([backend, known]: readonly [Key, readonly Endpoint[]]): readonly Note[] {
  if (known.some(({ ready }) => ready)) return [];
  const { kind, namespace, name, section } = partsOf(backend);
  const what =
    known.length === 0
      ? `port ${section} has no endpoints, so requests to it are answered with 503. Add an EndpointSlice with the label kubernetes.io/service-name: ${name}`
      : `port ${section} has ${known.length} endpoints, none of them ready, so requests to it are answered with 503. Correct the EndpointSlice`;
  const message = `${what}, or let a local process answer: --backend ${namespace}/${name}:${section}=localhost:3000`;
  return [{ object: keyOf(kind, namespace, name), message, severity: 'warning' }];
}
