/** What a schema says of a single value or list: types, lengths, ranges, patterns, formats, uniqueness. Messages carry no path. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Schema } from './schemas.ts';

/** What is wrong with a scalar, or null. */
export function checkScalar(schema: Schema, value: unknown): string | null {
  if (schema['x-kubernetes-int-or-string'])
    return typeof value === 'string' || Number.isInteger(value)
      ? null
      : `must be an integer or a string, is ${describe(value)}`;
  const wrongType = checkType(schema, value);
  if (wrongType !== null) return wrongType;
  if (schema.enum && !schema.enum.includes(value)) return `must be ${oneOfText(schema.enum)}, is ${describe(value)}`;
  if (typeof value === 'string') return checkString(schema, value);
  if (typeof value === 'number') return checkNumber(schema, value);
  return null;
}

/** Reports what is wrong with a list, with the place of the item at fault where there is one. */
export function checkList(
  schema: Schema,
  list: readonly unknown[],
  report: (message: string, index?: number) => void,
): void {
  const { minItems = 0, maxItems = Infinity } = schema;
  if (list.length > maxItems) report(`must have at most ${maxItems} items, has ${list.length}`);
  if (list.length < minItems) report(`must have at least ${minItems} ${minItems === 1 ? 'item' : 'items'}`);
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map') return;
  const keys = schema['x-kubernetes-list-map-keys'];
  const seen = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const identity = keys
      ? keys.map((key) => (item as Record<string, unknown>)[key] ?? schema.items?.properties?.[key]?.default)
      : item;
    const text = JSON.stringify(identity);
    const first = seen.get(text);
    if (first === undefined) seen.set(text, index);
    else report(`is the same as [${first}]${keys ? `: ${keys.join(', ')} must be unique` : ''}`, index);
  }
}

/** Whether a value fits a schema; for the parts of `oneOf`, `anyOf` and `not`. */
export function isValid(schema: Schema, value: unknown): boolean {
  if (schema.type !== undefined && checkType(schema, value) !== null) return false;
  if (schema.enum && !schema.enum.includes(value)) return false;
  if (typeof value === 'string' && checkString(schema, value) !== null) return false;
  if (schema.not && isValid(schema.not, value)) return false;
  if (schema.anyOf && !schema.anyOf.some((choice) => isValid(choice, value))) return false;
  if (schema.oneOf && schema.oneOf.filter((choice) => isValid(choice, value)).length !== 1) return false;
  if (typeof value !== 'object' || value === null) return true;
  const record = value as Record<string, unknown>;
  if (schema.required?.some((field) => !(field in record))) return false;
  return Object.entries(schema.properties ?? {}).every(
    ([field, inner]) => record[field] === undefined || isValid(inner, record[field]),
  );
}

/** A value in a message: short, and with its type where that is the trouble. */
export function describe(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  return `the ${typeof value} ${JSON.stringify(value)}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a number',
};

function checkType(schema: Schema, value: unknown): string | null {
  const { type = '' } = schema;
  const isRight = type === 'integer' ? Number.isInteger(value) : typeof value === type || typeNames[type] === undefined;
  if (isRight) return null;
  const hint =
    type === 'string' && (typeof value === 'number' || typeof value === 'boolean') ? ': put it in quotes' : '';
  return `must be ${typeNames[type]}, is ${describe(value)}${hint}`;
}

function oneOfText(choices: readonly unknown[]): string {
  const texts = choices.map(String);
  return texts.length === 1 ? texts[0]! : `one of ${texts.join(', ')}`;
}

function checkString(schema: Schema, value: string): string | null {
  const { minLength = 0, maxLength = Infinity, pattern, format } = schema;
  // Only a longer string of UTF-16 can be too long in characters, which is what Kubernetes counts.
  if (value.length > maxLength && [...value].length > maxLength)
    return `must have at most ${maxLength} characters, has ${[...value].length}`;
  if (value.length < minLength)
    return minLength === 1 ? 'must not be empty' : `must have at least ${minLength} characters`;
  if (pattern !== undefined && !patternOf(pattern).test(value)) return `must match ${pattern}, is ${describe(value)}`;
  if (format === 'ipv4' && !isIPv4(value)) return `must be an IPv4 address, is ${describe(value)}`;
  if (format === 'ipv6' && !isIPv6(value)) return `must be an IPv6 address, is ${describe(value)}`;
  return null;
}

function checkNumber(schema: Schema, value: number): string | null {
  const { minimum = -Infinity, maximum = Infinity, format } = schema;
  if (value < minimum) return `must be at least ${minimum}, is ${value}`;
  if (value > maximum) return `must be at most ${maximum}, is ${value}`;
  if (format === 'int32' && (value | 0) !== value) return `must fit in 32 bits, is ${value}`;
  return null;
}

const patterns = new Map<string, RegExp>();

function patternOf(pattern: string): RegExp {
  let compiled = patterns.get(pattern);
  if (!compiled) patterns.set(pattern, (compiled = new RegExp(pattern, 'u')));
  return compiled;
}
