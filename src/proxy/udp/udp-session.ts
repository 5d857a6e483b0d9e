/**
 * One client of a UDP listener and the endpoint that answers it: a connected socket of its own, so that the kernel lets only
 * that endpoint answer. Never says anything by itself. Knows neither routing nor other sessions.
 */
import type dgram from 'node:dgram';
import type { BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import type { Listed } from './session-list.ts';
import type { FinishedSession, SessionCounts, SessionEnd } from './udp-observer.ts';
import { connectTo } from './udp-socket.ts';

/** What a session needs of its port. */
export interface SessionHost {
  reply(message: Buffer, session: UdpSession): void;
  /** A datagram came or went. */
  touch(session: UdpSession): void;
  onSessionEnd(session: UdpSession): void;
  now(): number;
}

export interface SessionParts {
  /** Of the client in its port. */
  readonly key: string;
  readonly client: { readonly address: string; readonly port: number };
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
  readonly endpoint: EndpointRuntime;
}

export class UdpSession implements Listed, FinishedSession {
  readonly key: string;
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
  readonly endpoint: EndpointRuntime;
  readonly startedAt: number;
  seenAt = 0;
  older: Listed | null = null;
  newer: Listed | null = null;
  requestDatagrams = 0;
  requestBytes = 0;
  responseDatagrams = 0;
  responseBytes = 0;
  readonly #host: SessionHost;
  #socket: dgram.Socket | null = null;
  #counts: SessionCounts | null = null;
  /** Of the backend, when the endpoint was last found in it. */
  #revision: number;

  private constructor(parts: SessionParts, host: SessionHost) {
    this.key = parts.key;
    this.clientAddress = parts.client.address;
    this.clientPort = parts.client.port;
    this.listener = parts.listener;
    this.rule = parts.rule;
    this.backend = parts.backend;
    this.endpoint = parts.endpoint;
    this.#revision = parts.backend.revision;
    this.#host = host;
    this.startedAt = host.now();
  }

  /** Null where no socket can be had, mostly for want of file descriptors. */
  static open(parts: SessionParts, host: SessionHost): UdpSession | null {
    const session = new UdpSession(parts, host);
    const { address, port } = parts.endpoint.endpoint;
    // An ICMP error (RFC 1122 §4.1.3.3) says that nobody is there; the next datagram may find somebody who is.
    const socket = connectTo(address, port, () => session.end('BackendUnreachable'));
    if (socket === null) return null;
    session.#socket = socket;
    const peer = socket.remoteAddress();
    socket.on('message', (message, from) => {
      if (from.port === peer.port && from.address === peer.address) session.#receive(message);
    });
    parts.endpoint.begin();
    return session;
  }

  count(counts: SessionCounts): void {
    this.#counts = counts;
  }

  /** Whether the endpoint is still one of its backend. */
  get hasEndpoint(): boolean {
    const { revision } = this.backend;
    if (revision === this.#revision) return true;
    if (!this.backend.has(this.endpoint)) return false;
    this.#revision = revision;
    return true;
  }

  /** To the endpoint. What the kernel does not take is lost, as on any wire. */
  forward(message: Buffer): void {
    if (this.#socket === null) return;
    this.requestDatagrams++;
    this.requestBytes += message.length;
    this.#counts?.onRequest(message.length);
    this.#host.touch(this);
    this.#socket.send(message);
  }

  end(reason: SessionEnd): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    socket.close();
    this.#host.onSessionEnd(this);
    this.endpoint.done(reason === 'BackendUnreachable' ? false : this.responseDatagrams > 0 ? true : undefined);
    this.#counts?.onEnd(this, reason);
  }

  #receive(message: Buffer): void {
    if (this.#socket === null) return;
    this.responseDatagrams++;
    this.responseBytes += message.length;
    this.#counts?.onResponse(message.length);
    this.#host.touch(this);
    this.#host.reply(message, this);
  }
}
