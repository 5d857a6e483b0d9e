/**
 * Finds the simple expressions that V8's engine, several times faster than RE2, matches in the same way and in linear time by
 * construction. Whatever is not plainly so is left to RE2.
 */

/** One character of text, and how often it comes. */
interface Item {
  /** As V8 reads it. */
  readonly source: string;
  /** Which of the 128 ASCII characters it takes; all others are taken where `takesOthers`. */
  readonly ascii: readonly boolean[];
  readonly takesOthers: boolean;
  readonly quantifier: '' | '*' | '+' | '?';
}

const digit = '0-9';
const word = '0-9A-Za-z_';
const escapes: Readonly<Record<string, string>> = { d: digit, w: word };
const punctuation = /^[-./\\^$*+?()[\]{}|]$/;
const literal = /^[A-Za-z0-9/_~!&',;=:@%#<>" -]$/;
const MAX_ITEMS = 200;

/** An anchored RegExp with the meaning the source has in RE2 when it must fit the whole text; null: only RE2 will do. */
export function translatePattern(source: string): RegExp | null {
  const body = source.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  const items = readItems(body);
  if (items === null || items.length > MAX_ITEMS || !isLinear(items)) return null;
  // Mode `u`: code points, as RE2.
  return new RegExp(`^${items.map((item) => item.source + item.quantifier).join('')}$`, 'u');
}

function readItems(body: string): Item[] | null {
  const items: Item[] = [];
  for (let i = 0; i < body.length;) {
    const read = readAtom(body, i);
    if (read === null) return null;
    i = read.end;
    const next = body[i] ?? '';
    const quantifier = next === '*' || next === '+' || next === '?' ? next : '';
    if (quantifier !== '') i++;
    items.push({ ...read.atom, quantifier });
  }
  return items;
}

interface Atom {
  readonly source: string;
  readonly ascii: readonly boolean[];
  readonly takesOthers: boolean;
}

function readAtom(body: string, at: number): { readonly atom: Atom; readonly end: number } | null {
  const character = body[at]!;
  // RE2's dot leaves out the line feed only, V8's other line ends too.
  if (character === '.') return { atom: atomOf('\\n', 'negated'), end: at + 1 };
  if (literal.test(character)) return { atom: atomOf(escaped(character), 'plain'), end: at + 1 };
  if (character === '\\') {
    const next = body[at + 1] ?? '';
    const content = escapes[next] ?? (punctuation.test(next) ? escaped(next) : null);
    return content === null ? null : { atom: atomOf(content, 'plain'), end: at + 2 };
  }
  // A class of letters, digits, ranges of them and a few harmless characters.
  const found = /^\[(\^?)((?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[A-Za-z0-9/_.~:@,;=]|\\[-dw./])+)(-?)\]/.exec(
    body.slice(at),
  );
  if (found === null || /([a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|\\.)-/.test(found[2]!)) return null;
  const content =
    found[2]!.replace(/\\([dw./-])/g, (_, c: string) => escapes[c] ?? escaped(c)) + (found[3] ? '\\-' : '');
  const atom = atomOf(content, found[1] === '^' ? 'negated' : 'plain');
  return atom === null ? null : { atom, end: at + found[0].length };
}

function escaped(character: string): string {
  return /[-./\\^$*+?()[\]{}|]/.test(character) ? `\\${character}` : character;
}

function atomOf(content: string, kind: 'plain' | 'negated'): Atom {
  const source = kind === 'negated' ? `[^${content}]` : `[${content}]`;
  const test = new RegExp(`^${source}$`, 'u');
  const ascii = Array.from({ length: 128 }, (_, code) => test.test(String.fromCharCode(code)));
  return { source, ascii, takesOthers: kind === 'negated' };
}

/**
 * A repeated item that cannot take what must follow it can stop in one place only, so nothing is ever tried twice. One item may
 * be free of that, where all that follows has a fixed length: each of its ends costs a bounded look.
 */
function isLinear(items: readonly Item[]): boolean {
  for (const [i, item] of items.entries()) {
    if (item.quantifier === '') continue;
    if (items.slice(i + 1).every((later) => later.quantifier === '')) continue;
    const next = items[i + 1]!;
    if (next.quantifier !== '' || overlaps(item, next)) return false;
  }
  return true;
}

function overlaps(a: Item, b: Item): boolean {
  return (a.takesOthers && b.takesOthers) || a.ascii.some((takes, code) => takes && b.ascii[code]);
}
