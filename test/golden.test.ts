/** Each golden case gives its expected output, whatever the order in which the manifests arrive. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { conditionReasons } from '../src/model/conditions.ts';
import type { Resource } from '../src/model/resources.ts';
import { compileManifests, factsOf, goldenCases, loadManifests, shortForm } from './golden.ts';

const cases = goldenCases();

test('there are cases', () => {
  assert.ok(cases.length >= 60, `only ${cases.length} cases`);
});

for (const one of cases) {
  test(`golden: ${one.name}`, () => {
    const resources = loadManifests(one.inPath);
    const expected = readFileSync(one.outPath, 'utf8');
    assert.match(readFileSync(one.inPath, 'utf8'), /^# ./, 'the first line says what the case proves');
    const facts = factsOf(one.inPath);
    assert.equal(shortForm(compileManifests(resources, facts)), expected);
    assert.equal(shortForm(compileManifests(shuffled(resources), facts)), expected, 'another order of arrival');
  });
}

test('statuses use no reason that is not in the vocabulary', () => {
  const known = new Set(Object.values(conditionReasons).flatMap((types) => pairsOf(types)));
  for (const one of cases) {
    for (const { type, reason } of conditionsOf([
      ...compileManifests(loadManifests(one.inPath), factsOf(one.inPath)).statuses.values(),
    ])) {
      assert.ok(known.has(`${type} ${reason}`), `${one.name}: ${type} ${reason}`);
    }
  }
});

function pairsOf(types: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(types).flatMap(([type, reasons]) => reasons.map((reason) => `${type} ${reason}`));
}

function conditionsOf(value: unknown): readonly { type: string; reason: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'reason' in value && 'type' in value ? [value as { type: string; reason: string }] : [];
  return [...own, ...Object.values(value).flatMap((part) => conditionsOf(part))];
}

/** Always the same disorder, so that a failure can be repeated. */
function shuffled(resources: readonly Resource[]): readonly Resource[] {
  const result = [...resources];
  let seed = 7;
  for (let i = result.length - 1; i > 0; i--) {
    seed = (seed * 16_807) % 2_147_483_647;
    const j = seed % (i + 1);
    [result[i], result[j]] = [result[j] as Resource, result[i] as Resource];
  }
  return result;
}
