/**
 * Writes text to a plain socket past Node's streams: the kernel nearly always takes it at once, and then there is no request
 * object, no callback and no later turn. A Node without the handle's method gets the text by `socket.write`.
 */
// oxlint-disable no-underscore-dangle -- a socket's handle is reached by no other name
import type net from 'node:net';
import { getSystemErrorName } from 'node:util';

/** What Node makes of a write that the kernel did not take whole; the rest of the text is copied into it. */
interface PendingWrite {
  oncomplete: ((status: number) => void) | null;
}

interface StreamHandle {
  /** Bytes that libuv holds for the kernel. */
  readonly writeQueueSize: number;
  /** 0: the kernel has it all. Negative: an errno, nothing was written. */
  writeLatin1String(request: null, text: string): number | PendingWrite;
}

interface Inside {
  readonly _handle?: Partial<StreamHandle> | null;
  /** Of TLS sockets. */
  readonly encrypted?: boolean;
}

/** As `socket.write(text, 'latin1')`: false asks to wait for `drain`. */
export function writeText(socket: net.Socket, text: string): boolean {
  const { _handle: handle, encrypted } = socket as unknown as Inside;
  // A TLS handle takes one write at a time, and ends the process otherwise. What the stream holds already goes first.
  if (!handle?.writeLatin1String || encrypted || socket.connecting || socket.writableLength > 0 || socket.writableEnded)
    return socket.write(text, 'latin1');
  const result = handle.writeLatin1String(null, text);
  if (result === 0) return true;
  // The stream makes an error of it as of any other.
  if (typeof result === 'number') return socket.write(text, 'latin1');
  result.oncomplete = (status) => {
    if (status === 0) socket.emit('drain');
    else if (!socket.destroyed) socket.destroy(writeError(status));
  };
  return false;
}

/** Bytes that were written and that the kernel has not taken: what `writableLength` is without `writeText`. */
export function waitingBytes(socket: net.Socket): number {
  return Math.max(socket.writableLength, (socket as unknown as Inside)._handle?.writeQueueSize ?? 0);
}

/** More was written than the peer takes at once, and `drain` will tell when that is over. */
export function isBlocked(socket: net.Socket): boolean {
  // Below TLS something may wait of which the stream knows nothing.
  if (socket.writableLength > 0 || (socket as unknown as Inside).encrypted) return socket.writableNeedDrain;
  return waitingBytes(socket) > 0;
}

function writeError(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}
