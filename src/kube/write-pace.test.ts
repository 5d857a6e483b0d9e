import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isContested, leftOf, nextPace, retryAfter, type Pace, type WriteKind } from './write-pace.ts';

/** When each of so many writes ends, if somebody needs so long to undo the one before, or to bring news. */
function timesOf(kind: WriteKind, count: number, otherMs: number): readonly number[] {
  let pace: Pace | undefined;
  return Array.from({ length: count }, () => {
    const comesAt = pace ? pace.endedAt + otherMs : 0;
    const endedAt = pace ? comesAt + leftOf(pace, comesAt, kind) : 0;
    pace = nextPace(pace, endedAt, kind);
    return endedAt;
  });
}

const gapsOf = (times: readonly number[]): readonly number[] => times.slice(1).map((time, i) => time - times[i]!);

test('gaps double, up to 800 ms between news and five minutes between repetitions', () => {
  assert.deepEqual(gapsOf(timesOf('News', 8, 0)), [50, 100, 200, 400, 800, 800, 800]);
  assert.deepEqual(gapsOf(timesOf('Repeat', 8, 0)), [50, 100, 200, 400, 800, 1600, 3200]);
  for (const undoMs of [0, 500, 5000, 59_000]) {
    const gaps = gapsOf(timesOf('Repeat', 40, undoMs));
    assert.equal(gaps.at(-1), 300_000, `by somebody who takes ${undoMs} ms`);
  }
});

test('news waits neither for the gap of repetitions nor makes it shorter', () => {
  const contested = { endedAt: 1000, newsGapMs: 50, repeats: 20 };
  assert.equal(leftOf(contested, 1000, 'Repeat'), 300_000);
  assert.equal(leftOf(contested, 1000, 'News'), 50);
  assert.equal(leftOf(nextPace(contested, 1050, 'News'), 1050, 'Repeat'), 300_000);
});

test('after a quiet while all begins anew', () => {
  const contested = { endedAt: 0, newsGapMs: 800, repeats: 20 };
  assert.deepEqual(nextPace(contested, 660_000, 'Repeat'), { endedAt: 660_000, newsGapMs: 800, repeats: 1 });
  assert.deepEqual(nextPace(contested, 660_000, 'News'), { endedAt: 660_000, newsGapMs: 50, repeats: 0 });
});

test('it is told once that somebody undoes each write, and not of a few', () => {
  let pace: Pace | undefined;
  const told: number[] = [];
  for (let write = 0; write < 20; write++) {
    const next = nextPace(pace, write * 1000, 'Repeat');
    if (pace && isContested(pace, next)) told.push(write);
    pace = next;
  }
  assert.deepEqual(told, [6]);
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
