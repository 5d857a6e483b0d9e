/**
 * Regular expressions of routes: RE2 syntax, matched against the whole text, in time linear in the text.
 * Knows nothing of what it matches.
 */
import { compileAutomaton } from '../../lib/linear-automaton.ts';
import { translatePattern } from './pattern-translation.ts';

export type Pattern = (text: string) => boolean;

const MAX_CACHED = 5000;
const compiled = new Map<string, Pattern>();

/**
 * A RegularExpression match as in Envoy: the expression must fit the whole value. Throws where RE2 refuses the source, which
 * the compiler has ruled out. The same source gives the same function.
 */
export function compilePattern(source: string): Pattern {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const pattern = makePattern(source);
  if (compiled.size >= MAX_CACHED) compiled.clear();
  compiled.set(source, pattern);
  return pattern;
}

function makePattern(source: string): Pattern {
  // Compiled in any case: RE2 alone decides what is valid.
  const automaton = compileAutomaton(source);
  const fast = translatePattern(source);
  if (fast !== null) return (text) => fast.test(text);
  // The first request would pay for the tables.
  automaton.test('');
  return (text) => automaton.test(text);
}
