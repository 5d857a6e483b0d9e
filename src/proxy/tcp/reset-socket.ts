/** Ends a socket so that its peer sees that it was cut: by RST, and over TLS without `close_notify`. */
import type net from 'node:net';
import tls from 'node:tls';

/** Safe at any time of a socket's life. */
export function resetSocket(socket: net.Socket): void {
  // Under TLS the handle belongs to the TLS layer, which cannot reset; the missing close_notify tells (RFC 8446 §6.1).
  if (socket.destroyed || socket.connecting || socket instanceof tls.TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
