/** Finds the word that was probably meant. */

/** The candidate that differs least from the word, if it differs little: case, a letter or two, a plural. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(word.toLowerCase(), candidate.toLowerCase());
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best ?? candidates.find((candidate) => candidate.startsWith(stemOf(word)));
}

/** `retries` is `retry`, `timeout` is `timeouts`: the first letters say it. */
function stemOf(word: string): string {
  return word.slice(0, Math.max(4, Math.floor(word.length / 2)));
}

/** Levenshtein's: letters to add, drop or change. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8 || a.length > 64) return Infinity;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(changed, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
