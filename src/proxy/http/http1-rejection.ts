/** The answers that the HTTP/1 codec gives by itself to what it refuses. Knows no connection. */
import type { HeadProblem } from './head-reader.ts';
import type { Rejection } from './head-framing.ts';
import { reasonPhrase, statusLine } from './status-lines.ts';

export const headProblems: Readonly<Record<HeadProblem, Rejection>> = {
  LineTooLong: { status: 414, reason: 'RequestLineTooLong' },
  HeadTooLarge: { status: 431, reason: 'HeadTooLarge' },
  BadBytes: { status: 400, reason: 'BadCharacter' },
};

/** The whole answer; the connection closes after it. */
export function rejectionText({ status, reason }: Rejection): string {
  const body = `${reasonPhrase(status)}: ${reason}\n`;
  const allow = status === 405 ? 'allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n' : '';
  return `${statusLine(status)}content-type: text/plain\r\n${allow}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
}
