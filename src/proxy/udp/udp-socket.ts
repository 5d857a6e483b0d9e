/**
 * Datagram sockets that bind, connect and send within the call. Node would look every address up, even one of numbers, and
 * answer a turn later; here nothing is looked up. Knows no sessions.
 */
import dgram from 'node:dgram';
import type { AddressAndPort, ConnectFailure } from './datagram-io.ts';

/** As Node calls it inside, with the family as a number; the public type has the form of `dns.lookup`. */
type NumericLookup = (
  address: string,
  family: number,
  callback: (error: Error | null, address: string, family: number) => void,
) => void;

/** The one name that needs no looking up (RFC 6761 §6.3); backends are mapped to it by hand. */
const takeAsItIs: NumericLookup = (address, family, callback) =>
  callback(null, address === 'localhost' ? '127.0.0.1' : address, family);
const lookup = takeAsItIs as unknown as NonNullable<dgram.SocketOptions['lookup']>;

/** Bursts wait here while the event loop is busy; the kernel gives less where `net.core.rmem_max` is smaller. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** A socket that receives by the time this returns. `onError` is told whatever happens to it later. */
export function listenOn({ address, port }: AddressAndPort, onError: () => void): dgram.Socket | Error {
  const socket = dgram.createSocket({
    type: familyOf(address),
    // With other workers, and with the socket for all addresses.
    reusePort: true,
    // IPv4 has a socket of its own.
    ipv6Only: address.includes(':'),
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    lookup,
  });
  let failure: Error | null = null;
  let isListening = false;
  socket.on('error', (error) => (isListening ? onError() : (failure = error)));
  socket.bind({ address, port, exclusive: true }, () => (isListening = true));
  if (isListening) return socket;
  socket.close();
  return failure ?? new Error('the socket was not bound at once');
}

/** A socket of its own that is connected to one peer by the time this returns. */
export function connectTo(address: string, port: number, onError: () => void): dgram.Socket | ConnectFailure {
  const socket = dgram.createSocket({ type: familyOf(address), lookup });
  let isOpen = false;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // The path takes less at once (RFC 1191): the kernel remembers, and cuts what comes next.
    if (isOpen && error.code !== 'EMSGSIZE') onError();
  });
  try {
    socket.connect(port, address);
    // Throws unless connected. What arrived between bind and connect may come from anybody, so the peer's name is needed.
    socket.remoteAddress();
  } catch {
    const failure = isBound(socket) ? 'Unreachable' : 'NoSocket';
    socket.close();
    return failure;
  }
  isOpen = true;
  return socket;
}

function isBound(socket: dgram.Socket): boolean {
  try {
    return socket.address().port > 0;
  } catch {
    return false;
  }
}

function familyOf(address: string): 'udp4' | 'udp6' {
  return address.includes(':') ? 'udp6' : 'udp4';
}
