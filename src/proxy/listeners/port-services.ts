/** What a port does with the sockets it accepts, by the protocols of its listeners. Knows neither codecs nor how bytes are carried. */
import { adoptSocket } from '../http/socket-io.ts';
import { planConnection } from '../tcp/tcp-plan.ts';
import { hashText } from '../upstream/hash.ts';
import type { Port, PortService } from './port.ts';
import type { TlsTerminator } from './tls-terminator.ts';

/** HTTP in the clear. */
export function clearService(port: Port): PortService {
  return (socket) => port.acceptClear(socket);
}

/** HTTPS alone: Node's TLS reads the ClientHello. Null: no certificate is usable, so each connection is closed. */
export function tlsService(port: Port, terminator: TlsTerminator | null): PortService {
  return (socket) => {
    if (terminator === null) {
      socket.destroy();
      port.reject('NoCertificate');
    } else terminator.accept(port.watch(socket));
  };
}

/** TCP: the compiler lets one listener only have the port. */
export function tcpService(port: Port): PortService {
  return (accepted) => {
    const peer = port.nameOf(accepted);
    const listener = port.listeners[0]!;
    const { random } = port.tcp;
    const plan = planConnection({ listener, serverName: '', affinity: hashText(peer.address), random });
    if (typeof plan === 'string') {
      accepted.destroy();
      port.refuse({ ...peer, serverName: '', listener, reason: plan });
    } else {
      const attach = (receiver: Parameters<typeof adoptSocket>[1]) => port.watch(adoptSocket(accepted, receiver));
      port.acceptBytes(plan, { ...peer, serverName: '', isTls: false, bytes: null, attach });
    }
  };
}
