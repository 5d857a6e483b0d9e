/** A proxy with one UDP listener, backends and clients on real sockets, for the tests of UDP. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { diffConfig } from '../../contract/config-diff.ts';
import type { Endpoint } from '../../contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../../contract/gateway-config.ts';
import type { FromProxy } from '../../contract/messages.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { Observed } from '../observe/observed.test-support.ts';
import { Proxy } from '../proxy.ts';

export interface UdpBackend {
  readonly endpoint: Endpoint;
  /** Ports that datagrams came from: one a session. */
  readonly peers: Set<number>;
  close(): void;
}

/** Answers each datagram with its name and the datagram. */
export async function startBackend(t: TestContext, name: string): Promise<UdpBackend> {
  const socket = dgram.createSocket('udp4');
  const peers = new Set<number>();
  socket.on('message', (message, from) => {
    peers.add(from.port);
    socket.send(`${name} ${message.toString()}`, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let isOpen = true;
  const close = () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  t.after(close);
  const { port } = socket.address();
  return { endpoint: { address: '127.0.0.1', port, ready: true, serving: true, terminating: false }, peers, close };
}

/** A listener `l` with a rule to these backends by weight. Without any, the listener has no rule. */
export function configOf(
  weights: Readonly<Record<string, number>>,
  port = 0,
  addresses = ['127.0.0.1'],
): GatewayConfig {
  const origin = { kind: 'UDPRoute', namespace: 'test', name: 'route', section: 'rules[0]' };
  const names = Object.keys(weights);
  const backend = { port: 53, protocol: 'udp', loadBalancing: { type: 'LeastRequest' } } as const;
  const backends = names.map((name) => ({ backend: name, weight: weights[name]!, filters: [] }));
  return {
    ...emptyConfig,
    listeners: {
      l: {
        origin: { kind: 'Gateway', namespace: 'test', name: 'web', section: 'dns' },
        gateway: 'Gateway/test/web',
        protocol: 'UDP',
        addresses,
        port,
        hostname: '',
      },
    },
    connections: names.length === 0 ? {} : { c: { listener: 'l', hostname: '', rule: 'r' } },
    routes: { t: { origin } },
    rules: { r: { route: 't', origin, filters: [], backends } },
    backends: Object.fromEntries(
      names.map((name) => [name, { ...backend, origin: { kind: 'Service', namespace: 'test', name } }]),
    ),
  };
}

export class UdpProxy {
  readonly proxy: Proxy;
  readonly #observed = new Observed();
  #config = emptyConfig;
  #version = 0;

  constructor(t: TestContext, limits: Partial<Limits> = {}) {
    this.proxy = new Proxy({
      filters: [],
      observer: this.#observed.observer,
      defaultAddresses: ['0.0.0.0', '::'],
      limits: { ...defaultLimits, ...limits },
    });
    t.after(() => this.proxy.close());
  }

  get port(): number {
    return this.proxy.bound[0]!.port;
  }

  async apply(
    config: GatewayConfig,
    endpoints: Readonly<Record<string, readonly Endpoint[]>> = {},
  ): Promise<FromProxy> {
    const patch = diffConfig(this.#config, config) ?? {};
    this.#config = config;
    const isSnapshot = this.#version === 0;
    const message = { type: 'config' as const, version: ++this.#version, isSnapshot, config: patch, endpoints };
    return (await this.proxy.apply(message))!;
  }

  /** Ended sessions, with what was gathered written out. */
  get logged(): readonly Record<string, unknown>[] {
    return this.#observed.logged;
  }

  /** The sum of a metric's series whose labels contain the text. */
  metric(name: string, labels = ''): number {
    return this.#observed.metric(name, labels);
  }
}

/** A client with a port of its own. */
export class UdpClient {
  readonly #socket = dgram.createSocket('udp4');
  readonly #answers: { text: string; from: string }[] = [];

  static async start(t: TestContext, address = '127.0.0.1'): Promise<UdpClient> {
    const client = new UdpClient();
    client.#socket.on('message', (message, from) =>
      client.#answers.push({ text: message.toString(), from: `${from.address}:${from.port}` }),
    );
    client.#socket.bind(0, address);
    await once(client.#socket, 'listening');
    t.after(() => client.#socket.close());
    return client;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Everything that came and `ask` has not taken. */
  get unasked(): number {
    return this.#answers.length;
  }

  send(text: string, port: number, address = '127.0.0.1'): void {
    this.#socket.send(text, port, address);
  }

  /** The answer and who gave it. */
  async ask(text: string, port: number, address = '127.0.0.1'): Promise<{ text: string; from: string }> {
    this.send(text, port, address);
    if (this.#answers.length === 0) await once(this.#socket, 'message', { signal: AbortSignal.timeout(60_000) });
    return this.#answers.shift()!;
  }
}
