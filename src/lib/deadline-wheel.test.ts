/** Deadlines fire once, never early, at most two ticks late; with a clock of the test. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Deadline, DeadlineWheel } from './deadline-wheel.ts';

const TICK_MS = 250;
let now = 0;
let wheel: DeadlineWheel;
let fired: number;
let deadline: Deadline;

/** Moves the clock on in steps of a tick, or in one. */
function pass(ms: number, step = TICK_MS): void {
  for (let done = 0; done < ms; done += step) {
    now += Math.min(step, ms - done);
    wheel.advance();
  }
}

beforeEach(() => {
  now = 1000;
  fired = 0;
  wheel = new DeadlineWheel(TICK_MS, () => now);
  deadline = new Deadline({ onDeadline: () => fired++ });
});

describe('DeadlineWheel', () => {
  for (const ms of [1, 250, 1000, 16_000, 75_000, 3_600_000]) {
    it(`fires once after ${ms} ms`, () => {
      wheel.arm(deadline, ms);
      pass(ms);
      assert.equal(fired, 0);
      pass(2 * TICK_MS);
      assert.equal(fired, 1);
      pass(ms + 1000);
      assert.equal(fired, 1);
    });
  }

  it('fires after a stall that is longer than a turn', () => {
    wheel.arm(deadline, 10_000);
    pass(600_000, 600_000);
    assert.equal(fired, 1);
  });

  it('survives jumps on its way', () => {
    wheel.arm(deadline, 75_000);
    for (const jump of [14_000, 14_000, 14_000, 14_000, 14_000]) pass(jump, jump);
    assert.equal(fired, 0);
    pass(6000, 6000);
    assert.equal(fired, 1);
  });

  it('takes the newest time, later or earlier', () => {
    wheel.arm(deadline, 1000);
    wheel.arm(deadline, 5000);
    pass(5000);
    assert.equal(fired, 0);
    wheel.arm(deadline, 500);
    pass(500 + 2 * TICK_MS);
    assert.equal(fired, 1);
    pass(100_000);
    assert.equal(fired, 1);
  });

  it('forgets what was disarmed or released, and takes it up again', () => {
    wheel.arm(deadline, 1000);
    wheel.disarm(deadline);
    pass(5000);
    assert.equal(fired, 0);
    wheel.arm(deadline, 1000);
    pass(2000);
    assert.equal(fired, 1);
    wheel.arm(deadline, 1000);
    wheel.release(deadline);
    pass(5000);
    assert.equal(fired, 1);
    assert.equal(deadline.owner, null);
  });

  it('may be armed again from within', () => {
    const again = new Deadline({
      onDeadline: () => {
        if (++fired < 3) wheel.arm(again, 1000);
      },
    });
    wheel.arm(again, 1000);
    pass(10_000);
    assert.equal(fired, 3);
  });
});
