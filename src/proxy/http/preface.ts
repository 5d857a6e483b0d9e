/** Tells HTTP/2 with prior knowledge from HTTP/1 by the first bytes of a cleartext connection. Knows nothing else of either. */

/** RFC 9113 §3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export type PrefaceVerdict = 'yes' | 'no' | 'needMore';

/** Decides on the first bytes received (all of them, from `start` to `end`). At most 24 bytes are ever needed. */
export function looksLikeHttp2(buffer: Buffer, start = 0, end = buffer.length): PrefaceVerdict {
  const length = Math.min(end - start, preface.length);
  for (let i = 0; i < length; i++) if (buffer[start + i] !== preface[i]) return 'no';
  return length === preface.length ? 'yes' : 'needMore';
}
