/**
 * The seam between UDP sessions and what reads and writes their datagrams: the kernel itself where Node lets us call it, Node's
 * datagram sockets elsewhere. Knows no sessions.
 */
import { KernelIo } from './kernel-io.ts';
import { portableIo } from './portable-io.ts';

/** A datagram that is handed over. It is gone when the call returns, and only ends of the io that it came by can send it. */
export interface Datagram {
  /** Bytes, without headers. */
  readonly length: number;
}

/** Who sent a datagram to a listening end; valid until the call returns. */
export interface Client {
  /** The same for each datagram from this address and port, another one for any other client of the end. */
  readonly key: string | number;
  readonly address: string;
  readonly port: number;
  /** May be kept. */
  readonly replyTo: ReplyTo;
}

/** A client's name in the form that the io sends with. */
export type ReplyTo = object;

export interface Handlers {
  onDatagram(datagram: Datagram, client: Client): void;
  /** Receiving failed; from an ICMP error (RFC 1122 §4.1.3.3) a connected end learns that nobody is there. */
  onError(): void;
  /** A datagram of this end is lost: the kernel had no room for it, no way to its peer, or found it too large. */
  onUnsent(): void;
}

/** `NoSocket`: the machine has none to give. `Unreachable`: it has no way to this address. */
export type ConnectFailure = 'NoSocket' | 'Unreachable';

/** What is not taken at once is lost, as on any wire, and `onUnsent` is told. After `close` both methods do nothing. */
export interface ListeningEnd {
  readonly port: number;
  send(datagram: Datagram, to: ReplyTo): void;
  close(): void;
}

/** Receives from its peer only. */
export interface ConnectedEnd {
  send(datagram: Datagram): void;
  close(): void;
}

export interface AddressAndPort {
  readonly address: string;
  readonly port: number;
}

export interface DatagramIo {
  /** Receives by the time this returns, together with the other workers on the same port. */
  listen(at: AddressAndPort, handlers: Handlers): ListeningEnd | Error;
  connect(to: AddressAndPort, handlers: Handlers): ConnectedEnd | ConnectFailure;
  /** After all of its ends. */
  close(): void;
}

/** The fastest that this Node can do. */
export function openDatagramIo(): DatagramIo {
  return KernelIo.open() ?? portableIo;
}
