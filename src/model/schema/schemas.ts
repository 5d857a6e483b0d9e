/** The generated schemas, linked when the first one is asked for. Knows how they are kept, not what they mean. */
import { schemaOfOwnKind } from '../own-kinds.ts';
import { ownKinds } from './own-kinds.generated.ts';
import generated from './schemas.json' with { type: 'json' };

/** A structural schema as in CustomResourceDefinitions (apiextensions/v1). Those that were equal are the same object. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly not?: Schema;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

/** A rule in CEL; `self` is the value of the schema it stands at. */
export interface Rule {
  readonly rule: string;
  readonly message?: string;
}

interface SchemaFile {
  readonly shared: Schema[];
  readonly kinds: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
}

const ownSchemas = new Map(ownKinds.map((one) => [one.kind, schemaOfOwnKind(one)]));

const file = generated as unknown as SchemaFile;
let isLinked = false;

/** Undefined for a kind without one. A version that says nothing of its own has the newest one's. */
export function schemaOf(kind: string, version: string): Schema | undefined {
  const versions = linked().kinds[kind];
  if (!versions) return ownSchemas.get(kind);
  return versions[version] ?? Object.values(versions)[0];
}

/** Every kind and version that has a schema of its own. */
export function allSchemas(): readonly (readonly [kind: string, version: string, schema: Schema])[] {
  return Object.entries(linked().kinds).flatMap(([kind, versions]) =>
    Object.entries(versions).map(([version, schema]) => [kind, version, schema] as const),
  );
}

function linked(): SchemaFile {
  if (!isLinked) {
    isLinked = true;
    link(file.shared, file.shared);
    link(file.kinds, file.shared);
  }
  return file;
}

/** Puts what is shared in the place of each reference to it. Shared ones refer to earlier ones only. */
function link(value: object, shared: readonly Schema[]): void {
  const record = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(record)) {
    if (typeof inner !== 'object' || inner === null || key === 'default') continue;
    const place = (inner as { $ref?: unknown }).$ref;
    if (typeof place === 'number') record[key] = shared[place];
    else link(inner, shared);
  }
}
