/**
 * The calls of the Linux kernel that carry datagrams, by Node's FFI, and the private part of a datagram socket that they need.
 * Nothing here takes memory: pointers are the caller's. Knows neither sockets' purposes nor sessions.
 */
import type dgram from 'node:dgram';

const signatures = {
  epoll_create1: { return: 'int32', arguments: ['int32'] },
  epoll_ctl: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'pointer'] },
  epoll_wait: { return: 'int32', arguments: ['int32', 'pointer', 'int32', 'int32'] },
  recvmmsg: { return: 'int32', arguments: ['int32', 'pointer', 'uint32', 'int32', 'pointer'] },
  // Returns an ssize_t, of which the lower half is enough for a datagram and for -1.
  sendmsg: { return: 'int32', arguments: ['int32', 'pointer', 'int32'] },
  dup3: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
  close: { return: 'int32', arguments: ['int32'] },
  inet_ntop: { return: 'pointer', arguments: ['int32', 'pointer', 'pointer', 'uint32'] },
  if_indextoname: { return: 'pointer', arguments: ['uint32', 'pointer'] },
} as const;

/** Linux on x64 and arm64, as `<sys/socket.h>` and `<sys/epoll.h>` have them. */
export const kernel = {
  AF_INET: 2,
  AF_INET6: 10,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  EPOLLIN: 1,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  CLOEXEC: 0o2000000,
  EINTR: 4,
  EAGAIN: 11,
  EMSGSIZE: 90,
  ENETUNREACH: 101,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

export type KernelCalls = NonNullable<ReturnType<typeof loadKernelCalls>>;

/** Null where there is no such kernel, no FFI, or no leave to use it (`--no-experimental-ffi`, Node's permission model). */
export function loadKernelCalls() {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return null;
  const ffi = process.getBuiltinModule('node:ffi') as typeof import('node:ffi') | undefined;
  if (!ffi) return null;
  try {
    const { lib, functions } = ffi.dlopen(null, signatures);
    const errnoAt = lib.getFunction('__errno_location', { return: 'pointer', arguments: [] })();
    return {
      ...functions,
      // The functions are gone with it.
      library: lib,
      pointerTo: ffi.getRawPointer,
      /** Of the call before. */
      errno: () => ffi.getInt32(errnoAt),
    };
  } catch {
    return null;
  }
}

/** What Node's datagram socket does its work with. */
export interface UdpHandle {
  readonly fd: number;
  onmessage: (length: number) => void;
  recvStart(): number;
  recvStop(): number;
}

/** Null where this Node has made it otherwise. */
export function handleOf(socket: dgram.Socket): UdpHandle | null {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const { handle } = ((socket as unknown as Record<symbol, unknown>)[symbol] ?? {}) as {
      handle?: Partial<UdpHandle>;
    };
    if (handle?.recvStop && handle.recvStart && Number(handle.fd) >= 0) return handle as UdpHandle;
  }
  return null;
}
