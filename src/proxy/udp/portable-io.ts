/** Datagrams by Node's own sockets: wherever the kernel cannot be called, see kernel-io.ts. Knows no sessions. */
import type dgram from 'node:dgram';
import type {
  AddressAndPort,
  Client,
  ConnectedEnd,
  ConnectFailure,
  Datagram,
  DatagramIo,
  Handlers,
  ListeningEnd,
  ReplyTo,
} from './datagram-io.ts';
import { connectTo, listenOn } from './udp-socket.ts';

const unreachable: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH']);

export const portableIo: DatagramIo = { listen, connect, close() {} };

function listen(at: AddressAndPort, handlers: Handlers): ListeningEnd | Error {
  const socket = listenOn(at, () => handlers.onError());
  if (socket instanceof Error) return socket;
  socket.on('message', (message, from) => handlers.onDatagram(message, clientOf(from)));
  return new PortableEnd(socket, () => handlers.onUnsent());
}

function connect({ address, port }: AddressAndPort, handlers: Handlers): ConnectedEnd | ConnectFailure {
  const socket = connectTo(address, port, () => handlers.onError());
  if (typeof socket === 'string') return socket;
  const peer = socket.remoteAddress();
  socket.on('message', (message, from) => {
    // What arrived between bind and connect may come from anybody.
    if (from.port === peer.port && from.address === peer.address) handlers.onDatagram(message, clientOf(from));
  });
  return new PortableEnd(socket, ({ code = '' }) => {
    handlers.onUnsent();
    if (unreachable.has(code)) handlers.onError();
  });
}

class PortableEnd implements ListeningEnd, ConnectedEnd {
  readonly port: number;
  readonly #onSent: (error: NodeJS.ErrnoException | null) => void;
  #socket: dgram.Socket | null;

  constructor(socket: dgram.Socket, onUnsent: (error: NodeJS.ErrnoException) => void) {
    this.port = socket.address().port;
    this.#socket = socket;
    this.#onSent = (error) => {
      if (error !== null && this.#socket !== null) onUnsent(error);
    };
  }

  send(datagram: Datagram, to?: ReplyTo): void {
    if (to === undefined) return this.#socket?.send(datagram as Buffer, this.#onSent);
    const { address, port } = to as AddressAndPort;
    this.#socket?.send(datagram as Buffer, port, address, this.#onSent);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}

function clientOf({ address, port }: dgram.RemoteInfo): Client {
  return { key: `${address} ${port}`, address, port, replyTo: { address, port } };
}
