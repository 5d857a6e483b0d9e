/**
 * All UDP ports of a proxy: which are new, which are gone, and the sessions of all of them. Opens before it closes, and touches
 * only what changed. Knows no routing.
 */
import os from 'node:os';
import type { ListenerProblem } from '../../contract/messages.ts';
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { isUdpHeldByOthers } from '../../lib/port-owner.ts';
import type { Limits } from '../limits.ts';
import { type ListenFailure, udpListenProblem } from '../listeners/listen-failure.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { type DatagramIo, openDatagramIo } from './datagram-io.ts';
import { SessionList } from './session-list.ts';
import { UdpPort, type UdpPortOptions } from './udp-port.ts';

export interface UdpPortsOptions extends Pick<UdpPortOptions, 'observer' | 'random' | 'now'> {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  /** Where listeners without addresses listen. */
  readonly defaultAddresses: readonly string[];
  /** Other processes may have the same ports: replicas of this one. */
  readonly othersMayShare?: boolean;
}

interface WantedPort {
  readonly address: string;
  readonly number: number;
  readonly listener: ListenerRuntime;
  /** One of this machine's, beside the socket for all of them: if it fails, that one still receives. */
  readonly isOwn: boolean;
}

/** When the process ends, a client that waits for an answer has this long to get it. */
const DRAIN_IDLE_MS = 1000;

const inUse: NodeJS.ErrnoException = Object.assign(new Error('in use'), { code: 'EADDRINUSE' });

export class UdpPorts {
  readonly #options: UdpPortsOptions;
  readonly #sessions: SessionList;
  readonly #open = new Map<string, UdpPort>();
  /** From the first port on. */
  #io: DatagramIo | null = null;
  #listeners: readonly ListenerRuntime[] = [];

  constructor(options: UdpPortsOptions) {
    this.#options = options;
    const { wheel, limits } = options;
    const { udpSessions: maxSessions, udpIdleTimeoutMs: idleTimeoutMs } = limits;
    this.#sessions = new SessionList({ wheel, maxSessions, idleTimeoutMs });
  }

  /** Serves exactly this from now on: what it answers no problem for receives when it returns. */
  apply(listeners: Iterable<ListenerRuntime>): readonly ListenerProblem[] {
    this.#listeners = [...listeners].filter(({ config }) => config.protocol === 'UDP');
    const wanted = this.#group();
    // A port that is given up here may be wanted there: on one address in place of all of them, for example.
    for (const [key, port] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      port.close('ListenerGone');
    }
    const problems = new Map<string, ListenerProblem>();
    for (const [key, want] of wanted) {
      const failure = this.#serve(key, want);
      if (failure === null || this.#isExpected(want, failure)) continue;
      const { reason, message } = failure;
      problems.set(`${want.listener.key} ${message}`, { listener: want.listener.key, reason, message });
    }
    return [...problems.values()];
  }

  /** Addresses of the machine may have come or gone. */
  refresh(): void {
    this.apply(this.#listeners);
  }

  /** Where it listens, for tests. */
  get bound(): readonly { readonly address: string; readonly port: number }[] {
    return [...this.#open].map(([key, port]) => ({
      address: key.slice(0, key.lastIndexOf(' ')),
      port: port.boundPort,
    }));
  }

  /** Sessions there are; for tests. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Begins no more sessions; resolves when those there are have fallen silent. */
  async drain(): Promise<void> {
    for (const port of this.#open.values()) port.startDrain();
    await this.#sessions.drain(DRAIN_IDLE_MS);
  }

  /** Ends everything now. */
  close(): void {
    for (const port of this.#open.values()) port.close('Shutdown');
    this.#open.clear();
    this.#io?.close();
    this.#io = null;
    this.#sessions.close();
  }

  #group(): Map<string, WantedPort> {
    const wanted = new Map<string, WantedPort>();
    // The compiler lets one listener only have a UDP port; the first stays.
    const add = (want: WantedPort) => wanted.getOrInsert(`${want.address} ${want.number}`, want);
    for (const listener of this.#listeners) {
      const { addresses, port: number } = listener.config;
      for (const address of addresses.length > 0 ? addresses : this.#options.defaultAddresses) {
        add({ address, number, listener, isOwn: false });
        if (number === 0) continue;
        for (const own of ownAddresses(address)) add({ address: own, number, listener, isOwn: true });
      }
    }
    return wanted;
  }

  #serve(key: string, { address, number, listener }: WantedPort): ListenFailure | null {
    const known = this.#open.get(key);
    if (known !== undefined) {
      known.serve(listener);
      return null;
    }
    // Workers share a port, and so do the sockets for one and for all addresses; other processes must not.
    if (!this.#options.othersMayShare && isUdpHeldByOthers(address, number))
      return udpListenProblem(inUse, address, number);
    const io = (this.#io ??= openDatagramIo());
    const port = new UdpPort({ ...this.#options, io, sessions: this.#sessions, address, port: number });
    port.serve(listener);
    const failure = port.open();
    if (failure === null) this.#open.set(key, port);
    return failure;
  }

  /** By default both families are listened on, and a machine may have only one. */
  #isExpected({ address, isOwn }: WantedPort, { isUnsupported }: ListenFailure): boolean {
    return isOwn || (isUnsupported && this.#options.defaultAddresses.includes(address));
  }
}

/**
 * The machine's addresses that stand behind `0.0.0.0` or `::`; none for any other. Node cannot say to which address a datagram
 * went (IP_PKTINFO), so each has a socket of its own, from which its replies leave.
 */
function ownAddresses(address: string): readonly string[] {
  if (address !== '0.0.0.0' && address !== '::') return [];
  const family = address === '::' ? 'IPv6' : 'IPv4';
  return Object.entries(os.networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter((own) => own.family === family)
      .map((own) => (own.scopeid ? `${own.address}%${name}` : own.address)),
  );
}
