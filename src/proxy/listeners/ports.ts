/**
 * All ports of a proxy: which listeners share one, which are new, which are gone. Opens before it closes, and touches
 * only what changed. Knows no routing; listeners pass through to the connections.
 */
import type { CertificateConfig, ListenerProtocol, Table } from '../../contract/gateway-config.ts';
import type { ListenerProblem } from '../../contract/messages.ts';
import type { ListenerRuntime } from '../runtime.ts';
import type { CertificateListener } from './certificate-table.ts';
import type { ListenFailure } from './listen-failure.ts';
import { Port, type PortOptions } from './port.ts';
import { isSameTls, type PortTls, serveOn } from './port-tls.ts';
import { type NamedContext, SecureContexts } from './secure-contexts.ts';

export interface PortsOptions extends Omit<PortOptions, 'address' | 'port' | 'observer'> {
  /** Where listeners without addresses listen. */
  readonly defaultAddresses: readonly string[];
  /** 48 random bytes, the same in all workers. */
  readonly ticketKeys: Buffer;
  createObserver(address: string, port: number): PortOptions['observer'];
}

/** What is to be served. */
export interface PortsWish {
  readonly listeners: Iterable<ListenerRuntime>;
  readonly certificates: Table<CertificateConfig>;
}

interface OpenPort {
  readonly port: Port;
  tls: PortTls | null;
}

interface WantedPort {
  readonly address: string;
  readonly number: number;
  readonly listeners: ListenerRuntime[];
}

export class Ports {
  readonly #options: PortsOptions;
  readonly #contexts: SecureContexts;
  readonly #open = new Map<string, OpenPort>();
  /** No longer wanted; their connections finish. */
  readonly #leaving = new Set<Port>();

  constructor(options: PortsOptions) {
    this.#options = options;
    this.#contexts = new SecureContexts(options.ticketKeys);
  }

  /** Serves exactly this from now on. Not to be called again before it resolves; it never rejects. */
  async apply({ listeners, certificates }: PortsWish): Promise<readonly ListenerProblem[]> {
    const wanted = this.#group(listeners);
    const problems: ListenerProblem[] = [];
    const missing: WantedPort[] = [];
    for (const [key, want] of wanted) {
      const tls = this.#tlsOf(want, certificates, problems);
      const known = this.#open.get(key);
      if (known !== undefined) this.#serve(known, want, tls);
      else if ((await this.#tryOpen(key, want, tls)) !== null) missing.push(want);
    }
    this.#leaveAllBut(wanted);
    // Some of these may have been waiting for a port that has just been given up.
    for (const want of missing) {
      const tls = this.#tlsOf(want, certificates, []);
      const failure = await this.#tryOpen(keyOf(want), want, tls);
      if (failure !== null) problems.push(...want.listeners.map(({ key }) => ({ listener: key, ...textOf(failure) })));
    }
    return distinct(problems);
  }

  /** Where it listens, for tests. */
  get bound(): readonly { readonly address: string; readonly port: number }[] {
    return [...this.#open].map(([key, { port }]) => ({
      address: key.slice(0, key.lastIndexOf(' ')),
      port: port.boundPort,
    }));
  }

  /** Accepts nothing more; resolves when the last connection is gone. */
  async drain(): Promise<void> {
    const ports = [...this.#open.values()].map(({ port }) => port.drain());
    await Promise.all([...ports, ...[...this.#leaving].map((port) => port.drain())]);
  }

  /** Keeps no connection longer than what it does now. */
  shed(): void {
    for (const { port } of this.#open.values()) port.shed();
    for (const port of this.#leaving) port.shed();
  }

  /** Closes everything now. */
  close(): void {
    for (const { port } of this.#open.values()) port.close();
    for (const port of this.#leaving) port.close();
  }

  #group(listeners: Iterable<ListenerRuntime>): Map<string, WantedPort> {
    const wanted = new Map<string, WantedPort>();
    for (const listener of listeners) {
      const { protocol, addresses, port: number } = listener.config;
      if (protocol === 'UDP') continue;
      for (const address of addresses.length > 0 ? addresses : this.#options.defaultAddresses) {
        const key = keyOf({ address, number });
        const want = wanted.get(key);
        if (want === undefined) wanted.set(key, { address, number, listeners: [listener] });
        else want.listeners.push(listener);
      }
    }
    return wanted;
  }

  /** The certificates of those that end TLS here; a passthrough listener has none. Null: the port is in the clear. */
  #tlsOf(want: WantedPort, table: Table<CertificateConfig>, problems: ListenerProblem[]): PortTls | null {
    if (!want.listeners.some(isTls)) return null;
    const of = (protocol: ListenerProtocol) =>
      want.listeners
        .filter(({ config }) => config.protocol === protocol && config.tls?.mode === 'Terminate')
        .map((listener) => this.#certificatesOf(listener, table, problems));
    return {
      https: of('HTTPS'),
      tls: of('TLS'),
      readsHello: want.listeners.some(({ config }) => config.protocol === 'TLS'),
    };
  }

  #certificatesOf(
    listener: ListenerRuntime,
    table: Table<CertificateConfig>,
    problems: ListenerProblem[],
  ): CertificateListener<NamedContext> {
    const { hostname, tls } = listener.config;
    const certificates = [];
    for (const key of tls?.certificates ?? []) {
      const certificate = table[key];
      if (certificate === undefined) continue;
      const result = this.#contexts.get({ certificate, validation: tls?.clientValidation });
      if ('problem' in result) problems.push(invalidCertificate(listener, certificate, result.problem));
      else certificates.push({ names: certificate.names, context: result.named });
    }
    return { hostname, certificates };
  }

  async #tryOpen(key: string, want: WantedPort, tls: OpenPort['tls']): Promise<ListenFailure | null> {
    const { address, number } = want;
    const port = new Port({
      ...this.#options,
      address,
      port: number,
      observer: this.#options.createObserver(address, number),
    });
    const opened = { port, tls: null };
    this.#serve(opened, want, tls);
    const failure = await port.open();
    if (failure === null) this.#open.set(key, opened);
    // By default both families are listened on, and a machine may have only one.
    const isExpected = failure?.isUnsupported === true && this.#options.defaultAddresses.includes(address);
    return isExpected ? null : failure;
  }

  #serve(opened: OpenPort, want: WantedPort, tls: OpenPort['tls']): void {
    opened.port.listeners = want.listeners;
    const { ticketKeys } = this.#options;
    if (opened.tls === null || tls === null || !isSameTls(opened.tls, tls)) serveOn(opened.port, tls, ticketKeys);
    opened.tls = tls;
  }

  #leaveAllBut(wanted: ReadonlyMap<string, unknown>): void {
    for (const [key, { port }] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      this.#leaving.add(port);
      void port.drain().then(() => this.#leaving.delete(port));
    }
  }
}

function keyOf({ address, number }: { address: string; number: number }): string {
  return `${address} ${number}`;
}

function isTls({ config }: ListenerRuntime): boolean {
  return config.protocol === 'HTTPS' || config.protocol === 'TLS';
}

function textOf({ reason, message }: ListenFailure): { reason: string; message: string } {
  return { reason, message };
}

function invalidCertificate(listener: ListenerRuntime, certificate: CertificateConfig, why: string): ListenerProblem {
  const { kind, namespace, name } = certificate.origin;
  const message = `${kind} ${namespace}/${name} cannot be used as a certificate: ${why}`;
  return { listener: listener.key, reason: 'InvalidCertificate', message };
}

/** A listener has the same problem on each of its addresses, mostly. */
function distinct(problems: readonly ListenerProblem[]): ListenerProblem[] {
  return [...new Map(problems.map((problem) => [`${problem.listener} ${problem.message}`, problem])).values()];
}
