/** HPACK's Huffman code (RFC 7541 §5.2, appendix B), read four bits at a time. Knows nothing of header fields. */
import { readLatin1 } from './latin1.ts';

/** The code is canonical, so the lengths of the 256 codes define it: `A` is 5 bits, `B` 6, and so on. */
const lengths =
  'ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJB' +
  'KABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRS' +
  'VVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWV';
const LENGTH_BASE = 'A'.charCodeAt(0) - 5;
const END_OF_STRING = 256;

/** In an entry of the automaton: the symbol, whether one is complete, whether the code is invalid, the next state. */
const EMITS = 1 << 9;
const FAILS = 1 << 8;
const NEXT_SHIFT = 10;

type Node = [zero: number, one: number];
const NO_CHILD = -1;
/** A leaf is stored as a negative number, beyond NO_CHILD. */
const LEAF_BASE = -2;

function buildTree(): Node[] {
  const tree: Node[] = [[NO_CHILD, NO_CHILD]];
  const symbols = [...lengths].map((letter, symbol) => ({ symbol, length: letter.charCodeAt(0) - LENGTH_BASE }));
  symbols.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  let code = 0;
  let previous = 0;
  for (const { symbol, length } of symbols) {
    code <<= length - previous;
    previous = length;
    addLeaf(tree, { code, length, symbol });
    code++;
  }
  addLeaf(tree, { code: 0x3fffffff, length: 30, symbol: END_OF_STRING });
  return tree;
}

function addLeaf(tree: Node[], leaf: { code: number; length: number; symbol: number }): void {
  let node = 0;
  for (let bit = leaf.length - 1; bit > 0; bit--) {
    const side = ((leaf.code >>> bit) & 1) as 0 | 1;
    if (tree[node]![side] < 0) {
      tree.push([NO_CHILD, NO_CHILD]);
      tree[node]![side] = tree.length - 1;
    }
    node = tree[node]![side];
  }
  tree[node]![(leaf.code & 1) as 0 | 1] = LEAF_BASE - leaf.symbol;
}

const tree = buildTree();
const automaton = new Uint32Array(tree.length * 16);
for (let state = 0; state < tree.length; state++) {
  for (let nibble = 0; nibble < 16; nibble++) automaton[state * 16 + nibble] = step(state, nibble);
}

/** No code is shorter than five bits, so four bits complete at most one symbol. */
function step(state: number, nibble: number): number {
  let node = state;
  let result = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = tree[node]![((nibble >> bit) & 1) as 0 | 1];
    if (child === NO_CHILD || child === LEAF_BASE - END_OF_STRING) return FAILS;
    if (child < 0) {
      result = EMITS | (LEAF_BASE - child);
      node = 0;
    } else node = child;
  }
  return result | (node << NEXT_SHIFT);
}

/** States in which a text may end: padding is up to seven bits of the end-of-string code, which is all ones. */
const isPadding = new Uint8Array(tree.length);
for (let node = 0, bits = 0; bits < 8; bits++) {
  isPadding[node] = 1;
  node = tree[node]![1];
}

let scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** The text, or null where the bytes are no code or wrongly padded. */
export function decodeHuffman(buffer: Buffer, start: number, end: number): string | null {
  // 30 bits may be one byte, but 5 bits are one too.
  if ((end - start) * 2 > scratch.length) scratch = Buffer.allocUnsafeSlow((end - start) * 2);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!;
    let entry = automaton[(state << 4) | (byte >> 4)]!;
    if ((entry & EMITS) !== 0) out[length++] = entry & 0xff;
    if ((entry & FAILS) !== 0) return null;
    entry = automaton[((entry >> NEXT_SHIFT) << 4) | (byte & 15)]!;
    if ((entry & EMITS) !== 0) out[length++] = entry & 0xff;
    if ((entry & FAILS) !== 0) return null;
    state = entry >> NEXT_SHIFT;
  }
  return isPadding[state] === 1 ? readLatin1(out, 0, length) : null;
}
