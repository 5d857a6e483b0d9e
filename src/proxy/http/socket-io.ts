/**
 * How bytes leave a socket: one read buffer shared by all sockets of a worker, so that reading allocates nothing.
 * Knows no protocol. Whoever receives bytes must use or copy them before it returns.
 */
// oxlint-disable no-underscore-dangle -- a socket's handle is reached by no other name
import net from 'node:net';
import tls from 'node:tls';
import { checkIdentity, type WantedIdentity } from './server-identity.ts';

/** What reads a socket. */
export interface Receiver {
  /** The bytes are valid until it returns. */
  receive(buffer: Buffer, start: number, end: number): void;
}

const READ_BYTES = 64 * 1024;
/** Node then asks ten times, a second apart: a backend whose machine is gone is found within half a minute. */
export const KEEP_ALIVE_MS = 15_000;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

function onread(receiver: Receiver): net.OnReadOpts {
  return {
    buffer: shared,
    callback(bytes) {
      receiver.receive(shared, 0, bytes);
      return true;
    },
  };
}

/** An accepted socket as a server with `pauseOnConnect` hands it over; the handle is Node's, not in its public types. */
interface WithHandle {
  _handle: unknown;
}

/**
 * Takes over an accepted plain socket: returns the socket to use from now on, half-open allowed, reading at once.
 * The server that accepted it no longer counts it (its `close` does not wait for it), so the caller keeps a registry.
 * Any number of listeners for `error`, `end`, `drain` and `close` are the business of the caller.
 */
export function adoptSocket(accepted: net.Socket, receiver: Receiver): net.Socket {
  const inside = accepted as unknown as WithHandle;
  const options = { handle: inside._handle, allowHalfOpen: true, onread: onread(receiver) };
  // What was read before, and given back: it comes first.
  const early = accepted.readableLength > 0 ? (accepted.read() as Buffer) : null;
  // The accepted socket must not close the handle it gives away.
  inside._handle = null;
  accepted.destroy();
  const socket = new net.Socket(options as net.SocketConstructorOpts);
  socket.setNoDelay(true);
  // Data never enters the stream; flowing is what lets `end` through.
  socket.resume();
  if (early !== null) process.nextTick(() => receiver.receive(early, 0, early.length));
  return socket;
}

/**
 * Reads a socket that already stands, by its events. For server-side TLS sockets: Node has no public way to read
 * those into a shared buffer, because the `onread` of a TLSSocket is dropped when it wraps another socket.
 */
export function readSocket(socket: net.Socket, receiver: Receiver): void {
  socket.on('data', (chunk: Buffer) => receiver.receive(chunk, 0, chunk.length));
}

/** Where to connect to. */
export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  readonly tls?: ConnectTls;
  /** Sent first, in the clear also before TLS: a PROXY header. */
  readonly preface?: Buffer;
  /** Counts the connections that are open or being opened. */
  readonly connections?: { add(change: number): void };
}

export interface ConnectTls extends WantedIdentity {
  /** PEM; absent: the system's CAs. */
  readonly ca?: string;
  /** PEM; shown to a backend that asks for one. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  /** What is offered by ALPN. */
  readonly protocols: readonly string[];
}

/** Begins to connect. What is written before it stands is sent then. `connect` (`secureConnect` with TLS) tells. */
export function connectSocket(target: ConnectTarget, receiver: Receiver): net.Socket {
  const { host, port } = target;
  // `onread` is read by net.Socket; the types know it for net.connect only.
  const plain = {
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    allowHalfOpen: true,
    onread: onread(receiver),
  };
  const socket = openSocket(target, plain, receiver);
  socket.resume();
  const { connections } = target;
  if (connections !== undefined) {
    connections.add(1);
    socket.once('close', () => connections.add(-1));
  }
  return socket;
}

function openSocket({ tls: tlsTo, preface }: ConnectTarget, plain: net.NetConnectOpts, receiver: Receiver): net.Socket {
  if (preface === undefined) return tlsTo ? tls.connect({ ...plain, ...tlsOptions(tlsTo) }) : net.connect(plain);
  if (!tlsTo) {
    const socket = net.connect(plain);
    socket.write(preface);
    return socket;
  }
  // Below TLS there has to be a socket of its own, which takes the preface before the handshake begins.
  const below = net.connect({ ...plain, onread: undefined } as net.NetConnectOpts);
  below.write(preface);
  const socket = tls.connect({ socket: below, ...tlsOptions(tlsTo) });
  below.on('error', (error) => socket.destroy(error));
  readSocket(socket, receiver);
  return socket;
}

const contexts = new Map<string, tls.SecureContext>();
const MAX_CONTEXTS = 256;

/** A context costs milliseconds and hundreds of KiB to make: one for each set of CAs and client certificate. */
function contextFor({ ca, clientCertificate: own }: ConnectTls): tls.SecureContext {
  const name = `${ca ?? ''} ${own?.certificate ?? ''} ${own?.key ?? ''}`;
  let context = contexts.get(name);
  if (context === undefined) {
    if (contexts.size >= MAX_CONTEXTS) contexts.clear();
    context = tls.createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
    });
    contexts.set(name, context);
  }
  return context;
}

function tlsOptions(options: ConnectTls): tls.ConnectionOptions {
  const { serverName } = options;
  return {
    // SNI carries names only (RFC 6066 §3).
    servername: net.isIP(serverName) === 0 ? serverName : '',
    secureContext: contextFor(options),
    ALPNProtocols: [...options.protocols],
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => checkIdentity(options, certificate),
  };
}
