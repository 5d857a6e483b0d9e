/** docs/conditions.md explains exactly the conditions that there are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { conditionReasons, isTrouble, negativeConditions } from './conditions.ts';

test('docs/conditions.md explains every reason of every type, and no others', () => {
  const text = readFileSync(new URL('../../docs/conditions.md', import.meta.url), 'utf8');
  const explained: string[] = [];
  for (const section of text.split('\n## ').slice(1)) {
    const owner = section.slice(0, section.indexOf('\n'));
    for (const [, type, reason] of section.matchAll(/^\| ([A-Za-z./]+) \| ([A-Z][A-Za-z]+) \| /gm)) {
      if (type !== 'Type') explained.push(`${owner} ${type} ${reason}`);
    }
  }
  const known = Object.entries(conditionReasons).flatMap(([owner, types]) =>
    Object.entries(types).flatMap(([type, reasons]) => reasons.map((reason: string) => `${owner} ${type} ${reason}`)),
  );
  const byText = (a: string, b: string) => a.localeCompare(b);
  assert.deepEqual(explained.toSorted(byText), known.toSorted(byText));
});

test('every negative condition is one that there is', () => {
  const types = new Set(Object.values(conditionReasons).flatMap((byType) => Object.keys(byType)));
  for (const type of negativeConditions) assert.ok(types.has(type), type);
});

test('trouble is False for most conditions and True for the negative ones', () => {
  assert.equal(isTrouble({ type: 'Accepted', status: 'True', reason: 'Accepted' }), false);
  assert.equal(isTrouble({ type: 'Accepted', status: 'True', reason: 'ListenersNotValid' }), true);
  assert.equal(isTrouble({ type: 'ResolvedRefs', status: 'False', reason: 'BackendNotFound' }), true);
  assert.equal(isTrouble({ type: 'Programmed', status: 'Unknown', reason: 'Pending' }), false);
  assert.equal(isTrouble({ type: 'Conflicted', status: 'False', reason: 'NoConflicts' }), false);
  assert.equal(isTrouble({ type: 'Conflicted', status: 'True', reason: 'HostnameConflict' }), true);
});
