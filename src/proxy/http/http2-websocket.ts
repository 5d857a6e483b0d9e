/** What a WebSocket handshake has in HTTP/1.1 and lacks in HTTP/2 (RFC 6455 §4.2.2, RFC 8441 §5). */
import { createHash } from 'node:crypto';

const suffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The value of Sec-WebSocket-Accept. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + suffix)
    .digest('base64');
}
