/** Whatever a document holds, the model reads it the same each time and the compiler survives it: properties over random ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { dump } from 'js-yaml';
import { lookUpKind } from '../src/model/kinds.ts';
import type { Resource } from '../src/model/resources.ts';
import { arbitraryOf } from '../src/model/schema/arbitrary.test-support.ts';
import { allSchemas } from '../src/model/schema/schemas.ts';
import { validate } from '../src/model/validate.ts';
import { parseManifests } from '../src/model/yaml.ts';
import { compileManifests } from './golden.ts';

const group = 'gateway.networking.k8s.io';
const names = fc.constantFrom('a', 'b', 'gw', '__proto__', 'constructor', 'x.y');

/** A document of each kind and version: its fields have the right shape, and mostly break some rule. */
function documents(): fc.Arbitrary<Record<string, unknown>> {
  const kinds = allSchemas().flatMap(([kind, version, schema]) => {
    const apiVersion = `${group}/${version}`;
    if (lookUpKind(apiVersion, kind).type !== 'Known') return [];
    return [
      fc.record({ fields: arbitraryOf(schema), name: names, namespace: names }).map((parts) => ({
        ...(parts.fields as object),
        apiVersion,
        kind,
        metadata: { name: parts.name, namespace: parts.namespace },
      })),
    ];
  });
  assert.ok(kinds.length >= 8, `${kinds.length} kinds`);
  return fc.oneof(...kinds);
}

const readBack = (text: string): unknown[] =>
  parseManifests(text).map((document) => (document.type === 'Broken' ? document.problem : document.value));

test('a document is the same in YAML and in JSON, and what was read of it reads the same again', () => {
  let valid = 0;
  const isStable = fc.property(documents(), (document) => {
    const [fromYaml] = readBack(dump(document));
    assert.deepEqual(fromYaml, JSON.parse(JSON.stringify(document)));
    assert.deepEqual(readBack(JSON.stringify(document)), [fromYaml]);
    const verdict = validate(fromYaml);
    if (verdict.type !== 'Valid') return assert.notEqual(verdict.type, 'UnknownKind');
    valid++;
    // In its own version: a newer one may demand more.
    const written = { ...verdict.resource, apiVersion: document.apiVersion };
    const [again] = readBack(dump(JSON.parse(JSON.stringify(written))));
    const second = validate(again);
    assert.ok(second.type === 'Valid', JSON.stringify('problems' in second ? second.problems : second));
    const { metadata: _one, ...fields } = verdict.resource;
    const { metadata: _two, ...sameFields } = second.resource;
    assert.deepEqual(sameFields, fields);
  });
  fc.assert(isStable, { numRuns: 600 });
  assert.ok(valid > 50, `${valid} valid documents`);
});

test('any text and any value is judged, never thrown at', () => {
  const texts = fc.oneof(
    fc.string({
      unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', '{', '"', '&', '*', '!', '|', '#', '\t', '%', '\0'),
    }),
    fc.tuple(documents(), fc.nat(), fc.nat(), fc.string()).map(([document, from, length, piece]) => {
      const text = dump(document);
      const start = from % text.length;
      return text.slice(0, start) + piece + text.slice(start + (length % 20));
    }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const value of readBack(text)) validate(value);
    }),
    { numRuns: 1000 },
  );
  const kinds = fc.constantFrom('Gateway', 'HTTPRoute', 'Service', 'Secret', 'List', 'toString');
  const values = fc.record({
    apiVersion: fc.constantFrom(`${group}/v1`, 'v1', '/'),
    kind: kinds,
    metadata: fc.oneof(fc.record({ name: names }), fc.anything()),
    spec: fc.anything(),
    data: fc.anything(),
  });
  fc.assert(
    fc.property(fc.oneof(values, fc.anything()), (value) => {
      assert.ok(['Valid', 'Invalid', 'UnknownKind'].includes(validate(value).type));
    }),
    { numRuns: 1000 },
  );
});

test('what older CRDs may let through is compiled without a throw, each time alike', () => {
  let statuses = 0;
  const sets = fc.array(documents(), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sets, (list) => {
      const resources = list as unknown as readonly Resource[];
      const first = compileManifests(resources);
      const second = compileManifests(structuredClone(resources));
      assert.deepEqual(second.config, first.config);
      assert.deepEqual(new Map(second.statuses), new Map(first.statuses));
      statuses += first.statuses.size;
    }),
    { numRuns: 400 },
  );
  assert.ok(statuses > 30, `${statuses} statuses`);
});
