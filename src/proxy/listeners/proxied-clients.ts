/**
 * Whose connections a port's trusted peers pass on (PROXY protocol): reads the header before anything else is read, and keeps
 * the client's name until the connection asks for it. Whoever is not trusted, or sends no sound header, is closed.
 */
import net from 'node:net';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { readProxyHeader, type ProxyHeader, type SocketName } from './proxy-protocol.ts';

export interface ProxiedClientsOptions {
  readonly wheel: DeadlineWheel;
  /** For the header. */
  readonly timeoutMs: number;
  /** `reason` is a CamelCase word; the socket is closed. */
  onRefused(reason: string, peer: SocketName): void;
}

export class ProxiedClients {
  readonly #options: ProxiedClientsOptions;
  /** By the real ends of the connection, which TLS does not change. */
  readonly #names = new Map<string, SocketName>();
  /** Their header is being read. */
  readonly #readers = new Set<HeaderReader>();
  /** Null: connections speak for themselves. */
  #trusted: net.BlockList | null = null;

  constructor(options: ProxiedClientsOptions) {
    this.#options = options;
  }

  /** The port serves these from now on. The header comes before anything that tells its listeners apart, so it is asked of all. */
  set listeners(listeners: readonly ListenerRuntime[]) {
    const trusted = listeners.flatMap(({ config }) => config.proxyProtocol?.trustedPeers ?? []);
    this.#trusted = trusted.length === 0 ? null : blockListOf(trusted);
  }

  get isAsked(): boolean {
    return this.#trusted !== null;
  }

  /** Connections whose header is being read. */
  get pending(): number {
    return this.#readers.size;
  }

  /** Reads the header of a socket that was accepted with `pauseOnConnect`; `onRead` has it as if the header had never been. */
  read(socket: net.Socket, onRead: (socket: net.Socket) => void): void {
    const peer = endOf(socket);
    const family = net.isIPv6(peer.address) ? 'ipv6' : 'ipv4';
    if (this.#trusted?.check(peer.address, family) !== true) {
      socket.destroy();
      this.#options.onRefused('UntrustedProxyPeer', peer);
      return;
    }
    const reader = new HeaderReader(socket, this.#options, (result) => {
      this.#readers.delete(reader);
      if (typeof result === 'string') {
        socket.destroy();
        this.#options.onRefused(result, peer);
        return;
      }
      if (result.client !== null) this.#names.set(keyOf(socket), result.client);
      onRead(socket);
    });
    this.#readers.add(reader);
  }

  /** Who is at the other end of a socket, or of the TLS socket on top of it. */
  nameOf(socket: net.Socket): SocketName {
    if (this.#names.size === 0) return endOf(socket);
    return this.#names.get(keyOf(socket)) ?? endOf(socket);
  }

  /** What `forget` wants when the name is not needed any more; null: there is none. To be asked while the socket is open. */
  find(socket: net.Socket): string | null {
    if (this.#names.size === 0) return null;
    const key = keyOf(socket);
    return this.#names.has(key) ? key : null;
  }

  forget(key: string): void {
    this.#names.delete(key);
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }
}

class HeaderReader implements DeadlineOwner {
  readonly #socket: net.Socket;
  readonly #wheel: DeadlineWheel;
  readonly #deadline = new Deadline(this);
  readonly #onResult: (result: ProxyHeader | string) => void;
  readonly #onReadable = () => this.#read();
  readonly #onGone = () => this.#finish('ProxyPeerGone');
  #bytes: Buffer = Buffer.alloc(0);

  constructor(socket: net.Socket, options: ProxiedClientsOptions, onResult: (result: ProxyHeader | string) => void) {
    this.#socket = socket;
    this.#wheel = options.wheel;
    this.#onResult = onResult;
    socket.on('readable', this.#onReadable);
    socket.on('error', this.#onGone);
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
    this.#wheel.arm(this.#deadline, options.timeoutMs);
  }

  onDeadline(): void {
    this.#finish('ProxyHeaderTimeout');
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(): void {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const verdict = readProxyHeader(this.#bytes);
    if (verdict === 'needMore') return;
    if (verdict === 'none') this.#finish('NoProxyHeader');
    else if (verdict === 'malformed') this.#finish('MalformedProxyHeader');
    else this.#finish(verdict);
  }

  #finish(result: ProxyHeader | string): void {
    const socket = this.#socket;
    this.#wheel.release(this.#deadline);
    socket.off('readable', this.#onReadable);
    socket.off('end', this.#onGone);
    socket.off('close', this.#onGone);
    // Whoever has the socket next listens by itself; a refused one still needs somebody.
    if (typeof result === 'string') socket.on('error', ignore);
    socket.off('error', this.#onGone);
    if (typeof result === 'object' && this.#bytes.length > result.length) {
      socket.unshift(this.#bytes.subarray(result.length));
    }
    this.#onResult(result);
  }
}

function ignore(): void {}

function endOf(socket: net.Socket): SocketName {
  return { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
}

function keyOf(socket: net.Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}

/** The policy has judged the texts. */
function blockListOf(ranges: readonly string[]): net.BlockList {
  const list = new net.BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = net.isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return list;
}
