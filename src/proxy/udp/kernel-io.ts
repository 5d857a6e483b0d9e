/**
 * Datagrams by calls of the kernel, many at a time and in memory that is used again; Node takes new memory, a second call and
 * several objects for each. Node still makes and closes the sockets; what it would read and write is done here. Knows no sessions.
 */
import type dgram from 'node:dgram';
import type {
  AddressAndPort,
  ConnectedEnd,
  ConnectFailure,
  Datagram,
  DatagramIo,
  Handlers,
  ListeningEnd,
  ReplyTo,
} from './datagram-io.ts';
import { handleOf, kernel, type KernelCalls, loadKernelCalls } from './kernel-calls.ts';
import { EVENTS, KernelMemory, type Slot, SLOTS } from './kernel-memory.ts';
import { connectTo, listenOn } from './udp-socket.ts';

const SEND_FLAGS = kernel.MSG_DONTWAIT | kernel.MSG_NOSIGNAL;

/** No error of the socket: with EMSGSIZE the path takes less at once (RFC 1191), and the kernel cuts what comes next. */
const passing: ReadonlySet<number> = new Set([kernel.EAGAIN, kernel.EINTR, kernel.EMSGSIZE]);
const unreachable: ReadonlySet<number> = new Set([kernel.ECONNREFUSED, kernel.ENETUNREACH, kernel.EHOSTUNREACH]);

export class KernelIo implements DatagramIo {
  readonly #calls: KernelCalls;
  readonly #memory: KernelMemory;
  readonly #ends = new Map<number, KernelEnd>();
  readonly #wakeSocket: dgram.Socket;
  /** The epoll instance that watches all ends; -1 once closed. */
  #epoll: number;

  private constructor(calls: KernelCalls, wakeSocket: dgram.Socket, epoll: number) {
    this.#calls = calls;
    this.#memory = new KernelMemory(calls);
    this.#wakeSocket = wakeSocket;
    this.#epoll = epoll;
  }

  /**
   * Null where this Node or this machine cannot do it.
   *
   * Node's event loop has to wake us, and it watches nothing but what it has made itself. So it makes one socket more, and under
   * its descriptor we put the epoll instance of all ends: that becomes readable as soon as one of them is, Node tries to receive
   * from it, fails (ENOTSOCK), and tells us. Node owns the descriptor, hence closes it however the thread ends.
   */
  static open(calls = loadKernelCalls()): KernelIo | null {
    if (calls === null) return null;
    const socket = listenOn({ address: '127.0.0.1', port: 0 }, () => {});
    if (socket instanceof Error) return null;
    const handle = handleOf(socket);
    const epoll = handle === null ? -1 : calls.epoll_create1(kernel.CLOEXEC);
    if (handle === null || epoll < 0 || handle.recvStop() !== 0) {
      if (epoll >= 0) calls.close(epoll);
      socket.close();
      return null;
    }
    const replaced = calls.dup3(epoll, handle.fd, kernel.CLOEXEC);
    calls.close(epoll);
    const io = new KernelIo(calls, socket, handle.fd);
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a handle has one listener
    handle.onmessage = () => io.#onWake();
    if (replaced >= 0 && handle.recvStart() === 0) return io;
    io.close();
    return null;
  }

  listen(at: AddressAndPort, handlers: Handlers): ListeningEnd | Error {
    const socket = listenOn(at, () => handlers.onError());
    if (socket instanceof Error) return socket;
    return this.#takeOver(socket, handlers) ?? new Error('epoll_ctl: the kernel watches no more sockets');
  }

  connect({ address, port }: AddressAndPort, handlers: Handlers): ConnectedEnd | ConnectFailure {
    const socket = connectTo(address, port, () => handlers.onError());
    if (typeof socket === 'string') return socket;
    const end = this.#takeOver(socket, handlers);
    if (end === null) return 'NoSocket';
    // What arrived between bind and connect may come from anybody; the endpoint has not been told of this socket yet.
    this.#memory.prepareDiscard();
    while (this.#calls.recvmmsg(end.fd, this.#memory.sendHeader, 1, kernel.MSG_DONTWAIT, 0n) > 0);
    return end;
  }

  close(): void {
    if (this.#epoll < 0) return;
    this.#epoll = -1;
    this.#wakeSocket.close();
  }

  /** For ends alone. `to` is null on connected ones. */
  send(end: KernelEnd, slot: Slot, to: Uint32Array | null): void {
    this.#memory.prepare(slot);
    if (to !== null) this.#memory.prepareName(to);
    if (this.#calls.sendmsg(end.fd, this.#memory.sendHeader, SEND_FLAGS) >= 0) return;
    const errno = this.#calls.errno();
    end.handlers.onUnsent();
    // Perhaps the answer to an earlier datagram, which this call has taken from the socket.
    if (to === null && unreachable.has(errno)) end.handlers.onError();
  }

  /** For ends alone. */
  forget(fd: number): void {
    this.#ends.delete(fd);
    this.#calls.epoll_ctl(this.#epoll, kernel.EPOLL_CTL_DEL, fd, this.#memory.scratch);
  }

  /** Null, and the socket closed, where the kernel watches no more (`fs.epoll.max_user_watches`). */
  #takeOver(socket: dgram.Socket, handlers: Handlers): KernelEnd | null {
    const handle = handleOf(socket)!;
    handle.recvStop();
    const end = new KernelEnd({ io: this, socket, fd: handle.fd, handlers });
    this.#ends.set(end.fd, end);
    this.#memory.prepareEvent(end.fd);
    if (this.#calls.epoll_ctl(this.#epoll, kernel.EPOLL_CTL_ADD, end.fd, this.#memory.scratch) === 0) return end;
    end.close();
    return null;
  }

  #onWake(): void {
    const { epoll_wait: wait } = this.#calls;
    const count = wait(this.#epoll, this.#memory.events, EVENTS, 0);
    for (let i = 0; i < count; i++) {
      // An end may be closed by what came before it, and its descriptor be another one's: that one finds nothing to read.
      const end = this.#ends.get(this.#memory.eventFd(i));
      if (end !== undefined) this.#receive(end);
    }
  }

  /** Once for each wake: what is left wakes us again, after whatever else waits. */
  #receive(end: KernelEnd): void {
    const memory = this.#memory;
    memory.reset();
    const count = this.#calls.recvmmsg(end.fd, memory.headers, SLOTS, kernel.MSG_DONTWAIT, 0n);
    if (count < 0) {
      if (!passing.has(this.#calls.errno())) end.handlers.onError();
      return;
    }
    memory.received(count);
    for (let i = 0; i < count && end.fd >= 0; i++) {
      const slot = memory.slots[i]!;
      end.handlers.onDatagram(slot, slot);
    }
  }
}

interface KernelEndParts {
  readonly io: KernelIo;
  readonly socket: dgram.Socket;
  readonly fd: number;
  readonly handlers: Handlers;
}

/** A socket of Node's that the kernel is asked about. After `close` its descriptor may be anybody's, so it is forgotten. */
class KernelEnd implements ListeningEnd, ConnectedEnd {
  /** -1 once closed. */
  fd: number;
  readonly handlers: Handlers;
  readonly port: number;
  readonly #io: KernelIo;
  readonly #socket: dgram.Socket;

  constructor({ io, socket, fd, handlers }: KernelEndParts) {
    this.fd = fd;
    this.handlers = handlers;
    this.port = socket.address().port;
    this.#io = io;
    this.#socket = socket;
  }

  send(datagram: Datagram, to?: ReplyTo): void {
    if (this.fd >= 0) this.#io.send(this, datagram as Slot, (to as Uint32Array | undefined) ?? null);
  }

  close(): void {
    if (this.fd < 0) return;
    this.#io.forget(this.fd);
    this.fd = -1;
    this.#socket.close();
  }
}
