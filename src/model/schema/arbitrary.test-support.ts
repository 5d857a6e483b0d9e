/** Random values that have the shape of a schema, for property tests. Knows no kinds. */
import { array, boolean, constantFrom, dictionary, integer, oneof, record, type Arbitrary } from 'fast-check';
import type { Schema } from './schemas.ts';

/** Texts that rules look at in one way or another. */
const texts = [
  'a',
  'b.example',
  '*.example',
  '*',
  '/',
  '/api',
  '/a//b',
  '10s',
  '1h',
  '0s',
  '127.0.0.1',
  '',
  'k8s.io/x',
  'Cookie',
];
const words = [
  'Service',
  'Gateway',
  'HTTP',
  'HTTPS',
  'TLS',
  'TCP',
  'Terminate',
  'Passthrough',
  'RequestRedirect',
  'CORS',
];

/** Values of the right shape; limits of lengths and counts are not kept. */
export function arbitraryOf(schema: Schema): Arbitrary<unknown> {
  if (schema['x-kubernetes-int-or-string']) return oneof(integer(), constantFrom(...texts));
  if (schema.enum) return constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object': {
      if (!schema.properties) {
        const { additionalProperties: inner } = schema;
        const value = typeof inner === 'object' ? arbitraryOf(inner) : constantFrom(...texts);
        return dictionary(constantFrom(...texts), value, { maxKeys: 2 });
      }
      const fields = Object.entries(schema.properties).map(([name, inner]) => [name, arbitraryOf(inner)] as const);
      // What is required or has a default is always there once a value is read.
      const requiredKeys = Object.keys(schema.properties).filter(
        (name) => schema.required?.includes(name) || schema.properties![name]!.default !== undefined,
      );
      return record(Object.fromEntries(fields), { requiredKeys, noNullPrototype: true });
    }
    case 'array':
      return array(arbitraryOf(schema.items ?? {}), { minLength: Math.min(schema.minItems ?? 0, 1), maxLength: 3 });
    case 'integer':
    case 'number':
      return integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 100, (schema.minimum ?? 0) + 3) });
    case 'boolean':
      return boolean();
    default:
      return constantFrom(...textsFor(schema));
  }
}

/** Those that the pattern allows; all where it allows none of them. */
function textsFor({ pattern = '' }: Schema): string[] {
  const all = [...texts, ...words];
  const allowed = all.filter((text) => new RegExp(pattern, 'u').test(text));
  return allowed.length > 0 ? allowed : all;
}
