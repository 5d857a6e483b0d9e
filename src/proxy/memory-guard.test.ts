import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryGuard, memoryLimit } from './memory-guard.ts';

interface Process {
  readonly guard: MemoryGuard;
  used: number;
  /** What a collection leaves of it. */
  live: number;
  now: number;
  collections: number;
  began: number;
  look(used: number, live: number): readonly [isShedding: boolean, isRefusing: boolean];
}

function start(): Process {
  const one: Process = {
    used: 0,
    live: 0,
    now: 0,
    collections: 0,
    began: 0,
    guard: new MemoryGuard({
      limitBytes: 100,
      usedBytes: () => one.used,
      collect() {
        one.collections++;
        one.used = one.live;
      },
      now: () => one.now,
      onShedding: () => one.began++,
    }),
    look(used, live) {
      one.used = used;
      one.live = live;
      one.guard.look();
      return [one.guard.isShedding, one.guard.isRefusing];
    },
  };
  return one;
}

test('sheds from 85 % on, refuses from 95 % on, and stops when it is less', () => {
  const one = start();
  assert.deepEqual(one.look(84, 84), [false, false]);
  assert.deepEqual(one.look(86, 86), [true, false]);
  assert.deepEqual(one.look(96, 96), [true, true]);
  assert.deepEqual(one.look(90, 90), [true, false]);
  assert.deepEqual(one.look(50, 50), [false, false]);
  assert.equal(one.began, 1);
  assert.deepEqual(one.look(86, 86), [true, false]);
  assert.equal(one.began, 2);
});

test('garbage is collected first, and not all the time', () => {
  const one = start();
  assert.deepEqual(one.look(99, 40), [false, false]);
  assert.equal(one.began, 0);
  assert.deepEqual(one.look(99, 40), [true, true]);
  assert.equal(one.collections, 1);
  one.now += 5000;
  assert.deepEqual(one.look(99, 40), [false, false]);
  assert.equal(one.collections, 2);
});

test('what stands still is borne, since it may be free memory that the system does not get back; what grows beyond is not', () => {
  const one = start();
  const wait = (ms: number) => (one.now += ms);
  assert.deepEqual(one.look(97, 97), [true, true]);
  wait(19_000);
  assert.deepEqual(one.look(97, 97), [true, true]);
  wait(1000);
  assert.deepEqual(one.look(97, 97), [false, false]);
  wait(60_000);
  assert.deepEqual(one.look(98, 98), [false, false]);
  assert.deepEqual(one.look(99, 99), [true, true], 'grows');
  wait(19_000);
  assert.deepEqual(one.look(99, 99), [true, true]);
  assert.deepEqual(one.look(100, 100), [true, true], 'still grows');
  wait(19_000);
  assert.deepEqual(one.look(100, 100), [true, true]);
  wait(20_000);
  assert.deepEqual(one.look(100, 100), [false, false]);
  assert.deepEqual(one.look(84, 84), [false, false]);
  assert.deepEqual(one.look(86, 86), [false, false], 'a little less for a moment changes nothing');
  assert.deepEqual(one.look(79, 79), [false, false]);
  assert.deepEqual(one.look(86, 86), [true, false], 'what was borne is forgotten once there is enough');
});

test('only a limit below the memory of the machine is one', () => {
  assert.equal(memoryLimit(256, 1024), 256);
  assert.equal(memoryLimit(2 ** 64, 1024), 0);
  assert.equal(memoryLimit(0, 1024), 0);
});
