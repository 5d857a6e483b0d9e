/** The head of a request as HTTP/1.1 text for a backend: framing and hop-by-hop fields are made here. Pure. */
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN, type UpstreamRequest } from './streams.ts';

/** Methods whose content has a meaning: a body that is absent is announced as empty (RFC 9110 §8.6). */
const methodsWithContent = new Set(['POST', 'PUT', 'PATCH']);

/** With the empty line that ends it. */
export function requestText(request: UpstreamRequest): string {
  const { method, target } = request;
  // OPTIONS about the server as a whole can only come from a filter; all else is origin form.
  let text = `${method} ${target} HTTP/1.1\r\nhost: ${request.authority}\r\n${request.headers.text}`;
  const length = request.bodyLength;
  if (length > 0) text += `content-length: ${length}\r\n`;
  else if (length === BODY_UNKNOWN) text += 'transfer-encoding: chunked\r\n';
  else if (length === BODY_TUNNEL) return `${text}connection: upgrade\r\nupgrade: ${request.upgrade}\r\n\r\n`;
  else if (length === BODY_NONE && methodsWithContent.has(method)) text += 'content-length: 0\r\n';
  if (request.expectsContinue) text += 'expect: 100-continue\r\n';
  if (request.takesTrailers) text += 'te: trailers\r\nconnection: te\r\n';
  return `${text}\r\n`;
}
