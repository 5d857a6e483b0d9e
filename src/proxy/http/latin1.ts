/** Bytes to latin1 text and back by the methods that Buffer's own `toString` and `write` end in: half the price for short texts. */

/** On every Buffer, though not in its documentation. */
interface Latin1Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
}

/** The bytes as text, one character a byte; always memory of its own. */
export function readLatin1(buffer: Buffer, start: number, end: number): string {
  return (buffer as unknown as Latin1Buffer).latin1Slice(start, end);
}

/** Writes at the beginning of the buffer, which must have room. */
export function writeLatin1(buffer: Buffer, text: string): void {
  (buffer as unknown as Latin1Buffer).latin1Write(text, 0, text.length);
}

/** Writes at an offset; there must be room behind it. */
export function writeLatin1At(buffer: Buffer, text: string, at: number): void {
  (buffer as unknown as Latin1Buffer).latin1Write(text, at, text.length);
}
