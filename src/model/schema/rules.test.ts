import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { celEnv, celFunc, CelScalar, isCelError, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { assert as assertProperty, property } from 'fast-check';
import { arbitraryOf } from './arbitrary.test-support.ts';
import { rules } from './rules.generated.ts';
import { allSchemas, type Schema } from './schemas.ts';

/** Every schema that has rules, once. */
function schemasWithRules(): Set<Schema> {
  const found = new Set<Schema>();
  const visit = (schema: Schema): void => {
    if (schema['x-kubernetes-validations']) found.add(schema);
    for (const inner of [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties])
      if (typeof inner === 'object') visit(inner);
  };
  for (const [, , schema] of allSchemas()) visit(schema);
  return found;
}

type CelInput = string | boolean | bigint | CelInput[] | Map<string, CelInput>;

/** A value as a CEL interpreter has it: integers are wide, `namespace` is a reserved word. */
function toCel(value: unknown): CelInput {
  if (typeof value === 'number') return BigInt(value);
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value as CelInput;
  return new Map(
    Object.entries(value).map(([key, inner]) => [key === 'namespace' ? '__namespace__' : key, toCel(inner)]),
  );
}

const isIpFunction = celFunc('isIP', [CelScalar.STRING], CelScalar.BOOL, (text) => isIP(text) !== 0);
const env = celEnv({ funcs: [isIpFunction, ...strings], variables: { self: CelScalar.DYN } });

test('every rule is translated, but those about a change', () => {
  const all = [...schemasWithRules()].flatMap((schema) => schema['x-kubernetes-validations']!.map(({ rule }) => rule));
  const missing = all.filter((rule) => !rules.has(rule));
  assert.deepEqual(missing, ['self == oldSelf']);
});

test('the translated rules answer as a CEL interpreter does', () => {
  const answers = { yes: 0, no: 0 };
  for (const schema of schemasWithRules()) {
    // The interpreter has no `format` library.
    const known = schema['x-kubernetes-validations']!.filter(
      ({ rule }) => rules.has(rule) && !rule.includes('format.'),
    );
    const interpreted = known.map(({ rule }) => ({ rule, ours: rules.get(rule)!, theirs: plan(env, parse(rule)) }));
    const agrees = property(arbitraryOf(schema), (value) => {
      for (const { rule, ours, theirs } of interpreted) {
        const expected = theirs({ self: toCel(value) });
        const answer = answerOf(() => ours(value));
        assert.equal(answer, isCelError(expected) ? 'error' : expected, `${rule} ${JSON.stringify(value)}`);
        if (answer === true) answers.yes++;
        else answers.no++;
      }
    });
    assertProperty(agrees, { numRuns: 40, seed: 7 });
  }
  assert.ok(answers.yes > 500 && answers.no > 500, JSON.stringify(answers));
});

function answerOf(ask: () => unknown): unknown {
  try {
    return ask();
  } catch {
    return 'error';
  }
}
