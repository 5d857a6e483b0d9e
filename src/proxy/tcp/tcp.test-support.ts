/** A proxy with listeners that carry bytes, backends that are scripted, and clients on real sockets, for the tests of TCP and TLS. */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { diffConfig } from '../../contract/config-diff.ts';
import type { Endpoint } from '../../contract/endpoints.ts';
import {
  type BackendConfig,
  type CertificateConfig,
  emptyConfig,
  type GatewayConfig,
  type ListenerConfig,
} from '../../contract/gateway-config.ts';
import { until } from '../../../test/until.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { Observed } from '../observe/observed.test-support.ts';
import { Proxy } from '../proxy.ts';
import type { TcpEnvironment } from './tcp-connection.ts';

/** For ports that carry none. */
export const noTcp: TcpEnvironment = {
  limits: defaultLimits,
  get wheel(): never {
    throw new Error('no connection is carried as bytes here');
  },
  observer: {
    onStart() {
      throw new Error('no connection is carried as bytes here');
    },
    onRefused() {},
  },
  connectionsOf: () => ({ add() {} }),
  random: Math.random,
  now: () => performance.now(),
};

export interface TestBackend {
  readonly endpoint: Endpoint;
  /** In the order in which they came. */
  readonly sockets: readonly net.Socket[];
}

export function endpointAt(port: number, address = '127.0.0.1'): Endpoint {
  return { address, port, ready: true, serving: true, terminating: false };
}

/** `serve` gets each connection; with `options` it speaks TLS. Half-open, as anything that relays must expect. */
export async function startBackend(
  t: TestContext,
  serve: (socket: net.Socket) => void,
  options?: tls.TlsOptions,
): Promise<TestBackend> {
  const sockets: net.Socket[] = [];
  const onSocket = (socket: net.Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  };
  const server = options
    ? tls.createServer({ ...options, allowHalfOpen: true }, onSocket)
    : net.createServer({ allowHalfOpen: true }, onSocket);
  if (options) server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { endpoint: endpointAt((server.address() as net.AddressInfo).port), sockets };
}

/** Answers each chunk with its name and the chunk, and ends when its client does. */
export function echo(name: string): (socket: net.Socket) => void {
  return (socket) => {
    socket.on('data', (data) => socket.write(`${name} ${data.toString('latin1')}`, 'latin1'));
    socket.on('end', () => socket.end());
  };
}

/** A port where nobody listens. */
export async function deadPort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface TestRoute {
  /** By section name. */
  readonly listener: string;
  readonly hostname?: string;
  /** By backend: its weight; a name that ends in `?` is one that could not be resolved. */
  readonly weights: Readonly<Record<string, number>>;
}

export interface TestConfig {
  readonly listeners: Readonly<Record<string, Partial<ListenerConfig>>>;
  readonly routes: readonly TestRoute[];
  readonly backends?: Readonly<Record<string, Partial<BackendConfig>>>;
  readonly certificates?: Readonly<Record<string, CertificateConfig>>;
  /** Of HTTP listeners. */
  readonly paths?: GatewayConfig['paths'];
}

const originOf = (kind: string, name: string, section?: string) => ({
  kind,
  namespace: 'test',
  name,
  ...(section !== undefined && { section }),
});

/** Rules, routes and connections have the route's place in the list as their key. */
export function configOf({ listeners, routes, backends = {}, ...tables }: TestConfig): GatewayConfig {
  const refs = (weights: TestRoute['weights']) =>
    Object.entries(weights).map(([name, weight]) =>
      name.endsWith('?') ? { problem: 'BackendNotFound', weight, filters: [] } : { backend: name, weight, filters: [] },
    );
  const named = routes.flatMap(({ weights }) => Object.keys(weights)).filter((name) => !name.endsWith('?'));
  const backend = { port: 80, protocol: 'tcp', loadBalancing: { type: 'LeastRequest' } } as const;
  const table = <T>(make: (route: TestRoute, i: number) => T) =>
    Object.fromEntries(routes.map((route, i) => [`r${i}`, make(route, i)]));
  return {
    ...emptyConfig,
    ...tables,
    listeners: Object.fromEntries(
      Object.entries(listeners).map(([name, config]) => [
        name,
        {
          origin: originOf('Gateway', 'web', name),
          gateway: 'Gateway/test/web',
          protocol: 'TCP' as const,
          addresses: ['127.0.0.1'],
          port: 0,
          hostname: '',
          ...config,
        },
      ]),
    ),
    connections: table(({ listener, hostname = '' }, i) => ({ listener, hostname, rule: `r${i}` })),
    routes: table((_, i) => ({ origin: originOf('TCPRoute', `route-${i}`) })),
    rules: table(({ weights }, i) => ({
      route: `r${i}`,
      origin: originOf('TCPRoute', `route-${i}`, 'rules[0]'),
      filters: [],
      backends: refs(weights),
    })),
    backends: Object.fromEntries(
      named.map((name) => [name, { ...backend, origin: originOf('Service', name), ...backends[name] }]),
    ),
  };
}

export class TcpProxy {
  readonly proxy: Proxy;
  readonly #observed = new Observed();
  #config = emptyConfig;
  #version = 0;

  constructor(t: TestContext, limits: Partial<Limits> = {}) {
    this.proxy = new Proxy({
      filters: [],
      observer: this.#observed.observer,
      defaultAddresses: ['127.0.0.1'],
      limits: { ...defaultLimits, ...limits },
    });
    t.after(() => this.proxy.close());
  }

  /** One that has this configuration. */
  static async serving(t: TestContext, ...version: Parameters<TcpProxy['apply']>): Promise<TcpProxy> {
    const proxy = new TcpProxy(t);
    await proxy.apply(...version);
    return proxy;
  }

  /** Of the only listening address. */
  get port(): number {
    return this.proxy.bound[0]!.port;
  }

  /** All endpoints there are, by backend. */
  async apply(config: TestConfig, endpoints: Readonly<Record<string, readonly Endpoint[]>> = {}): Promise<void> {
    const next = configOf(config);
    const patch = diffConfig(this.#config, next) ?? {};
    this.#config = next;
    const isSnapshot = this.#version === 0;
    const message = { type: 'config' as const, version: ++this.#version, isSnapshot, config: patch, endpoints };
    const answer = await this.proxy.apply(message);
    if (answer?.type !== 'ack' || answer.problems.length > 0) throw new Error(JSON.stringify(answer));
  }

  /** The lines of the access log once there are so many. */
  async logged(count: number): Promise<readonly Record<string, unknown>[]> {
    await until(() => this.#observed.logged.length >= count, `${count} lines are logged`);
    return this.#observed.lines;
  }

  /** The sum of a metric's series whose labels contain the text. */
  metric(name: string, labels = ''): number {
    return this.#observed.metric(name, labels);
  }
}

/** Whether the kernel asks after the client of each connection of the port that says nothing (timer 2 of /proc/net/tcp). */
export function isAskedAfter(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const open = lines.filter(([, address, , state]) => address?.endsWith(local) && state === '01');
  return open.length > 0 && open.every(([, , , , , timer]) => timer?.startsWith('02:'));
}

/** A raw client, half-open, that keeps what it gets. */
export class TcpClient {
  readonly socket: net.Socket;
  received = '';
  isEnded = false;
  error = '';
  isClosed = false;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (data: Buffer) => (this.received += data.toString('latin1')));
    socket.on('end', () => (this.isEnded = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
    socket.on('close', () => (this.isClosed = true));
  }

  static async connect(t: TestContext, port: number): Promise<TcpClient> {
    const client = new TcpClient(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
    t.after(() => client.socket.destroy());
    await once(client.socket, 'connect');
    return client;
  }

  /** The handshake is done when it resolves; rejects where it fails. */
  static async secure(t: TestContext, port: number, options: tls.ConnectionOptions): Promise<TcpClient> {
    const secure = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true, ...options };
    const client = new TcpClient(tls.connect(secure));
    t.after(() => client.socket.destroy());
    await once(client.socket, 'secureConnect');
    return client;
  }

  async ask(text: string): Promise<string> {
    const before = this.received.length;
    this.socket.write(text, 'latin1');
    await until(() => this.received.length > before || this.isClosed, 'an answer comes');
    return this.received.slice(before);
  }

  /** Nothing more comes. */
  ended(): Promise<void> {
    return until(() => this.isEnded || this.isClosed, 'the other side has ended');
  }

  closed(): Promise<void> {
    return until(() => this.isClosed, 'the connection is closed');
  }
}
