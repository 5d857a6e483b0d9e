/**
 * TLS where the server name decides more than the certificate: the ClientHello is read first, and then the connection is carried
 * as it is, or decrypted and carried, or decrypted and read as HTTP. What goes nowhere is closed before the handshake.
 */
import type net from 'node:net';
import type tls from 'node:tls';
import { selectListener } from '../routing/select-listener.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { socketBelow } from '../socket-below.ts';
import { planConnection, type TcpPlan, type TcpRefusal } from '../tcp/tcp-plan.ts';
import { hashText } from '../upstream/hash.ts';
import type { ClientHello } from './client-hello.ts';
import { answerHttp1, looksLikeHttp1 } from './http-on-tls.ts';
import { type OpenedConnection, readHello } from './hello-reader.ts';
import type { Port, PortService } from './port.ts';
import type { SocketName } from './proxy-protocol.ts';
import { readTlsSocket } from './tls-read.ts';
import type { TlsTerminator } from './tls-terminator.ts';

/** What was decided about a connection whose handshake is under way. */
interface Arrival {
  readonly peer: SocketName;
  readonly plan: TcpPlan;
  readonly serverName: string;
}

/** Null: there is no such listener, or none of their certificates is usable. */
export interface HelloTerminators {
  readonly https: TlsTerminator | null;
  readonly tls: TlsTerminator | null;
  /** The same for clients that offer one protocol only by ALPN: they get it, and speak no other. */
  readonly tlsOneProtocol: TlsTerminator | null;
}

export class HelloService {
  readonly #port: Port;
  readonly #arrivals = new WeakMap<net.Socket, Arrival>();
  #terminators: HelloTerminators = { https: null, tls: null, tlsOneProtocol: null };

  constructor(port: Port) {
    this.#port = port;
  }

  /** For handshakes that begin from now on. */
  set terminators(terminators: HelloTerminators) {
    this.#terminators = terminators;
  }

  readonly accept: PortService = (accepted) => {
    const port = this.#port;
    const peer = port.nameOf(accepted);
    const socket = readHello(accepted, {
      wheel: port.wheel,
      timeoutMs: port.limits.tlsHandshakeTimeoutMs,
      onHello: (hello, connection) => this.#onHello(hello, connection, peer),
      onRefused: (reason, connection) => this.#refuseFirstBytes(reason, connection, peer),
    });
    port.watch(socket);
  };

  /** The handshake of a TLS listener is done. */
  onSecure(socket: tls.TLSSocket): void {
    const arrival = this.#arrivals.get(socketBelow(socket)!)!;
    const { peer, plan, serverName } = arrival;
    this.#port.acceptBytes(plan, {
      ...peer,
      serverName,
      isTls: true,
      bytes: null,
      attach(receiver) {
        readTlsSocket(socket, receiver);
        return socket;
      },
    });
  }

  #onHello({ serverName, protocols }: ClientHello, connection: OpenedConnection, peer: SocketName): void {
    const { https, tls, tlsOneProtocol } = this.#terminators;
    const listener = selectListener(this.#port.listeners, serverName);
    // Without a name HTTPS shows its first certificate, as on a port of its own; requests then name their hosts.
    const isHttps = listener === null ? serverName === '' && https !== null : listener.config.protocol === 'HTTPS';
    if (isHttps && https !== null) return terminate(connection, https);
    const plan = isHttps ? 'NoCertificate' : this.#planOf(listener, serverName, peer);
    const { socket } = connection;
    if (typeof plan === 'string') {
      socket.destroy();
      this.#port.refuse({ ...peer, serverName, listener, reason: plan });
    } else if (plan.listener.config.tls?.mode === 'Passthrough') {
      this.#carry(connection, { peer, plan, serverName });
    } else {
      this.#arrivals.set(socket, { peer, plan, serverName });
      terminate(connection, protocols.length === 1 ? tlsOneProtocol! : tls!);
    }
  }

  #planOf(listener: ListenerRuntime | null, serverName: string, peer: SocketName): TcpPlan | TcpRefusal {
    if (listener === null) return 'UnknownServerName';
    const { random } = this.#port.tcp;
    if (listener.config.tls?.mode !== 'Passthrough' && this.#terminators.tls === null) return 'NoCertificate';
    return planConnection({ listener, serverName, affinity: hashText(peer.address), random });
  }

  #carry(connection: OpenedConnection, { peer, plan, serverName }: Arrival): void {
    this.#port.acceptBytes(plan, {
      ...peer,
      serverName,
      isTls: true,
      bytes: connection.bytes,
      attach(receiver) {
        connection.attach(receiver);
        return connection.socket;
      },
    });
  }

  #refuseFirstBytes(reason: string, { socket, bytes }: OpenedConnection, peer: SocketName): void {
    const isHttp = reason === 'NotTls' && looksLikeHttp1(bytes);
    if (isHttp) answerHttp1(socket);
    else socket.destroy();
    this.#port.refuse({ ...peer, serverName: '', listener: null, reason: isHttp ? 'HttpToTlsPort' : reason });
  }
}

/** The bytes go back: Node's TLS takes what a socket holds before it reads on. */
function terminate({ socket, bytes }: OpenedConnection, terminator: TlsTerminator): void {
  socket.pause();
  socket.unshift(bytes);
  terminator.accept(socket);
}
