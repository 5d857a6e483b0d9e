/**
 * Reads a TLS socket into one buffer for all of them. Node does that for plain sockets only (`onread`), so this reaches for
 * what `onread` does inside; where a Node does not have it, the socket is read by its events.
 */
import type tls from 'node:tls';
import { readSocket, type Receiver } from '../http/socket-io.ts';

const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024);

interface BufferedHandle {
  useUserBuffer?: (buffer: Buffer) => void;
}

/** What `onread` sets: where to read to, and what to call then. Every socket has them, mostly empty. */
interface OnreadSymbols {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let symbols: OnreadSymbols | null | undefined;

/** The bytes are valid only until the receiver returns. To be called before anything is read. */
export function readTlsSocket(socket: tls.TLSSocket, receiver: Receiver): void {
  symbols ??= findSymbols(socket);
  // oxlint-disable-next-line no-underscore-dangle -- see above
  const handle = (socket as unknown as { _handle: BufferedHandle | null })._handle;
  if (symbols !== null && handle !== null && typeof handle.useUserBuffer === 'function') {
    const inside = socket as unknown as Record<symbol, unknown>;
    inside[symbols.buffer] = sharedBuffer;
    inside[symbols.callback] = (length: number) => {
      receiver.receive(sharedBuffer, 0, length);
      return true;
    };
    handle.useUserBuffer(sharedBuffer);
  }
  // What was read before, and `end`, still come by events.
  readSocket(socket, receiver);
}

function findSymbols(socket: tls.TLSSocket): OnreadSymbols | null {
  const own = Object.getOwnPropertySymbols(socket);
  const buffer = own.find(({ description }) => description === 'kBuffer');
  const callback = own.find(({ description }) => description === 'kBufferCb');
  return buffer === undefined || callback === undefined ? null : { buffer, callback };
}
