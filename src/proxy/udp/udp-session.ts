/**
 * One client of a UDP listener and the endpoint that answers it: a connected socket of its own, so that the kernel lets only
 * that endpoint answer. Never says anything by itself. Knows neither routing nor other sessions.
 */
import type { BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import type { Client, ConnectedEnd, ConnectFailure, Datagram, DatagramIo, ReplyTo } from './datagram-io.ts';
import type { Listed } from './session-list.ts';
import type { FinishedSession, SessionCounts, SessionEnd } from './udp-observer.ts';

/** What a session needs of its port. */
export interface SessionHost {
  reply(datagram: Datagram, session: UdpSession): void;
  /** A datagram to the endpoint is lost. */
  onUnsent(): void;
  /** A datagram came or went. */
  touch(session: UdpSession): void;
  onSessionEnd(session: UdpSession): void;
  now(): number;
}

export interface SessionParts {
  readonly io: DatagramIo;
  /** Of the client in its port. */
  readonly key: string | number;
  readonly client: Client;
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
  readonly endpoint: EndpointRuntime;
}

export class UdpSession implements Listed, FinishedSession {
  readonly key: string | number;
  readonly replyTo: ReplyTo;
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
  #end: ConnectedEnd | null = null;
  #counts: SessionCounts | null = null;
  /** Of the backend, when the endpoint was last found in it. */
  #revision: number;

  private constructor(parts: SessionParts, host: SessionHost) {
    this.key = parts.key;
    this.replyTo = parts.client.replyTo;
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

  static open(parts: SessionParts, host: SessionHost): UdpSession | ConnectFailure {
    const session = new UdpSession(parts, host);
    const end = parts.io.connect(parts.endpoint.endpoint, {
      onDatagram: (datagram) => session.#receive(datagram),
      // Nobody is there; the next datagram may find somebody who is.
      onError: () => session.end('BackendUnreachable'),
      onUnsent: () => host.onUnsent(),
    });
    if (end === 'NoSocket') return end;
    parts.endpoint.begin();
    if (end === 'Unreachable') {
      parts.endpoint.done(false);
      return end;
    }
    session.#end = end;
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
  forward(datagram: Datagram): void {
    if (this.#end === null) return;
    this.requestDatagrams++;
    this.requestBytes += datagram.length;
    this.#counts?.onRequest(datagram.length);
    this.#host.touch(this);
    this.#end.send(datagram);
  }

  end(reason: SessionEnd): void {
    const end = this.#end;
    if (end === null) return;
    this.#end = null;
    end.close();
    this.#host.onSessionEnd(this);
    this.endpoint.done(reason === 'BackendUnreachable' ? false : this.responseDatagrams > 0 ? true : undefined);
    this.#counts?.onEnd(this, reason);
  }

  #receive(datagram: Datagram): void {
    if (this.#end === null) return;
    this.responseDatagrams++;
    this.responseBytes += datagram.length;
    this.#counts?.onResponse(datagram.length);
    this.#host.touch(this);
    this.#host.reply(datagram, this);
  }
}
