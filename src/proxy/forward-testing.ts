/** For tests of forwarding: a client and backends that are driven by hand, in place of codecs and sockets. */
import type { Endpoint } from '../contract/endpoints.ts';
import type { Filter } from '../contract/filter.ts';
import type { BackendConfig, ListenerConfig, RuleConfig } from '../contract/gateway-config.ts';
import type { ExchangeRun } from './exchange.ts';
import type { FinishedExchange } from './exchange-observer.ts';
import { createForwarder, type ForwarderOptions } from './forward.ts';
import { Field, FieldList } from './http/fields.ts';
import type {
  ConnectionInfo,
  Downstream,
  Pool,
  RequestHead,
  ResponseSink,
  Upstream,
  UpstreamError,
  UpstreamRequest,
} from './http/streams.ts';
import { defaultLimits } from './limits.ts';
import type { BackendChoice, ListenerRuntime, RuleRuntime } from './runtime.ts';
import { PooledBackend, type UpstreamEnvironment } from './upstream/pooled-backend.ts';

/** One request that a backend received. The test calls `sink` as a codec would. */
export class FakeTry implements Upstream {
  readonly endpoint: string;
  readonly request: UpstreamRequest;
  readonly headers: string;
  readonly sink: ResponseSink;
  isReused = false;
  takesMore = true;
  body = '';
  isEnded = false;
  isAborted = false;
  isPaused = false;
  flushes = 0;

  constructor(endpoint: string, request: UpstreamRequest, sink: ResponseSink) {
    this.endpoint = endpoint;
    this.request = request;
    this.headers = request.headers.text;
    this.sink = sink;
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    this.body += buffer.toString('latin1', start, end);
    return this.takesMore;
  }

  sendEnd(): void {
    this.isEnded = true;
  }

  flush(): boolean {
    this.flushes++;
    return this.takesMore;
  }

  abort(): void {
    this.isAborted = true;
  }

  pauseResponse(): void {
    this.isPaused = true;
  }

  resumeResponse(): void {
    this.isPaused = false;
  }

  /** A whole answer. */
  answer(status: number, body = '', headers: Record<string, string> = {}): void {
    this.sink.onResponseHead(status, fieldsFrom(headers), body.length, body.length);
    if (body !== '') this.sink.onResponseData(Buffer.from(body), 0, body.length);
    this.sink.onResponseEnd(null);
  }

  fail(kind: UpstreamError['kind'], isReused = 0): void {
    this.sink.onUpstreamError({ kind, message: kind, isReused: isReused === 1 });
  }
}

/** The client's side: what it got. */
export class FakeDownstream implements Downstream {
  status = 0;
  headers = new FieldList();
  bodyLength = 0;
  contentLength = -1;
  body = '';
  trailers: FieldList | null = null;
  informational: number[] = [];
  /** Calls that must come at most once, in order. */
  ends: ('end' | 'reset')[] = [];
  takesMore = true;
  isPaused = false;
  flushes = 0;

  sendInformational(status: number): void {
    this.informational.push(status);
  }

  // oxlint-disable-next-line max-params -- the codecs' interface
  sendHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void {
    this.status = status;
    this.headers = headers;
    this.bodyLength = bodyLength;
    this.contentLength = contentLength;
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    this.body += buffer.toString('latin1', start, end);
    return this.takesMore;
  }

  sendEnd(trailers: FieldList | null): void {
    this.trailers = trailers;
    this.ends.push('end');
  }

  flush(): boolean {
    this.flushes++;
    return this.takesMore;
  }

  reset(): void {
    this.ends.push('reset');
  }

  pauseRequest(): void {
    this.isPaused = true;
  }

  resumeRequest(): void {
    this.isPaused = false;
  }
}

export function fieldsFrom(headers: Readonly<Record<string, string>>): FieldList {
  return new FieldList(Object.entries(headers).map(([name, value]) => new Field(name.toLowerCase(), value)));
}

export const origin = { kind: 'Service', namespace: 'default', name: 'shop' };

export const plainBackend: BackendConfig = {
  origin,
  port: 80,
  protocol: 'http1',
  loadBalancing: { type: 'RoundRobin' },
};

export function endpointAt(port: number, state: Partial<Endpoint> = {}): Endpoint {
  return { address: '10.0.0.1', port, ready: true, serving: true, terminating: false, ...state };
}

export interface SceneOptions {
  readonly rule?: Partial<RuleConfig>;
  readonly filters?: readonly Filter[];
  readonly listenerFilters?: readonly Filter[];
  readonly backendFilters?: readonly Filter[];
  readonly backend?: Partial<BackendConfig>;
  readonly endpoints?: readonly Endpoint[];
  readonly listener?: Partial<ListenerConfig>;
  readonly forwarder?: Partial<ForwarderOptions>;
  /** For rules with other than one backend. */
  readonly choices?: (scene: Scene) => readonly BackendChoice[];
}

/** One rule with one backend, of which the test plays both ends. */
export class Scene {
  readonly tries: FakeTry[] = [];
  readonly finished: FinishedExchange[] = [];
  readonly backend: PooledBackend;
  readonly rule: RuleRuntime;
  readonly listeners: ListenerRuntime[];
  readonly connection: ConnectionInfo;
  nowMs = 1000;
  readonly environment: UpstreamEnvironment;
  readonly #forwarder: ReturnType<typeof createForwarder>;

  constructor(options: SceneOptions = {}) {
    this.environment = {
      createPool: (endpoint) => this.#poolOf(endpoint),
      random: () => 0,
      now: () => this.nowMs,
    };
    this.backend = this.addBackend('Service/default/shop/80', options.endpoints ?? [endpointAt(1)], options.backend);
    const config: RuleConfig = {
      route: 'HTTPRoute/default/shop',
      origin,
      filters: [],
      backends: [{ backend: this.backend.key, weight: 1, filters: [] }],
      ...options.rule,
    };
    const backends = options.choices?.(this) ?? [
      { ref: config.backends[0]!, backend: this.backend, filters: options.backendFilters ?? [] },
    ];
    this.rule = {
      key: 'HTTPRoute/default/shop/0',
      config,
      route: { origin },
      filters: options.filters ?? [],
      backends,
      onlyBackend: null,
      totalWeight: backends.reduce((sum, choice) => sum + choice.ref.weight, 0),
      requestTimeoutMs: config.requestTimeoutMs ?? 0,
      backendRequestTimeoutMs: config.backendRequestTimeoutMs ?? 0,
      retry: config.retry,
      sessionPersistence: config.sessionPersistence,
      isGrpc: config.origin.kind === 'GRPCRoute',
      observed: undefined,
      allObserved: undefined,
    };
    this.listeners = [this.#listener(options)];
    this.connection = {
      remoteAddress: '192.0.2.7',
      remotePort: 4000,
      localAddress: '127.0.0.1',
      localPort: 80,
      isTls: false,
      serverName: '',
      port: { port: 80, listeners: this.listeners },
    };
    this.#forwarder = createForwarder({
      observer: { onForward: () => {}, onFinish: (exchange) => this.finished.push(exchange) },
      backendOf: (key) => (key === this.backend.key ? this.backend : null),
      random: () => 0,
      now: () => this.nowMs,
      limits: defaultLimits,
      ...options.forwarder,
    });
  }

  addBackend(key: string, endpoints: readonly Endpoint[], config: Partial<BackendConfig> = {}): PooledBackend {
    const backend = new PooledBackend(key, { ...plainBackend, ...config }, this.environment);
    backend.updateEndpoints(endpoints);
    return backend;
  }

  /** A request comes in. */
  request(head: Partial<RequestHead> = {}, connection: ConnectionInfo = this.connection) {
    const downstream = new FakeDownstream();
    const whole: RequestHead = {
      method: 'GET',
      target: '/',
      authority: 'shop.example.com',
      scheme: 'http',
      version: '1.1',
      headers: new FieldList(),
      bodyLength: 0,
      upgrade: '',
      expectsContinue: false,
      takesTrailers: false,
      ...head,
    };
    const run = this.#forwarder.onRequest(whole, downstream, connection) as ExchangeRun;
    return { run, downstream };
  }

  #poolOf(endpoint: Endpoint): Pool {
    return {
      open: (request, sink) => {
        const fake = new FakeTry(`${endpoint.address}:${endpoint.port}`, request, sink);
        this.tries.push(fake);
        return fake;
      },
      close: () => {},
    };
  }

  #listener({ listener = {}, listenerFilters = [] }: SceneOptions): ListenerRuntime {
    return {
      key: 'Gateway/default/edge/http',
      config: { origin, gateway: 'g', protocol: 'HTTP', addresses: [], port: 80, hostname: '', ...listener },
      filters: listenerFilters,
      match: (request) => (request.path === '/none' ? null : { rule: this.rule, pathPrefix: '/' }),
      matchConnection: () => null,
    };
  }
}

/** Bytes of the client's body. */
export function sendBody(run: ExchangeRun, text: string): void {
  const buffer = Buffer.from(text, 'latin1');
  run.onRequestData(buffer, 0, buffer.length);
  // The shared read buffer is overwritten as soon as the call returns.
  buffer.fill(0);
}
