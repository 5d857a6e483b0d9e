/** How long an object of the cluster is left alone after a write, so that no loop of writers can run hot. Pure. */

/** The writes to an object until now. */
export interface Pace {
  /** Of the last one, in monotonic milliseconds. */
  readonly endedAt: number;
  /** So long after it news waits. */
  readonly newsGapMs: number;
  /** How often it was said again what had been said, without a quiet while between. */
  readonly repeats: number;
}

/** `Repeat`: it says what the one before has said, which somebody has undone. */
export type WriteKind = 'News' | 'Repeat';

const firstGapMs = 50;
/** People wait for news: a thousand routes that come make few writes of their Gateway, and the last is not late. */
const maxNewsGapMs = 800;
/** Two who undo each other's writes can do so for ever, and nobody waits for that. */
const maxRepeatGapMs = 300_000;
/** Who takes longer than this to undo a write may have meant something else. */
const quietMs = 60_000;
/** So often in a row nobody undoes a write by mistake. */
const contestedFrom = 6;

/** Gaps double, each kind its own, unless it was quiet for a while. */
export function nextPace(before: Pace | undefined, endedAt: number, kind: WriteKind): Pace {
  if (!before) return { endedAt, newsGapMs: firstGapMs, repeats: 0 };
  const sinceMs = endedAt - before.endedAt;
  const repeats = isQuiet(before, endedAt) ? 0 : before.repeats;
  if (kind === 'Repeat') return { endedAt, newsGapMs: before.newsGapMs, repeats: repeats + 1 };
  const isBurst = sinceMs < 2 * before.newsGapMs + firstGapMs;
  return { endedAt, newsGapMs: isBurst ? Math.min(maxNewsGapMs, before.newsGapMs * 2) : firstGapMs, repeats };
}

/** Whether the writes until now say nothing of the next one any more. */
export function isQuiet(pace: Pace, now: number): boolean {
  return now - pace.endedAt >= 2 * repeatGapOf(pace) + quietMs;
}

function repeatGapOf({ repeats }: Pace): number {
  return Math.min(maxRepeatGapMs, firstGapMs * 2 ** repeats);
}

/** What is left of the gap, in ms. */
export function leftOf(pace: Pace, now: number, kind: WriteKind): number {
  return Math.max(0, pace.endedAt + (kind === 'News' ? pace.newsGapMs : repeatGapOf(pace)) - now);
}

/** Whether it has just become clear that somebody undoes each write. */
export function isContested(before: Pace, after: Pace): boolean {
  return after.repeats === contestedFrom && before.repeats < contestedFrom;
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
