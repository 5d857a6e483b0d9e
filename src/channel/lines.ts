/** JSON messages over a byte stream, one a line. Knows neither what they say nor where the stream comes from. */

/** A line longer than this is no message of ours; in UTF-16 units. A snapshot of 5,000 routes is about 5 MiB. */
const maxLineLength = 512 * 1024 * 1024;

/** Returns what takes pieces of text and calls `onMessage` for each whole line. Throws where a line is no JSON or has no end. */
export function createLineReader(onMessage: (message: unknown) => void): (text: string) => void {
  let pieces: string[] = [];
  let length = 0;
  return (text) => {
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      pieces.push(text.slice(from, end));
      from = end + 1;
      const line = pieces.join('');
      pieces = [];
      length = 0;
      onMessage(JSON.parse(line));
    }
    if (from === text.length) return;
    pieces.push(text.slice(from));
    length += text.length - from;
    if (length > maxLineLength) throw new Error('a line without an end');
  };
}

export function toLine(message: unknown): string {
  return `${JSON.stringify(message)}\n`;
}
