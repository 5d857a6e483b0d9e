import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { compileAutomaton, MAX_COST } from './linear-automaton.ts';

const { array, constantFrom, oneof, tuple } = fc;

/** Expressions of everything RE2 has, small enough to be hit by random texts. */
const { source } = fc.letrec<{ source: string; item: string; atom: string }>((tie) => ({
  atom: oneof(
    { depthSize: 'small', withCrossShrink: true },
    constantFrom(
      'a',
      'b',
      '.',
      'é',
      '😀',
      '[a-c]',
      '[^a]',
      '\\w',
      '\\W',
      '\\d',
      '\\pL',
      '[[:punct:]]',
      '\\n',
      '(?i)A',
      'k',
    ),
    constantFrom('^', '$', '\\b', '\\B', '\\A', '\\z', '(?m)^', '(?m)$', '(?s).', '(?i)k'),
    tuple(tie('source'), tie('source')).map(([left, right]) => `(${left}|${right})`),
    tie('source').map((inner) => `(?:${inner})`),
  ),
  item: tuple(tie('atom'), constantFrom('', '', '', '*', '+', '?', '{2}', '{0,3}', '*?')).map((parts) =>
    parts.join(''),
  ),
  source: array(tie('item'), { maxLength: 5 }).map((items) => items.join('')),
}));
const text = fc.string({ unit: constantFrom('a', 'b', 'A', 'k', '\u212a', 'é', '-', ' ', '1', '\n', '😀', '\ud83d') });

test('fits what RE2 fits', () => {
  let compared = 0;
  let fitting = 0;
  fc.assert(
    fc.property(source, array(text, { minLength: 8 }), (pattern, texts) => {
      let re2;
      try {
        re2 = RE2JS.compile(pattern);
      } catch {
        assert.throws(() => compileAutomaton(pattern));
        return;
      }
      const automaton = compileAutomaton(pattern);
      for (const one of ['', ...texts]) {
        const fits = re2.matches(one);
        compared++;
        if (fits) fitting++;
        assert.equal(automaton.test(one), fits, `${pattern} on ${JSON.stringify(one)}`);
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(compared > 5000 && fitting > 300, `${compared} compared, ${fitting} fit`);
});

test('fits what RE2 fits where there are many states', () => {
  const letters = fc.string({ unit: constantFrom('a', 'b'), maxLength: 120 });
  const patterns = [
    '(a?b?){30}',
    '(.*a.{40})',
    '(a{1,20}){1,9}b',
    '(?:(a|ab|ba){7}b?)*',
    '(\\ba?){40}.*',
    '(ab|a){20,60}',
  ];
  fc.assert(
    fc.property(constantFrom(...patterns), letters, (pattern, one) => {
      assert.equal(compileAutomaton(pattern).test(one), RE2JS.compile(pattern).matches(one), `${pattern} on ${one}`);
    }),
    { numRuns: 800 },
  );
});

/** What a field of 8 KiB may take. */
const MOST_MS = 5;
/** Whatever else the machine does only adds: one round without it is enough. */
const MOST_ROUNDS = 200;

function leastCpuMsOf(work: () => void): number {
  let least = Infinity;
  for (let round = 0; round < MOST_ROUNDS && least >= MOST_MS; round++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

test('8 KiB take five milliseconds of work at most, whatever the text', () => {
  const random = Array.from({ length: 8192 }, () => (Math.random() < 0.5 ? 'a' : 'b')).join('');
  const hostile = [
    '(a+)+$',
    '(.*a){20}',
    '(a|a?)+$',
    '([a-z]+)*$',
    '^(a?){50}a{50}$',
    // A new set of states with nearly every character: no engine that remembers sets gains by it.
    '.*a.{50}',
    '.*\\b.*a.{12}b',
    '(a{1,100}){1,9}b',
    '(.?){450}(a|b)*x',
  ];
  for (const pattern of hostile) {
    const automaton = compileAutomaton(pattern);
    assert.ok(automaton.cost <= MAX_COST, `${pattern}: ${automaton.cost}`);
    for (const subject of ['a'.repeat(8192), `${'a'.repeat(8191)}!`, random]) {
      const spent = leastCpuMsOf(() => automaton.test(subject));
      assert.ok(spent < MOST_MS, `${pattern}: ${spent} ms`);
    }
  }
});

test('what would take longer is known beforehand', () => {
  assert.ok(compileAutomaton('(a?){1000}').cost > MAX_COST);
  const words = Array.from({ length: 300 }, (_, i) => `word${i * 7919}`).join('|');
  assert.ok(compileAutomaton(`/(${words})/.*`).cost < MAX_COST);
});
