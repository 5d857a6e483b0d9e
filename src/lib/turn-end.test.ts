/** When what was asked for is done: after everything of the turn, once, and never without end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atTurnEnd } from './turn-end.ts';

test('tasks run in order after what was queued before them, and what they ask for waits for the next turn', async () => {
  const order: string[] = [];
  const task = (name: string) => ({ onTurnEnd: () => void order.push(name) });
  atTurnEnd(task('first'));
  atTurnEnd({
    onTurnEnd() {
      order.push('second');
      atTurnEnd(task('next turn'));
    },
  });
  atTurnEnd(task('third'));
  queueMicrotask(() => order.push('microtask'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, ['microtask', 'first', 'second', 'third']);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order.slice(4), ['next turn']);
});
