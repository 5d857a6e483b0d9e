/** One suite for every way of balancing, and what each promises beyond it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hashText } from '../hash.ts';
import type { Candidate } from './balancer.ts';
import { createBalancer } from './index.ts';

function candidates(count: number, activeOf: (index: number) => number = () => 0): Candidate[] {
  return Array.from({ length: count }, (_, i) => {
    const name = `10.0.0.${i}:80`;
    return { name, hash: hashText(name), active: activeOf(i) };
  });
}

/** Repeatable: a linear congruential generator. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const types = ['LeastRequest', 'RoundRobin', 'Random', 'ConsistentHash'] as const;

for (const type of types) {
  test(`${type}: always one of the candidates, also while their number changes`, () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), fc.integer(), (counts, seed) => {
        const balancer = createBalancer(type, seeded(seed));
        for (const count of counts) {
          const list = candidates(count);
          assert.ok(list.includes(balancer.choose(list, hashText(String(count)))));
        }
      }),
    );
  });

  test(`${type}: many requests are shared out evenly`, () => {
    const balancer = createBalancer(type, seeded(7));
    const list = candidates(4);
    const counts = new Map(list.map((candidate) => [candidate.name, 0]));
    for (let i = 0; i < 4000; i++) {
      const { name } = balancer.choose(list, hashText(`client ${i}`));
      counts.set(name, counts.get(name)! + 1);
    }
    for (const [name, count] of counts) assert.ok(count > 850 && count < 1150, `${name} got ${count} of 4000`);
  });
}

test('RoundRobin takes turns', () => {
  const balancer = createBalancer('RoundRobin', () => 0);
  const list = candidates(3);
  const names = Array.from({ length: 6 }, () => balancer.choose(list, 0).name);
  assert.deepEqual(names.slice(0, 3), names.slice(3));
  assert.equal(new Set(names).size, 3);
});

test('LeastRequest never takes the busiest of three', () => {
  const balancer = createBalancer('LeastRequest', seeded(1));
  const list = candidates(3, (index) => (index === 1 ? 9 : 0));
  for (let i = 0; i < 200; i++) assert.notEqual(balancer.choose(list, 0), list[1]);
});

test('ConsistentHash: what stays keeps its clients when an endpoint goes', () => {
  const balancer = createBalancer('ConsistentHash', () => 0);
  const before = candidates(10);
  const after = before.slice(0, 9);
  for (let i = 0; i < 500; i++) {
    const affinity = hashText(`client ${i}`);
    const first = balancer.choose(before, affinity);
    assert.equal(balancer.choose(before.toReversed(), affinity), first);
    if (first !== before[9]) assert.equal(balancer.choose(after, affinity), first);
  }
});
