/** Says which backends have nobody to answer, and what to do about it where manifests come from files. Knows no console. */
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import type { Endpoints, Note } from '../controller/parts.ts';

/** A warning for each backend of which no endpoint is ready. */
export function endpointNotes(backends: Iterable<Key>, endpoints: Endpoints): Note[] {
  const notes: Note[] = [];
  for (const backend of backends) {
    const known = endpoints.get(backend) ?? [];
    if (known.some(({ ready }) => ready)) continue;
    const { kind, namespace, name, section } = partsOf(backend);
    const what =
      known.length === 0
        ? `port ${section} has no endpoints, so requests to it are answered with 503. Add an EndpointSlice with the label kubernetes.io/service-name: ${name}`
        : `port ${section} has ${known.length} endpoints, none of them ready, so requests to it are answered with 503. Correct the EndpointSlice`;
    const message = `${what}, or let a local process answer: --backend ${namespace}/${name}:${section}=localhost:3000`;
    notes.push({ object: keyOf(kind, namespace, name), message, severity: 'warning' });
  }
  return notes;
}
