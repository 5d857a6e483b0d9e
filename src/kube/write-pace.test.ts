import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftOf, nextPace, retryAfter, type Pace, type WriteKind } from './write-pace.ts';

/** Writes that each come as soon as they may. */
function gapsOf(kind: WriteKind, count: number): readonly number[] {
  let pace: Pace | undefined;
  return Array.from({ length: count }, () => {
    pace = nextPace(pace, pace ? pace.endedAt + leftOf(pace, pace.endedAt, kind) : 0, kind);
    return pace.gapMs;
  });
}

test('gaps double, up to 800 ms between news and five minutes between repetitions', () => {
  assert.deepEqual(gapsOf('News', 7), [50, 100, 200, 400, 800, 800, 800]);
  assert.equal(gapsOf('Repeat', 30).at(-1), 300_000);
  // A day of two who undo each other.
  const aDay = gapsOf('Repeat', 310).reduce((sum, gap) => sum + gap, 0);
  assert.ok(aDay > 24 * 3_600_000, `${aDay} ms`);
});

test('news does not wait for the gap of repetitions, and after a quiet while all begins anew', () => {
  const pace = { endedAt: 1000, gapMs: 300_000 };
  assert.equal(leftOf(pace, 1000, 'Repeat'), 300_000);
  assert.equal(leftOf(pace, 1000, 'News'), 800);
  assert.equal(nextPace(pace, 700_000, 'Repeat').gapMs, 50);
});

test('a server that is away is asked every 5 s, rights every 30 s, and what is not valid every five minutes', () => {
  assert.deepEqual(
    [1, 2, 3].map((failures) => retryAfter(failures, 503)),
    [100, 200, 400],
  );
  assert.deepEqual(
    [0, 401, 403, 409, 422, 429, 503].map((code) => retryAfter(100, code)),
    [5000, 5000, 30_000, 5000, 300_000, 5000, 5000],
  );
});
