/** Waits for a fact, with a limit: what tests use in place of sleeping. */
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Resolves once `isTrue` says so; rejects after `limitMs` and names what was waited for. The limit is for what never comes, not
 * for what comes slowly on a busy machine.
 */
export async function until(isTrue: () => boolean | Promise<boolean>, what: string, limitMs = 60_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`Waited ${limitMs} ms in vain until ${what}`);
    await delay(5);
  }
}
