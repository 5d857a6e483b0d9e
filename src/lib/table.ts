/** Text tables with aligned columns, as kubectl prints them. Knows nothing of what is in the cells. */
import { stripVTControlCharacters } from 'node:util';

export interface TableOptions {
  /** Applied to each heading after it was padded. */
  readonly heading?: (text: string) => string;
  /** Put before each line. */
  readonly indent?: string;
}

const gap = '  ';

/** The lines of the table. Cells may hold colour codes, which take no width; a missing cell is empty. */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { heading = (text) => text, indent = '' }: TableOptions = {},
): string[] {
  const widths = headings.map((title, i) =>
    rows.reduce((width, row) => Math.max(width, widthOf(row[i] ?? '')), widthOf(title)),
  );
  const line = (cells: readonly string[], finish: (text: string) => string) =>
    (indent + widths.map((width, i) => finish(pad(cells[i] ?? '', width))).join(gap)).trimEnd();
  return [
    // Trailing blanks within a colour code would survive trimEnd, so the last heading is not padded.
    indent + headings.map((title, i) => heading(i === headings.length - 1 ? title : pad(title, widths[i]!))).join(gap),
    ...rows.map((row) => line(row, (text) => text)),
  ];
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Characters as they are seen; text from manifests may hold anything, so code points are counted, not units. */
function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}
