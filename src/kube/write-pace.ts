/** How long an object of the cluster is left alone after a write, so that no loop of writers can run hot. Pure. */

/** The last write to an object, and how long the next one waits: as long as it says the same. */
export interface Pace {
  /** Monotonic milliseconds. */
  readonly endedAt: number;
  readonly gapMs: number;
}

/** `Repeat`: it says what the one before has said, which somebody has undone. */
export type WriteKind = 'News' | 'Repeat';

const firstGapMs = 50;
/** People wait for news: a thousand routes that come make few writes of their Gateway, and the last is not late. */
const maxNewsGapMs = 800;
/** Two who undo each other's writes can do so for ever, and nobody waits for that. */
const maxRepeatGapMs = 300_000;

/** Twice as long as before, unless it was quiet for a while. */
export function nextPace(before: Pace | undefined, endedAt: number, kind: WriteKind): Pace {
  const isBurst = before !== undefined && endedAt - before.endedAt < 2 * before.gapMs + firstGapMs;
  const maxMs = kind === 'News' ? maxNewsGapMs : maxRepeatGapMs;
  return { endedAt, gapMs: isBurst ? Math.min(maxMs, before.gapMs * 2) : firstGapMs };
}

/** What is left of the gap, in ms. */
export function leftOf({ endedAt, gapMs }: Pace, now: number, kind: WriteKind): number {
  return Math.max(0, endedAt + (kind === 'News' ? Math.min(gapMs, maxNewsGapMs) : gapMs) - now);
}

/** Whether it has just become clear that somebody else undoes each write. */
export function isContested(before: Pace, after: Pace): boolean {
  return after.gapMs > maxNewsGapMs && before.gapMs <= maxNewsGapMs;
}

const firstRetryMs = 100;

/** How long after so many failures in a row, the last with this HTTP status, a write is tried again. */
export function retryAfter(failures: number, code: number): number {
  return Math.min(maxRetryOf(code), firstRetryMs * 2 ** Math.min(failures - 1, 20));
}

/** A server that is away or busy comes back; rights are given in minutes; what is not valid stays so. */
function maxRetryOf(code: number): number {
  if (code === 403) return 30_000;
  const isForNow = code < 400 || code === 401 || code === 409 || code === 429 || code >= 500;
  return isForNow ? 5000 : 300_000;
}
