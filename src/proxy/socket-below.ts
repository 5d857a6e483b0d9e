/** The socket that a server's TLS lies upon. Node has no public name for it. */
import type net from 'node:net';
import type tls from 'node:tls';

/** Null where TLS has made the connection itself, as towards backends. */
export function socketBelow(socket: tls.TLSSocket): net.Socket | null {
  // oxlint-disable-next-line no-underscore-dangle -- see above
  return (socket as unknown as { readonly _parent?: net.Socket })._parent ?? null;
}
