/** Ends a socket so that its peer sees that it was cut: by RST, which closes also what TLS would have said. */
import type net from 'node:net';
import tls from 'node:tls';
import { socketBelow } from '../socket-below.ts';

/** Safe at any time of a socket's life. */
export function resetSocket(socket: net.Socket): void {
  if (socket.destroyed || socket.connecting) socket.destroy();
  else if (!(socket instanceof tls.TLSSocket)) socket.resetAndDestroy();
  else {
    // The handle belongs to TLS, which cannot reset. Where there is nothing below, the missing close_notify tells (RFC 8446 §6.1).
    socketBelow(socket)?.resetAndDestroy();
    socket.destroy();
  }
}
