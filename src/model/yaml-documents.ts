/** Splits a YAML stream at its document markers, so that one broken document leaves the others readable. */

/** A part of a file. */
export interface Section {
  readonly text: string;
  /** The line of the file it begins at, from 1. */
  readonly line: number;
  /** Where in that line, from 1; absent for its start. */
  readonly column?: number;
}

/** A marker can stand in no scalar: at the start of a line it always ends the document (YAML 1.2, 9.1.2). */
const marker = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;

export function splitDocuments(text: string): Section[] {
  const bare = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const sections: Section[] = [];
  let start = 0;
  let line = 1;
  const add = (end: number): void => {
    const part = bare.slice(start, end);
    if (holdsSomething(part)) sections.push({ text: part, line });
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', at + 1)) line++;
    start = end;
  };
  for (const { index } of bare.matchAll(marker))
    if (index > start && !isDirectives(bare.slice(start, index))) add(index);
  add(bare.length);
  return sections;
}

/** Directives belong to the document that the marker after them begins. */
function isDirectives(part: string): boolean {
  return /^(?:%.*\s*|#.*\s*|\s+)+$/.test(part) && part.includes('%');
}

function holdsSomething(part: string): boolean {
  return /^[ \t]*(?!---\s|---$|\.\.\.)[^\s#]/m.test(part.replace(/^(?:---|\.\.\.)[ \t]*/, ''));
}

/** JSON objects one after the other, as `jq -c` writes them and `kubectl` reads them. Costs a scan: for what is no YAML. */
export function splitObjects(section: Section): Section[] {
  const { text } = section;
  const sections: Section[] = [];
  let { line, column = 1 } = section;
  let start = 0;
  let depth = 0;
  const add = (end: number): void => {
    const part = text.slice(start, end);
    sections.push({ text: part, line, column });
    const lines = part.split('\n');
    line += lines.length - 1;
    column = lines.at(-1)!.length + (lines.length > 1 ? 1 : column);
    start = end;
  };
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{' && depth === 0 && index > 0 && /\}\s*$/.test(text.slice(start, index))) add(index);
    if (token === '{') depth++;
    else if (token === '}') depth--;
  }
  add(text.length);
  return sections;
}
