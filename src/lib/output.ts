/** Writing lines to a stream that may be slow, full or gone (a closed pipe), without ever failing or filling the memory. */

/** What waits for a slow reader, in bytes, before lines are dropped. */
const maxWaitingBytes = 4 * 1024 * 1024;

export interface Output {
  /** Text for a person or a program; dropped where nobody can read it. */
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; Infinity where there is none. */
  readonly columns: number;
  /** Lines that were dropped. */
  readonly dropped: number;
}

/** Takes over the stream's errors: EPIPE and its like mean that nobody listens any more, which is no reason to stop. */
export function outputTo(stream: NodeJS.WriteStream): Output {
  let isGone = false;
  let dropped = 0;
  stream.on('error', () => {
    isGone = true;
  });
  return {
    write(text) {
      if (isGone || stream.destroyed || stream.writableLength > maxWaitingBytes) dropped++;
      else stream.write(text);
    },
    get isTerminal() {
      return stream.isTTY ?? false;
    },
    get columns() {
      return stream.isTTY ? stream.columns : Infinity;
    },
    get dropped() {
      return dropped;
    },
  };
}
