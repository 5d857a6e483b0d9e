/** Reads upstream's CustomResourceDefinitions into plain schemas without prose. Knows files and CRDs, nothing of what is made of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAll } from 'js-yaml';

/** A structural schema as Kubernetes has it (apiextensions/v1), without descriptions. */
export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  required?: string[];
  enum?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  'x-kubernetes-validations'?: { rule: string; message: string }[];
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  [keyword: string]: unknown;
}

export interface Version {
  readonly name: string;
  readonly schema: Schema;
}

export interface Crd {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly channel: 'standard' | 'experimental';
  readonly storageVersion: string;
  readonly versions: readonly Version[];
}

interface CrdDocument {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly scope: 'Namespaced' | 'Cluster';
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** The CRDs of a release's folder: the experimental channel, a superset; fields that the release before had are kept. */
export function readCrds(folder: string): Crd[] {
  const standard = new Set(readChannel(join(folder, 'standard')).map(({ spec }) => spec.names.kind));
  const previous = readChannel(join(previousRelease(folder), 'experimental'));
  return readChannel(join(folder, 'experimental')).map(({ spec }) => {
    const before = previous.find((old) => old.spec.names.kind === spec.names.kind)?.spec.versions ?? [];
    return {
      group: spec.group,
      kind: spec.names.kind,
      plural: spec.names.plural,
      scope: spec.scope,
      channel: standard.has(spec.names.kind) ? 'standard' : 'experimental',
      storageVersion: spec.versions.find(({ storage }) => storage)!.name,
      versions: spec.versions.map(({ name, schema }) => ({
        name,
        schema: withOlder(
          schema.openAPIV3Schema,
          before.find((old) => old.name === name)?.schema.openAPIV3Schema.properties?.spec,
        ),
      })),
    };
  });
}

/** `1.7` -> `1.6`, beside it. */
function previousRelease(folder: string): string {
  const [major, minor] = folder.split('/').findLast(Boolean)!.split('.');
  return join(dirname(folder), `${major}.${Number(minor) - 1}`);
}

function readChannel(folder: string): CrdDocument[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()
    .flatMap((name) =>
      loadAll(readFileSync(join(folder, name), 'utf8')).map((document) => withoutProse(document) as CrdDocument),
    )
    .filter(({ kind }) => kind === 'CustomResourceDefinition');
}

/** A property may be called `description`: only text is prose. */
function withoutProse(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProse);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, inner]) => key !== 'description' || typeof inner !== 'string');
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutProse(inner)]));
}

function withOlder(schema: Schema, oldSpec: Schema | undefined): Schema {
  const spec = schema.properties?.spec;
  if (!spec || !oldSpec) return schema;
  return { ...schema, properties: { ...schema.properties, spec: merge(spec, oldSpec) } };
}

/** Only experimental fields may go; manifests that carry them stay valid here, with the rules that speak of them. */
function merge(now: Schema, old: Schema): Schema {
  const merged: Schema = { ...now };
  if (now.items && old.items) merged.items = merge(now.items, old.items);
  if (!now.properties || !old.properties) return merged;
  const gone = Object.keys(old.properties).filter((name) => !(name in now.properties!));
  merged.properties = { ...now.properties };
  for (const [name, inner] of Object.entries(old.properties)) {
    const present = now.properties[name];
    merged.properties[name] = present ? merge(present, inner) : inner;
  }
  if (gone.length > 0) merged['x-kubernetes-validations'] = mergedRules(now, old, gone);
  return merged;
}

/** Without the new rules that demand a new field, with the old ones that speak of a field which is gone. */
function mergedRules(now: Schema, old: Schema, gone: readonly string[]): { rule: string; message: string }[] {
  const added = Object.keys(now.properties!).filter((name) => !(name in old.properties!));
  const demands = added.map((name) => new RegExp(`(?<!!)has\\(self\\.${name}\\)`));
  const kept = (now['x-kubernetes-validations'] ?? []).filter(
    ({ rule }) => !demands.some((demand) => demand.test(rule)),
  );
  const older = (old['x-kubernetes-validations'] ?? []).filter(({ rule }) => gone.some((name) => rule.includes(name)));
  return [...kept, ...older];
}
