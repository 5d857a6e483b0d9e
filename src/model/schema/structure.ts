/**
 * Reads a value by a schema as an API server does, in one pass: unknown fields pruned, defaults applied, limits checked.
 * Knows no kinds and no CEL.
 */
import type { FieldPath, FieldProblem } from '../field-path.ts';
import { closest } from './closest.ts';
import { checkList, checkScalar, describe, isValid } from './limits.ts';
import type { Schema } from './schemas.ts';

/** More than these of one severity help nobody. */
const maxProblems = 50;

export class StructureReader {
  readonly problems: FieldProblem[] = [];
  readonly #path: (string | number)[];

  /** `path`: where the value to be read stands. */
  constructor(path: FieldPath = []) {
    this.#path = [...path];
  }

  /** The value as it is to be used, a new one where anything differs; undefined where it is wrong altogether. */
  read(schema: Schema, value: unknown): unknown {
    if (schema['x-kubernetes-int-or-string']) return this.#readScalar(schema, value);
    switch (schema.type) {
      case 'object':
        return this.#readObject(schema, value);
      case 'array':
        return this.#readList(schema, value);
      case undefined:
        return value;
      default:
        return this.#readScalar(schema, value);
    }
  }

  #readObject(schema: Schema, value: unknown): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#add('error', `must be an object, is ${describe(value)}`);
      return undefined;
    }
    const read = schema.properties
      ? this.#readFields(schema, schema.properties, value as Record<string, unknown>)
      : this.#readMap(schema, value as Record<string, unknown>);
    for (const field of schema.required ?? []) {
      // What is there and wrong was told already.
      if (!(field in read) && ((value as Record<string, unknown>)[field] ?? null) === null)
        this.#at(field, () => this.#add('error', 'is required'));
    }
    if (schema.oneOf && schema.oneOf.filter((choice) => isValid(choice, read)).length !== 1)
      this.#add('error', 'does not fit what its type allows');
    return read;
  }

  #readFields(schema: Schema, properties: Readonly<Record<string, Schema>>, value: Record<string, unknown>): object {
    const read: Record<string, unknown> = {};
    for (const field of Object.keys(value)) {
      const inner = value[field];
      const fieldSchema = Object.hasOwn(properties, field) ? properties[field] : undefined;
      // A null counts as absent (apiextensions: PruneNonNullableNulls).
      if (inner === null && fieldSchema) continue;
      this.#path.push(field);
      if (fieldSchema) {
        const result = this.read(fieldSchema, inner);
        if (result !== undefined) read[field] = result;
      } else if (schema['x-kubernetes-preserve-unknown-fields']) read[field] = inner;
      else this.#addUnknown(field, Object.keys(properties), value);
      this.#path.pop();
    }
    for (const [field, whole] of defaultsOf(schema, properties)) {
      if (!(field in read) && (value[field] ?? null) === null) read[field] = whole;
    }
    return read;
  }

  #readMap(schema: Schema, value: Record<string, unknown>): object {
    const inner = schema.additionalProperties;
    const entries = Object.entries(value);
    if (schema.maxProperties !== undefined && entries.length > schema.maxProperties)
      this.#add('error', `must have at most ${schema.maxProperties} entries, has ${entries.length}`);
    if (typeof inner !== 'object') return value;
    const read: Record<string, unknown> = {};
    for (const [key, item] of entries) {
      this.#at(key, () => {
        const result = this.read(inner, item);
        if (result !== undefined) read[key] = result;
      });
    }
    return read;
  }

  #readList(schema: Schema, value: unknown): unknown {
    if (!Array.isArray(value)) {
      this.#add('error', `must be a list, is ${describe(value)}`);
      return undefined;
    }
    const read: unknown[] = [];
    for (const [index, item] of value.entries()) {
      this.#path.push(index);
      const result = schema.items ? this.read(schema.items, item) : item;
      if (result !== undefined) read.push(result);
      this.#path.pop();
    }
    // Where an item is missing, places and counts would be wrong.
    if (read.length === value.length)
      checkList(schema, read, (message, index) =>
        index === undefined ? this.#add('error', message) : this.#at(index, () => this.#add('error', message)),
      );
    // A list that was pushed to has room for 16 more items: in a large cluster that is megabytes.
    const isSame = read.length === value.length && read.every((item, i) => item === value[i]);
    return isSame ? value : read.slice();
  }

  #readScalar(schema: Schema, value: unknown): unknown {
    const message = checkScalar(schema, value);
    if (message === null) return value;
    this.#add('error', message);
    return undefined;
  }

  #at(step: string | number, check: () => void): void {
    this.#path.push(step);
    check();
    this.#path.pop();
  }

  #addUnknown(field: string, known: readonly string[], value: object): void {
    const free = known.filter((name) => !(name in value));
    const near = closest(field, free);
    this.#add('warning', near ? `unknown field, ignored: did you mean ${near}?` : 'unknown field, ignored');
  }

  #add(severity: FieldProblem['severity'], message: string): void {
    const told = this.problems.filter((problem) => problem.severity === severity).length;
    if (told < maxProblems) this.problems.push({ severity, path: [...this.#path], message });
  }
}

type Defaults = readonly (readonly [field: string, value: unknown])[];

const defaults = new WeakMap<Schema, Defaults>();

/** The defaults of an object's fields, with those inside them. Nobody changes a resource, so all may share them. */
function defaultsOf(schema: Schema, properties: Readonly<Record<string, Schema>>): Defaults {
  let found = defaults.get(schema);
  if (!found) {
    found = Object.entries(properties)
      .filter(([, inner]) => inner.default !== undefined)
      .map(([field, inner]) => [field, new StructureReader().read(inner, inner.default)]);
    defaults.set(schema, found);
  }
  return found;
}
