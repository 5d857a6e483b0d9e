/** Turns a parsed document into a resource, judging it as an API server would. Never throws for what a person wrote. */
import { readCore } from './core.ts';
import type { FieldProblem } from './field-path.ts';
import { apiVersionOf, lookUpKind, type KindDefinition } from './kinds.ts';
import { readMetadata } from './metadata.ts';
import { nameOf, type Resource } from './resources.ts';
import { checkRules } from './schema/rules.ts';
import { schemaOf } from './schema/schemas.ts';
import { StructureReader } from './schema/structure.ts';
import { describe } from './schema/limits.ts';

export interface ValidateOptions {
  /** Where a namespaced object lives that names none; `default` where absent. */
  readonly defaultNamespace?: string;
}

export type Verdict =
  /** Usable; the problems are warnings. */
  | { readonly type: 'Valid'; readonly resource: Resource; readonly problems: readonly FieldProblem[] }
  /** `identity` tells which object it would have been, where that can be told. */
  | { readonly type: 'Invalid'; readonly identity?: ObjectIdentity; readonly problems: readonly FieldProblem[] }
  /** A kind that Headgate does not read. */
  | { readonly type: 'UnknownKind'; readonly apiVersion: string; readonly kind: string };

export interface ObjectIdentity {
  readonly kind: string;
  /** `namespace/name`, or `name` for cluster-scoped kinds. */
  readonly name: string;
}

/** Reads one object. Versions are turned into the newest, defaults applied, unknown fields left out; `status` is dropped. */
export function validate(document: unknown, { defaultNamespace = 'default' }: ValidateOptions = {}): Verdict {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return invalid(`must be an object with apiVersion, kind and metadata, is ${describe(document)}`);
  const raw = document as Record<string, unknown>;
  const { apiVersion, kind } = raw;
  for (const field of ['apiVersion', 'kind']) {
    if (typeof raw[field] !== 'string' || raw[field] === '')
      return invalid(raw[field] === undefined ? 'is required' : `must be a string, is ${describe(raw[field])}`, field);
  }
  const found = lookUpKind(apiVersion as string, kind as string);
  if (found.type === 'Unknown') return { type: 'UnknownKind', apiVersion: apiVersion as string, kind: kind as string };
  if (found.type === 'UnknownVersion')
    return invalid(
      `is no version of ${kind as string} that Headgate knows: write ${apiVersionOf(found.definition)}`,
      'apiVersion',
    );
  return validateKnown(raw, found, defaultNamespace);
}

interface Known {
  readonly definition: KindDefinition;
  readonly version: string;
}

function validateKnown(
  raw: Record<string, unknown>,
  { definition, version }: Known,
  defaultNamespace: string,
): Verdict {
  const { kind } = definition;
  const { metadata, problems } = readMetadata(raw.metadata, definition, defaultNamespace);
  const all: FieldProblem[] = [...problems];
  const fields = readFields(raw, { definition, version }, all);
  const identity = metadata && { kind, name: nameOf({ apiVersion: '', kind, metadata }) };
  if (metadata && !all.some(({ severity }) => severity === 'error'))
    return {
      type: 'Valid',
      resource: { apiVersion: apiVersionOf(definition), kind, metadata, ...fields },
      problems: all,
    };
  return { type: 'Invalid', identity, problems: all };
}

function readFields(raw: Record<string, unknown>, { definition, version }: Known, problems: FieldProblem[]): object {
  const schema = definition.hasSchema ? schemaOf(definition.kind, version) : undefined;
  if (!schema) {
    const core = readCore(definition.kind, raw);
    problems.push(...core.problems);
    return core.fields;
  }
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status: _status, ...own } = raw;
  const reader = new StructureReader();
  const fields = reader.read(schema, own) ?? {};
  problems.push(...reader.problems);
  // A rule may only be asked about what has the right shape.
  if (!reader.problems.some(({ severity }) => severity === 'error')) problems.push(...checkRules(schema, fields));
  return fields;
}

function invalid(message: string, field?: string): Verdict {
  return { type: 'Invalid', problems: [{ severity: 'error', path: field === undefined ? [] : [field], message }] };
}
