import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badNewsOf, createTimes, parentText, type ResourceStatus } from './statuses.ts';

const condition = (type: string, status: 'True' | 'False' | 'Unknown', reason = 'R') => ({
  type,
  status,
  reason,
  message: 'm',
});
const route = (parentRef: object, ...conditions: ReturnType<typeof condition>[]) => ({
  parents: [{ parentRef, conditions }],
});

test('a time stays while the status stays, whatever reason and message say', () => {
  const withTimes = createTimes();
  const time = (status: ResourceStatus, now: string) =>
    withTimes(new Map([['Gateway/n/g', status]]), now)
      .get('Gateway/n/g')
      ?.conditions?.map((c) => c.lastTransitionTime);
  assert.deepEqual(time({ conditions: [condition('Accepted', 'True')] }, 't1'), ['t1']);
  assert.deepEqual(time({ conditions: [condition('Accepted', 'True', 'Other')] }, 't2'), ['t1']);
  assert.deepEqual(time({ conditions: [condition('New', 'True'), condition('Accepted', 'False')] }, 't3'), [
    't3',
    't3',
  ]);
  assert.deepEqual(time({ conditions: [condition('Accepted', 'False'), condition('New', 'True')] }, 't4'), [
    't3',
    't3',
  ]);
});

test('times belong to a parent, not to its place in the list', () => {
  const withTimes = createTimes();
  const a = { parentRef: { name: 'a' }, conditions: [condition('Accepted', 'True')] };
  const b = { parentRef: { name: 'b' }, conditions: [condition('Accepted', 'True')] };
  withTimes(new Map([['HTTPRoute/n/r', { parents: [a] }]]), 't1');
  const timed = withTimes(new Map([['HTTPRoute/n/r', { parents: [b, a] }]]), 't2').get('HTTPRoute/n/r');
  assert.deepEqual(
    timed?.parents?.map(({ conditions }) => conditions?.[0]?.lastTransitionTime),
    ['t2', 't1'],
  );
});

test('a status that did not change is the same object', () => {
  const withTimes = createTimes();
  const status = { conditions: [condition('Accepted', 'True')] };
  const first = withTimes(new Map([['Gateway/n/g', status]]), 't1').get('Gateway/n/g');
  assert.equal(withTimes(new Map([['Gateway/n/g', status]]), 't2').get('Gateway/n/g'), first);
});

test('bad news are found at each level, and what is served all the same is a warning', () => {
  const statuses = new Map<string, ResourceStatus>([
    [
      'Gateway/n/g',
      {
        conditions: [condition('Accepted', 'True'), condition('Programmed', 'Unknown')],
        listeners: [{ name: 'http', conditions: [condition('Conflicted', 'True'), condition('Accepted', 'False')] }],
      },
    ],
    ['HTTPRoute/n/r', route({ name: 'g' }, condition('Accepted', 'True'), condition('ResolvedRefs', 'False'))],
    ['HTTPRoute/n/s', route({ name: 'g' }, condition('headgate.dev/Unreachable', 'True'))],
  ]);
  assert.deepEqual(
    badNewsOf(statuses).map(({ key, part, condition: { type }, severity }) => [key, part, type, severity]),
    [
      ['Gateway/n/g', 'listener http', 'Conflicted', 'error'],
      ['Gateway/n/g', 'listener http', 'Accepted', 'error'],
      ['HTTPRoute/n/r', 'parent g', 'ResolvedRefs', 'error'],
      ['HTTPRoute/n/s', 'parent g', 'headgate.dev/Unreachable', 'warning'],
    ],
  );
});

test('a parent is named as its author would', () => {
  assert.equal(parentText({ name: 'web' }), 'web');
  assert.equal(
    parentText({ namespace: 'infra', name: 'web', sectionName: 'http', port: 80 }),
    'infra/web listener http port 80',
  );
});
