/** The schemas of the kinds as one compact JSON document: only `spec`, equal sub-schemas kept once. Writes no files. */
import type { Crd, Schema } from './read-crds.ts';

/** Below this a reference would be about as long as what it stands for. */
const minSharedLength = 60;

/**
 * `{ shared: [schema], kinds: { Kind: { version: schema } } }`, `{"$ref": n}` standing for `shared[n]`.
 * A version that says the same as the first one is left out.
 */
export function schemasText(crds: readonly Crd[]): string {
  const specs = crds.map(({ kind, versions }) => ({
    kind,
    versions: versions.map(({ name, schema }) => ({ name, spec: specOf(schema) })),
  }));
  const counts = new Map<string, number>();
  const kept = specs.map(({ kind, versions }) => {
    const first = JSON.stringify(versions[0]!.spec);
    return { kind, versions: versions.filter(({ spec }, index) => index === 0 || JSON.stringify(spec) !== first) };
  });
  for (const { versions } of kept) for (const { spec } of versions) count(spec, counts);
  const sharing: Sharing = { counts, places: new Map(), shared: [] };
  const kinds = kept.map(({ kind, versions }) => {
    const byVersion = versions.map(({ name, spec }) => [name, share(spec, sharing)]);
    return [kind, Object.fromEntries(byVersion)];
  });
  const lines = [
    '{"shared":[',
    sharing.shared.map((schema) => JSON.stringify(schema)).join(',\n'),
    '],"kinds":{',
    kinds.map(([kind, versions]) => `${JSON.stringify(kind)}:${JSON.stringify(versions)}`).join(',\n'),
    '}}',
  ];
  return `${lines.join('\n')}\n`;
}

interface Sharing {
  readonly counts: ReadonlyMap<string, number>;
  /** Where a schema stands in `shared`, by its text. */
  readonly places: Map<string, number>;
  readonly shared: unknown[];
}

/** The root without what every object has, and without status, which only controllers write. */
function specOf(schema: Schema): Schema {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status: _status, ...properties } = schema.properties!;
  return { ...schema, properties };
}

function count(value: unknown, counts: Map<string, number>): void {
  if (typeof value !== 'object' || value === null) return;
  const text = JSON.stringify(value);
  const seen = counts.get(text) ?? 0;
  counts.set(text, seen + 1);
  // The inside of something that is shared as a whole counts once.
  if (seen === 0) for (const inner of Object.values(value)) count(inner, counts);
}

function share(value: unknown, sharing: Sharing): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const text = JSON.stringify(value);
  if (Array.isArray(value) || text.length < minSharedLength || (sharing.counts.get(text) ?? 0) < 2)
    return shareInside(value, sharing);
  let place = sharing.places.get(text);
  if (place === undefined) {
    const inside = shareInside(value, sharing);
    place = sharing.shared.push(inside) - 1;
    sharing.places.set(text, place);
  }
  return { $ref: place };
}

function shareInside(value: object, sharing: Sharing): unknown {
  if (Array.isArray(value)) return value.map((inner) => share(inner, sharing));
  const entries = Object.entries(value).map(([key, inner]) => [key, key === 'default' ? inner : share(inner, sharing)]);
  return Object.fromEntries(entries);
}
