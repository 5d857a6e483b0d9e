/**
 * One bound address and port of a UDP listener and the sessions that came in by it. Its replies leave from that address.
 * A change of configuration ends only the sessions whose backend is no longer the rule's.
 */
import type dgram from 'node:dgram';
import { type ListenFailure, udpListenProblem } from '../listeners/listen-failure.ts';
import type { ListenerRuntime, RuleRuntime } from '../runtime.ts';
import { chooseByWeight } from '../upstream/choose-backend.ts';
import { hashText } from '../upstream/hash.ts';
import type { SessionList } from './session-list.ts';
import type { SessionEnd, UdpObserver } from './udp-observer.ts';
import { type SessionHost, UdpSession } from './udp-session.ts';
import { listenOn, type ListeningAddress } from './udp-socket.ts';

export interface UdpPortOptions extends ListeningAddress {
  readonly sessions: SessionList;
  readonly observer: UdpObserver;
  /** Uniform in [0, 1). */
  random(): number;
  /** Monotonic milliseconds. */
  now(): number;
}

export class UdpPort implements SessionHost {
  readonly #options: UdpPortOptions;
  readonly #byClient = new Map<string, UdpSession>();
  #listener: ListenerRuntime | null = null;
  #rule: RuleRuntime | null = null;
  #socket: dgram.Socket | null = null;
  #isDraining = false;

  constructor(options: UdpPortOptions) {
    this.#options = options;
  }

  get boundPort(): number {
    return this.#socket?.address().port ?? 0;
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
    const { address, port } = this.#options;
    const socket = listenOn(this.#options, () => this.#drop('ReceiveFailed'));
    if (socket instanceof Error) return udpListenProblem(socket, address, port);
    this.#socket = socket;
    socket.on('message', (message, client) => this.#receive(message, client));
    return null;
  }

  /** Begins no more sessions. */
  startDrain(): void {
    this.#isDraining = true;
  }

  close(reason: SessionEnd): void {
    for (const session of this.#byClient.values()) session.end(reason);
    this.#socket?.close();
    this.#socket = null;
  }

  reply(message: Buffer, session: UdpSession): void {
    this.#socket?.send(message, session.clientPort, session.clientAddress);
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

  #receive(message: Buffer, client: dgram.RemoteInfo): void {
    const key = `${client.address} ${client.port}`;
    let session = this.#byClient.get(key) ?? null;
    if (session !== null && !session.hasEndpoint) {
      session.end('EndpointGone');
      session = null;
    }
    session ??= this.#begin(key, client);
    session?.forward(message);
  }

  #begin(key: string, client: dgram.RemoteInfo): UdpSession | null {
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
    const { sessions, observer } = this.#options;
    sessions.makeRoom();
    const session = UdpSession.open({ key, client, listener, rule, backend, endpoint }, this);
    if (session === null) {
      // Without file descriptors somebody has to give one up.
      sessions.evict();
      return this.#drop('NoSocket');
    }
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
