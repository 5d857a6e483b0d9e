/** The whole proxy between the client and servers of another gRPC implementation. Methods are named by path; messages are bytes. */
import assert from 'node:assert/strict';
import * as grpc from '@grpc/grpc-js';
import { diffConfig } from '../../src/contract/config-diff.ts';
import {
  type BackendConfig,
  emptyConfig,
  type GatewayConfig,
  type RuleConfig,
} from '../../src/contract/gateway-config.ts';
import type { AnyFilterDefinition } from '../../src/contract/filter.ts';
import { defaultLimits, type Limits } from '../../src/proxy/limits.ts';
import { testCertificate } from '../../src/proxy/listeners/certificate.test-support.ts';
import { createObserver, type ObserverReport } from '../../src/proxy/observe/observer.ts';
import { Proxy } from '../../src/proxy/proxy.ts';
import { freePort } from '../headgate.ts';

export const asBytes = (bytes: Buffer): Buffer => bytes;

/** What a test makes a method do. */
export interface Handlers {
  readonly unary?: grpc.handleUnaryCall<Buffer, Buffer>;
  readonly clientStream?: grpc.handleClientStreamingCall<Buffer, Buffer>;
  readonly serverStream?: grpc.handleServerStreamingCall<Buffer, Buffer>;
  readonly bidirectional?: grpc.handleBidiStreamingCall<Buffer, Buffer>;
}

function methodAt(path: string, requestStream: boolean, responseStream: boolean) {
  const bytes = {
    requestSerialize: asBytes,
    requestDeserialize: asBytes,
    responseSerialize: asBytes,
    responseDeserialize: asBytes,
  };
  return { path, requestStream, responseStream, ...bytes };
}

/** A server of `test.Service`; resolves with its port. */
export async function startServer(
  handlers: Handlers,
  credentials = grpc.ServerCredentials.createInsecure(),
): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  const methods = {
    unary: methodAt('/test.Service/Unary', false, false),
    clientStream: methodAt('/test.Service/ClientStream', true, false),
    serverStream: methodAt('/test.Service/ServerStream', false, true),
    bidirectional: methodAt('/test.Service/Bidirectional', true, true),
  };
  const given = Object.entries(methods).filter(([name]) => name in handlers);
  server.addService(Object.fromEntries(given), handlers as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return { server, port };
}

export interface GrpcOptions {
  /** Ports of the backend's endpoints; none: an own server with the handlers. */
  readonly ports?: readonly number[];
  readonly handlers?: Handlers;
  readonly backend?: Partial<BackendConfig>;
  /** More about the rule of `test.Service`. */
  readonly rule?: Partial<RuleConfig>;
  readonly limits?: Partial<Limits>;
  readonly filters?: readonly AnyFilterDefinition[];
}

const origin = { kind: 'GRPCRoute', namespace: 'test', name: 'calls', section: 'rules[0]' };
export const { certificate, key } = testCertificate('grpc', ['grpc.test']);

/** HTTP and HTTPS, both for `test.Service` only. */
function configOf(clearPort: number, tlsPort: number, options: GrpcOptions): GatewayConfig {
  const gateway = 'Gateway/test/web';
  const listener = { origin: { ...origin, kind: 'Gateway' }, gateway, addresses: [], hostname: '' } as const;
  const path = { type: 'PathPrefix', value: '/test.Service' } as const;
  const calls = { hostname: '', own: '', path, matches: [{ rule: 'r', order: 0 }] };
  const filters = (options.filters ?? []).map(({ type }) => [type, { type, config: {} }] as const);
  return {
    ...emptyConfig,
    listeners: {
      clear: { ...listener, protocol: 'HTTP', port: clearPort },
      tls: { ...listener, protocol: 'HTTPS', port: tlsPort, tls: { mode: 'Terminate', certificates: ['c'] } },
    },
    certificates: { c: { origin, certificate, key, names: ['grpc.test'], notAfterMs: Date.now() + 60_000 } },
    paths: { clear: { listener: 'clear', ...calls }, tls: { listener: 'tls', ...calls } },
    routes: { t: { origin } },
    filters: Object.fromEntries(filters),
    rules: {
      r: {
        route: 't',
        origin,
        filters: filters.map(([type]) => type),
        backends: [{ backend: 'b', weight: 1, filters: [] }],
        ...options.rule,
      },
    },
    backends: {
      b: { origin, port: 80, protocol: 'h2c', loadBalancing: { type: 'RoundRobin' }, ...options.backend },
    },
  };
}

/** One call, as its client saw it end. */
export interface Answer {
  readonly message: Buffer | undefined;
  readonly code: number;
  readonly details: string;
  readonly trailers: grpc.Metadata;
}

export class GrpcWire implements AsyncDisposable {
  readonly clearPort: number;
  readonly tlsPort: number;
  readonly client: grpc.Client;
  readonly server: grpc.Server | null;
  readonly #proxy: Proxy;
  readonly #reports: ObserverReport[];
  readonly #flush: () => void;

  static async start(options: GrpcOptions = {}): Promise<GrpcWire> {
    const own = options.handlers === undefined ? null : await startServer(options.handlers);
    const ports = options.ports ?? (own === null ? [] : [own.port]);
    const [clearPort, tlsPort] = [await freePort(), await freePort()];
    const reports: ObserverReport[] = [];
    const observer = createObserver({ accessLog: 'json', send: (report) => reports.push(report) });
    const proxy = new Proxy({
      filters: options.filters ?? [],
      observer,
      defaultAddresses: ['127.0.0.1'],
      limits: { ...defaultLimits, ...options.limits },
    });
    const state = { address: '127.0.0.1', ready: true, serving: true, terminating: false };
    const ack = await proxy.apply({
      type: 'config',
      version: 1,
      isSnapshot: true,
      config: diffConfig(emptyConfig, configOf(clearPort, tlsPort, options))!,
      endpoints: { b: ports.map((port) => ({ ...state, port })) },
    });
    assert.deepEqual(ack, { type: 'ack', version: 1, problems: [] });
    return new GrpcWire({ proxy, server: own?.server ?? null, clearPort, tlsPort, reports, flush: observer.flush });
  }

  private constructor(parts: {
    proxy: Proxy;
    server: grpc.Server | null;
    clearPort: number;
    tlsPort: number;
    reports: ObserverReport[];
    flush: () => void;
  }) {
    this.#proxy = parts.proxy;
    this.#reports = parts.reports;
    this.#flush = parts.flush;
    this.server = parts.server;
    this.clearPort = parts.clearPort;
    this.tlsPort = parts.tlsPort;
    this.client = this.connect(`127.0.0.1:${this.clearPort}`, grpc.credentials.createInsecure());
  }

  connect(address: string, credentials: grpc.ChannelCredentials, options: grpc.ClientOptions = {}): grpc.Client {
    // A service config of the client's own would retry, and hide what came.
    return new grpc.Client(address, credentials, {
      'grpc.enable_retries': 0,
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
  }

  /** TLS, by ALPN. */
  connectTls(): grpc.Client {
    const credentials = grpc.credentials.createSsl(Buffer.from(certificate));
    return this.connect(`127.0.0.1:${this.tlsPort}`, credentials, { 'grpc.ssl_target_name_override': 'grpc.test' });
  }

  /** A unary call; never rejects. */
  unary(message: Buffer | string, options: UnaryOptions = {}): Promise<Answer> {
    const { method = '/test.Service/Unary', metadata = {}, timeoutMs, client = this.client } = options;
    const fields = new grpc.Metadata();
    for (const [name, value] of Object.entries(metadata)) fields.add(name, value);
    const callOptions = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    return new Promise((resolve) => {
      let received: Buffer | undefined;
      const call = client.makeUnaryRequest(
        method,
        asBytes,
        asBytes,
        Buffer.from(message),
        fields,
        callOptions,
        (_error, value) => (received = value),
      );
      call.on('status', ({ code, details, metadata: trailers }) =>
        resolve({ message: received, code, details, trailers }),
      );
    });
  }

  /** The access log so far, one object a line. */
  log(): readonly Record<string, unknown>[] {
    this.#flush();
    return this.#reports
      .filter((report) => report.type === 'accessLog')
      .flatMap(({ text }) => text.trimEnd().split('\n'))
      .map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#proxy.close();
    this.server?.forceShutdown();
  }
}

export interface UnaryOptions {
  readonly method?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly client?: grpc.Client;
}

type Reading = grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>;

/** How a call ends whose messages somebody reads; never rejects. */
export function statusOf(call: Reading): Promise<grpc.StatusObject> {
  call.on('error', () => {});
  return new Promise((resolve) => call.on('status', resolve));
}
