/** Derived maps are like copies, whatever is made from what, and know their differences. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { deriveMap, differences } from './derived-map.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

type Versions = { readonly derived: ReadonlyMap<string, number>; readonly copy: ReadonlyMap<string, number> }[];

const names = ['a', 'b', 'c', 'd'];
const change = fc.tuple(fc.constantFrom(...names), fc.option(fc.nat(3), { nil: undefined }));
/** From which version, counted from the newest, a new one is made, and how. */
const step = fc.record({
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3)),
  changes: fc.array(change),
});

function copyWith(from: ReadonlyMap<string, number>, changes: readonly [string, number | undefined][]) {
  const copy = new Map(from);
  for (const [key, value] of changes) {
    if (value === undefined) copy.delete(key);
    else copy.set(key, value);
  }
  return copy;
}

const sorted = (map: Iterable<readonly [string, number]>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

test('every version, old or new, reads as a copy would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const versions: Versions = [{ derived: new Map(), copy: new Map() }];
      for (const { back, changes } of steps) {
        const { derived, copy } = versions[Math.max(0, versions.length - 1 - back)]!;
        versions.push({ derived: deriveMap(derived, changes), copy: copyWith(copy, changes) });
        for (const one of versions)
          for (const name of names) {
            assert.equal(one.derived.get(name), one.copy.get(name));
            assert.equal(one.derived.has(name), one.copy.has(name));
          }
      }
      for (const { derived, copy } of versions) {
        assert.deepEqual(sorted(derived), sorted(copy));
        assert.equal(derived.size, copy.size);
        assert.deepEqual([...derived.keys()].toSorted(), [...copy.keys()].toSorted());
        assert.deepEqual(new Set(derived.values()), new Set(copy.values()));
      }
    }),
  );
});

test('the differences of any two versions are those of copies', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const versions: Versions = [{ derived: new Map(), copy: new Map() }];
      for (const { back, changes } of steps) {
        const { derived, copy } = versions[Math.max(0, versions.length - 1 - back)]!;
        versions.push({ derived: deriveMap(derived, changes), copy: copyWith(copy, changes) });
      }
      for (const before of versions)
        for (const after of versions) {
          const expected = names.flatMap((name) => {
            const [old, now] = [before.copy.get(name), after.copy.get(name)];
            return old === now ? [] : [[name, old, now]];
          });
          assert.deepEqual(
            differences(before.derived, after.derived).toSorted(([a], [b]) => (a < b ? -1 : 1)),
            expected,
          );
        }
    }),
  );
});

test('what changes nothing is the same map', () => {
  const map = deriveMap(new Map([['a', 1]]), [['b', 2]]);
  assert.equal(
    deriveMap(map, [
      ['a', 1],
      ['c', undefined],
    ]),
    map,
  );
  assert.deepEqual(differences(map, map), []);
});

test('an old version that somebody keeps does not keep all that came after it', async () => {
  const old = deriveMap(new Map([['a', { value: 0 }]]), [['b', { value: 0 }]]);
  const made: WeakRef<object>[] = [];
  let newest = old;
  for (let value = 1; value <= 2000; value++) {
    const one = { value };
    made.push(new WeakRef(one));
    newest = deriveMap(newest, [['a', one]]);
  }
  // A WeakRef holds on to what it was made of until the turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  const kept = made.filter((one) => one.deref() !== undefined).length;
  assert.ok(kept < 200, `${kept} values are kept`);
  assert.deepEqual([old.get('a'), newest.get('a')], [{ value: 0 }, { value: 2000 }]);
});
