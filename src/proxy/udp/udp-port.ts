/**
 * One bound address and port of a UDP listener and the sessions that came in by it. Its replies leave from that address.
 * A change of configuration ends only the sessions whose backend is no longer the rule's.
 */
import { type ListenFailure, udpListenProblem } from '../listeners/listen-failure.ts';
import type { ListenerRuntime, RuleRuntime } from '../runtime.ts';
import { chooseByWeight } from '../upstream/choose-backend.ts';
import { hashText } from '../upstream/hash.ts';
import type { AddressAndPort, Client, Datagram, DatagramIo, ListeningEnd } from './datagram-io.ts';
import type { SessionList } from './session-list.ts';
import type { SessionEnd, UdpObserver } from './udp-observer.ts';
import { type SessionHost, UdpSession } from './udp-session.ts';

export interface UdpPortOptions extends AddressAndPort {
  readonly io: DatagramIo;
  readonly sessions: SessionList;
  readonly observer: UdpObserver;
  /** Uniform in [0, 1). */
  random(): number;
  /** Monotonic milliseconds. */
  now(): number;
}

export class UdpPort implements SessionHost {
  readonly #options: UdpPortOptions;
  readonly #byClient = new Map<string | number, UdpSession>();
  #listener: ListenerRuntime | null = null;
  #rule: RuleRuntime | null = null;
  #end: ListeningEnd | null = null;
  #isDraining = false;

  constructor(options: UdpPortOptions) {
    this.#options = options;
  }

  get boundPort(): number {
    return this.#end?.port ?? 0;
  }

  /** Replaced on each change of configuration. */
  serve(listener: ListenerRuntime): void {
    if (listener === this.#listener) return;
    this.#listener = listener;
    const rule = listener.matchConnection('');
    if (rule === this.#rule) return;
    this.#rule = rule;
    for (const session of this.#byClient.values()) if (!names(rule, session)) session.end('RouteChanged');
  }

  /** Null: it receives from now on. */
  open(): ListenFailure | null {
    const { io, address, port } = this.#options;
    const end = io.listen(this.#options, {
      onDatagram: (datagram, client) => this.#receive(datagram, client),
      onError: () => this.#drop('ReceiveFailed'),
      onUnsent: () => this.onUnsent(),
    });
    if (end instanceof Error) return udpListenProblem(end, address, port);
    this.#end = end;
    return null;
  }

  /** Begins no more sessions. */
  startDrain(): void {
    this.#isDraining = true;
  }

  close(reason: SessionEnd): void {
    for (const session of this.#byClient.values()) session.end(reason);
    this.#end?.close();
    this.#end = null;
  }

  reply(datagram: Datagram, session: UdpSession): void {
    this.#end?.send(datagram, session.replyTo);
  }

  onUnsent(): void {
    this.#drop('SendFailed');
  }

  touch(session: UdpSession): void {
    this.#options.sessions.touch(session);
  }

  onSessionEnd(session: UdpSession): void {
    this.#byClient.delete(session.key);
    this.#options.sessions.remove(session);
  }

  now(): number {
    return this.#options.now();
  }

  #receive(datagram: Datagram, client: Client): void {
    const { key } = client;
    let session = this.#byClient.get(key) ?? null;
    if (session !== null && !session.hasEndpoint) {
      session.end('EndpointGone');
      session = null;
    }
    session ??= this.#begin(key, client);
    session?.forward(datagram);
  }

  #begin(key: string | number, client: Client): UdpSession | null {
    const listener = this.#listener;
    const rule = this.#rule;
    // From port 0 there is nobody to answer to (RFC 768), and the kernel would refuse to send there.
    if (client.port === 0) return this.#drop('NoClientPort');
    if (this.#isDraining) return this.#drop('Draining');
    if (listener === null || rule === null) return this.#drop('NoRoute');
    const choice = chooseByWeight(rule, this.#options.random);
    if (choice === null || choice.backend === null) return this.#drop(choice?.ref.problem ?? 'NoBackend');
    const { backend } = choice;
    const endpoint = backend.pick({ tried: [], affinity: hashText(client.address), sticky: '' });
    if (endpoint === null) return this.#drop('NoEndpoint');
    const { io, sessions, observer } = this.#options;
    const session = UdpSession.open({ io, key, client, listener, rule, backend, endpoint }, this);
    if (session === 'Unreachable') return this.#drop('BackendUnreachable');
    if (session === 'NoSocket') {
      // Without file descriptors somebody has to give one up.
      sessions.evict();
      return this.#drop(session);
    }
    sessions.makeRoom();
    session.count(observer.onSessionStart(session));
    this.#byClient.set(key, session);
    sessions.add(session);
    return session;
  }

  #drop(reason: string): null {
    this.#options.observer.onDropped(this.#options, reason);
    return null;
  }
}

/** A rule that has changed otherwise may go on serving its sessions. */
function names(rule: RuleRuntime | null, { backend }: UdpSession): boolean {
  return rule !== null && rule.backends.some((choice) => choice.backend === backend && choice.ref.weight > 0);
}
