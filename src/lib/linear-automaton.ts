/**
 * Matches whole texts against a program of RE2 by following all of its states at once, as bits. What one character may cost is
 * known beforehand and nothing is remembered between texts: no text, however chosen, makes it slow or large. Knows no routes.
 */
import { RE2JS } from 're2js';

/** What is used of a parsed expression: re2js exports its programs, but not their types. */
interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  matchRune(rune: number): boolean;
}

interface Program {
  readonly start: number;
  numInst(): number;
  getInst(pc: number): Instruction;
}

const Op = { alt: 1, altMatch: 2, capture: 3, emptyWidth: 4, fail: 5, match: 6, nop: 7, firstRune: 8, lastRune: 11 };
const Empty = { beginLine: 1, endLine: 2, beginText: 4, endText: 8, wordBoundary: 16, noWordBoundary: 32 };
/** What can hold or not between two characters of the text. */
const inside = Empty.beginLine | Empty.endLine | Empty.wordBoundary | Empty.noWordBoundary;
const lineFeed = 10;
/** Not worth to be known exactly. */
const SMALL_COST = 500;
/** Masks of characters beyond Latin-1 that are kept. */
const MAX_RARE_MASKS = 512;

export interface LinearAutomaton {
  /** No character touches more words of memory than this: about a nanosecond each. */
  readonly cost: number;
  /** Whether the expression fits the whole text. */
  test(text: string): boolean;
}

/** An expression above this cost may take more than the five milliseconds that a field of 8 KiB may take, on a slow machine. */
export const MAX_COST = 1000;

/** Throws where RE2 refuses the source. */
export function compileAutomaton(source: string): LinearAutomaton {
  const { re2Input } = RE2JS.compile(source) as unknown as { readonly re2Input: { readonly prog: Program } };
  return new Automaton(re2Input.prog);
}

/** Where the states of each group of four lead. */
interface Table {
  /** Of each group, where its part of `places` begins; the next group's begin is its end. */
  readonly starts: Int32Array;
  /** The words that hold what follows the states of a group. */
  readonly places: Int32Array;
  /** For each of the sixteen values of a group's bits, what they add to each of those words. */
  readonly cells: Uint32Array;
}

/** State 0: nothing was read. Every other state: the instruction of that place has just taken a character. */
class Automaton implements LinearAutomaton {
  readonly #program: Program;
  readonly #pcs: readonly number[];
  readonly #stateOf = new Map<number, number>();
  readonly #words: number;
  /** The assertions that the program makes, beside that of the text's begin. */
  readonly #asserts: number = 0;
  readonly #tables = new Map<number, Table>();
  readonly #ends = new Map<number, Uint32Array>();
  readonly #masks: (Uint32Array | undefined)[] = Array.from({ length: 256 });
  readonly #rareMasks = new Map<number, Uint32Array>();
  /** When an instruction was last looked at: in which turn of looking. */
  readonly #seen: Uint32Array;
  #turn = 0;
  #now: Uint32Array;
  #next: Uint32Array;

  constructor(program: Program) {
    this.#program = program;
    const pcs = [-1];
    for (let pc = 0; pc < program.numInst(); pc++) {
      const { op, arg } = program.getInst(pc);
      if (op >= Op.firstRune && op <= Op.lastRune) {
        this.#stateOf.set(pc, pcs.length);
        pcs.push(pc);
      } else if (op === Op.emptyWidth) this.#asserts |= arg;
    }
    this.#pcs = pcs;
    this.#words = Math.ceil(pcs.length / 32);
    this.#now = new Uint32Array(this.#words);
    this.#next = new Uint32Array(this.#words);
    this.#seen = new Uint32Array(program.numInst());
  }

  get cost(): number {
    const most = this.#words * this.#words * 8;
    // As if all assertions held at once: more than any text can make of it.
    return most <= SMALL_COST ? most : this.#buildTable(-1).places.length + this.#words;
  }

  test(text: string): boolean {
    // The text's end is judged after the loop.
    const asserts = this.#asserts & inside;
    this.#now.fill(0);
    this.#now[0] = 1;
    let before = -1;
    let table = this.#tableOf(0);
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00) {
        code = text.codePointAt(i)!;
        if (code > 0xffff) i++;
      }
      if (asserts !== 0) table = this.#tableOf(contextOf(before, code) & asserts);
      if (!this.#step(table, code)) return false;
      before = code;
    }
    const ends = this.#endsOf(contextOf(before, -1) & this.#asserts);
    return this.#now.some((bits, word) => (bits & ends[word]!) !== 0);
  }

  /** False: no state is left. */
  #step({ starts, places, cells }: Table, code: number): boolean {
    const now = this.#now;
    const next = this.#next;
    const words = this.#words;
    for (let word = 0; word < words; word++) next[word] = 0;
    for (let word = 0; word < words; word++) {
      for (let bits = now[word]!, group = word * 8; bits !== 0; bits >>>= 4, group++) {
        const start = starts[group]!;
        const width = starts[group + 1]! - start;
        const row = start * 16 + (bits & 15) * width;
        for (let i = 0; i < width; i++) next[places[start + i]!]! |= cells[row + i]!;
      }
    }
    const mask = this.#maskOf(code);
    let left = 0;
    for (let word = 0; word < words; word++) left |= next[word]! &= mask[word]!;
    this.#now = next;
    this.#next = now;
    return left !== 0;
  }

  /** The states that take the character. */
  #maskOf(code: number): Uint32Array {
    const known = code < 256 ? this.#masks[code] : this.#rareMasks.get(code);
    if (known !== undefined) return known;
    const mask = new Uint32Array(this.#words);
    for (let state = 1; state < this.#pcs.length; state++) {
      if (this.#program.getInst(this.#pcs[state]!).matchRune(code)) mask[state >> 5]! |= 1 << state;
    }
    if (code < 256) this.#masks[code] = mask;
    else {
      if (this.#rareMasks.size >= MAX_RARE_MASKS) this.#rareMasks.clear();
      this.#rareMasks.set(code, mask);
    }
    return mask;
  }

  /** The states from which the text may end. */
  #endsOf(context: number): Uint32Array {
    let ends = this.#ends.get(context);
    if (ends === undefined) {
      ends = new Uint32Array(this.#words);
      for (let state = 0; state < this.#pcs.length; state++) {
        if (this.#follow(state, context).isEnd) ends[state >> 5]! |= 1 << state;
      }
      this.#ends.set(context, ends);
    }
    return ends;
  }

  #tableOf(context: number): Table {
    let table = this.#tables.get(context);
    if (table === undefined) this.#tables.set(context, (table = this.#buildTable(context)));
    return table;
  }

  #buildTable(context: number): Table {
    const groups = this.#words * 8;
    const table = { starts: new Int32Array(groups + 1), places: [] as number[], cells: new Uint32Array() };
    const follows: (readonly number[])[] = [];
    for (let state = 0; state < groups * 4; state++) {
      follows.push(this.#follow(state, context).states);
      if (state % 4 < 3) continue;
      const touched = new Set<number>();
      for (const states of follows.slice(-4)) for (const follower of states) touched.add(follower >> 5);
      table.places.push(...touched);
      table.starts[(state + 1) / 4] = table.places.length;
    }
    table.cells = new Uint32Array(table.places.length * 16);
    for (let group = 0; group < groups; group++) fillRows(table, group, follows.slice(group * 4, group * 4 + 4));
    return { ...table, places: Int32Array.from(table.places) };
  }

  /** The states that may take the next character after this one, and whether the text may end here. */
  #follow(state: number, context: number): { readonly states: readonly number[]; readonly isEnd: boolean } {
    const pc = this.#pcs[state];
    if (pc === undefined) return { states: [], isEnd: false };
    const holds = state === 0 ? context | Empty.beginText | Empty.beginLine : context;
    const states: number[] = [];
    let isEnd = false;
    const seen = this.#seen;
    const turn = ++this.#turn;
    const stack = [state === 0 ? this.#program.start : this.#program.getInst(pc).out];
    while (stack.length > 0) {
      const at = stack.pop()!;
      if (seen[at] === turn) continue;
      seen[at] = turn;
      const { op, out, arg } = this.#program.getInst(at);
      const follower = this.#stateOf.get(at);
      if (follower !== undefined) states.push(follower);
      else if (op === Op.match) isEnd = true;
      else if (op === Op.alt || op === Op.altMatch) stack.push(out, arg);
      else if (op === Op.capture || op === Op.nop) stack.push(out);
      else if (op === Op.emptyWidth) {
        if ((arg & ~holds) === 0) stack.push(out);
      } else if (op !== Op.fail) throw new Error(`RE2 instruction ${op} is not known here`);
    }
    return { states, isEnd };
  }
}

function fillRows(
  {
    starts,
    places,
    cells,
  }: { readonly starts: Int32Array; readonly places: readonly number[]; readonly cells: Uint32Array },
  group: number,
  follows: readonly (readonly number[])[],
): void {
  const start = starts[group]!;
  const width = starts[group + 1]! - start;
  for (const [i, states] of follows.entries()) {
    const row = start * 16 + (1 << i) * width;
    for (const state of states) cells[row + places.indexOf(state >> 5, start) - start]! |= 1 << state;
  }
  // What several states lead to is what each of them leads to.
  for (let value = 3; value < 16; value++) {
    const rest = value & (value - 1);
    if (rest === 0) continue;
    const of = (bits: number, i: number) => cells[start * 16 + bits * width + i]!;
    for (let i = 0; i < width; i++) cells[start * 16 + value * width + i] = of(rest, i) | of(value - rest, i);
  }
}

/** What holds between two characters; -1: there is none. The text's begin is state 0's own. */
function contextOf(before: number, after: number): number {
  const word = isWord(before) === isWord(after) ? Empty.noWordBoundary : Empty.wordBoundary;
  const begin = before === lineFeed ? Empty.beginLine : 0;
  const end = after === -1 ? Empty.endText | Empty.endLine : after === lineFeed ? Empty.endLine : 0;
  return word | begin | end;
}

function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (code >= 0x61 && code <= 0x7a)
  );
}
