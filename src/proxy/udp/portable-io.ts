/** Datagrams by Node's own sockets: wherever the kernel cannot be called, see kernel-io.ts. Knows no sessions. */
import type dgram from 'node:dgram';
import type {
  AddressAndPort,
  Client,
  ConnectedEnd,
  Datagram,
  DatagramIo,
  Handlers,
  ListeningEnd,
  ReplyTo,
} from './datagram-io.ts';
import { connectTo, listenOn } from './udp-socket.ts';

export const portableIo: DatagramIo = { listen, connect, close() {} };

function listen(at: AddressAndPort, handlers: Handlers): ListeningEnd | Error {
  const socket = listenOn(at, () => handlers.onError());
  if (socket instanceof Error) return socket;
  socket.on('message', (message, from) => handlers.onDatagram(message, clientOf(from)));
  return new PortableEnd(socket);
}

function connect({ address, port }: AddressAndPort, handlers: Handlers): ConnectedEnd | null {
  const socket = connectTo(address, port, () => handlers.onError());
  if (socket === null) return null;
  const peer = socket.remoteAddress();
  socket.on('message', (message, from) => {
    // What arrived between bind and connect may come from anybody.
    if (from.port === peer.port && from.address === peer.address) handlers.onDatagram(message, clientOf(from));
  });
  return new PortableEnd(socket);
}

class PortableEnd implements ListeningEnd, ConnectedEnd {
  readonly port: number;
  #socket: dgram.Socket | null;

  constructor(socket: dgram.Socket) {
    this.port = socket.address().port;
    this.#socket = socket;
  }

  send(datagram: Datagram, to?: ReplyTo): void {
    if (to === undefined) return this.#socket?.send(datagram as Buffer);
    const { address, port } = to as AddressAndPort;
    this.#socket?.send(datagram as Buffer, port, address);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}

function clientOf({ address, port }: dgram.RemoteInfo): Client {
  return { key: `${address} ${port}`, address, port, replyTo: { address, port } };
}
