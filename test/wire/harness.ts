/**
 * The whole proxy in this process, compiled from manifests, between raw clients and backends that record every byte.
 * Rows of the wire tests say what goes in; `variants` is in how many ways each of them must mean the same.
 */
import assert from 'node:assert/strict';
import { diffConfig } from '../../src/contract/config-diff.ts';
import type { EndpointsPatch } from '../../src/contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../../src/contract/gateway-config.ts';
import { partsOf } from '../../src/contract/keys.ts';
import { filterDefinitions } from '../../src/filters/index.ts';
import { validate } from '../../src/model/validate.ts';
import { defaultLimits, type Limits } from '../../src/proxy/limits.ts';
import { testCertificate } from '../../src/proxy/listeners/certificate.test-support.ts';
import { createObserver } from '../../src/proxy/observe/observer.ts';
import type { MemoryUse } from '../../src/proxy/memory-guard.ts';
import { Proxy } from '../../src/proxy/proxy.ts';
import { compileManifests } from '../golden.ts';
import { freePort } from '../headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, service, tlsSecret } from '../manifests.ts';
import { RecordingBackend } from './recording-backend.ts';
import { WireClient } from './wire-client.ts';

type Document = Readonly<Record<string, unknown>>;

export interface WireOptions {
  readonly limits?: Partial<Limits>;
  readonly memory?: MemoryUse;
  /** Specs of HTTPRoutes by name; absent: everything goes to the backend. */
  readonly routes?: Readonly<Record<string, Document>>;
  /** Ports of further Services by name. */
  readonly services?: Readonly<Record<string, { readonly port: number; readonly appProtocol?: string }>>;
  /** Hostname of the HTTP listener. */
  readonly hostname?: string;
}

/** A backendRef to the Service of that name; the recording one by default. */
export const to = (name = 'recording') => [{ name, port: 80 }];

export interface Wire {
  readonly backend: RecordingBackend;
  /** HTTP, for every host. */
  readonly clearPort: number;
  /** HTTPS for `a.test`, `b.test` and `*.wild.test`, each a listener and a certificate of its own. */
  readonly tlsPort: number;
  connect(via?: 'clear' | 'tls'): Promise<WireClient>;
  /** A request of somebody else, through the same pool: must be answered as if nothing had happened. */
  bystander(): Promise<void>;
  close(): void;
}

const hostnames = ['a.test', 'b.test', '*.wild.test'];

function listeners(clearPort: number, tlsPort: number, hostname: string | undefined): readonly Document[] {
  const secure = hostnames.map((name, i) => ({
    name: `https-${i}`,
    protocol: 'HTTPS',
    port: tlsPort,
    hostname: name,
    tls: { mode: 'Terminate', certificateRefs: [{ name: `certificate-${i}` }] },
  }));
  return [httpListener(clearPort, hostname === undefined ? {} : { hostname }), ...secure];
}

function secrets(): readonly Document[] {
  return hostnames.map((name, i) => {
    const { certificate, key } = testCertificate(`certificate-${i}`, [name]);
    const { stringData, ...secret } = tlsSecret(`certificate-${i}`, certificate, key);
    const encoded = Object.entries(stringData as Record<string, string>).map(
      ([file, text]) => [file, Buffer.from(text).toString('base64')] as const,
    );
    return { ...secret, data: Object.fromEntries(encoded) };
  });
}

function compiled(documents: readonly Document[]): GatewayConfig {
  const resources = documents.map((document) => {
    const verdict = validate(document);
    assert.equal(verdict.type, 'Valid', JSON.stringify(verdict));
    assert.ok(verdict.type === 'Valid');
    return { ...verdict.resource, metadata: { ...verdict.resource.metadata, generation: 1 } };
  });
  return compileManifests(resources).config;
}

export async function startWire(options: WireOptions = {}): Promise<Wire> {
  const backend = await new RecordingBackend().listen();
  const [clearPort, tlsPort] = [await freePort(), await freePort()];
  const services: NonNullable<WireOptions['services']> = { recording: { port: backend.port }, ...options.services };
  const routes = options.routes ?? { all: { rules: [{ backendRefs: to() }] } };
  const config = compiled([
    gatewayClass(),
    gateway(...listeners(clearPort, tlsPort, options.hostname)),
    ...secrets(),
    ...Object.entries(routes).map(([name, spec]) => httpRoute(name, spec)),
    ...Object.entries(services).flatMap(([name, { port, appProtocol }]) => service(name, [port], appProtocol)),
  ]);
  const endpoints: Record<string, EndpointsPatch[string]> = {};
  for (const key of Object.keys(config.backends)) {
    const { port } = services[partsOf(key).name]!;
    endpoints[key] = [{ address: '127.0.0.1', port, ready: true, serving: true, terminating: false }];
  }
  const proxy = new Proxy({
    filters: filterDefinitions,
    observer: createObserver({ accessLog: 'off', send: () => {} }),
    defaultAddresses: ['127.0.0.1'],
    limits: { ...defaultLimits, ...options.limits },
    ...(options.memory && { memory: options.memory }),
  });
  const change = diffConfig(emptyConfig, config) ?? {};
  const ack = await proxy.apply({ type: 'config', version: 1, isSnapshot: true, config: change, endpoints });
  assert.deepEqual(ack, { type: 'ack', version: 1, problems: [] });
  const connect = (via: 'clear' | 'tls' = 'clear') =>
    WireClient.connect(via === 'clear' ? { port: clearPort } : { port: tlsPort, serverName: 'a.test' });
  return {
    backend,
    clearPort,
    tlsPort,
    connect,
    bystander: createBystander(connect),
    close() {
      proxy.close();
      backend.close();
    },
  };
}

/** One connection that lives as long as the proxy, and one answer for each request on it. */
function createBystander(connect: () => Promise<WireClient>): () => Promise<void> {
  let connection: Promise<WireClient> | undefined;
  let count = 0;
  return async () => {
    const client = await (connection ??= connect());
    const path = `/bystander/${++count}`;
    client.received = '';
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const answer = await client.answer();
    assert.deepEqual([answer.status, answer.body], [200, path]);
    assert.equal(client.answers().length, 1);
  };
}

export interface Outcome {
  readonly client: WireClient;
  /** What reached the backend, the good request before it left out. */
  readonly forwarded: string;
}

/** How the bytes of a row come to the proxy. */
export interface Variant {
  readonly name: string;
  readonly via: 'clear' | 'tls';
  /** A good request goes before, on the same connection. */
  readonly before: 'nothing' | 'good';
  readonly pieces: 'one' | 'random';
}

export const variants: readonly Variant[] = [
  { name: 'alone', via: 'clear', before: 'nothing', pieces: 'one' },
  { name: 'after a good request', via: 'clear', before: 'good', pieces: 'one' },
  { name: 'over TLS', via: 'tls', before: 'nothing', pieces: 'one' },
  { name: 'split', via: 'clear', before: 'nothing', pieces: 'random' },
  { name: 'split, over TLS, after a good one', via: 'tls', before: 'good', pieces: 'random' },
];

const good = 'GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n';

/** Sends a row; resolves after `settle` and after a bystander's request, so that whatever reaches the backend has reached it. */
export async function send(
  wire: Wire,
  { bytes, variant, settle }: { bytes: string; variant: Variant; settle: (client: WireClient) => Promise<unknown> },
): Promise<Outcome> {
  const since = wire.backend.mark();
  const client = await wire.connect(variant.via);
  try {
    const text = variant.before === 'good' ? good + bytes : bytes;
    await client.sendPieces(variant.pieces === 'one' ? [text] : randomPieces(text));
    if (variant.before === 'good') {
      const first = await client.answer();
      assert.deepEqual([first.status, first.body], [200, '/good']);
    }
    await settle(client);
  } finally {
    client.close();
  }
  await wire.bystander();
  const received = since().replace(/GET \/(good|bystander\/\d+) HTTP\/1\.1\r\n.*?\r\n\r\n/gs, '');
  assert.deepEqual(wire.backend.faults, []);
  return { client, forwarded: received };
}

let seed = 20261121;

/** The same in every run. */
export function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

/** About six pieces; one of them often in the middle of a CRLF. */
export function randomPieces(text: string): readonly string[] {
  const crlf = text.indexOf('\r\n', random(text.length));
  const cuts = [crlf + 1, ...Array.from({ length: 5 }, () => random(text.length))].filter((cut) => cut > 0);
  const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
  return places.slice(1).map((cut, i) => text.slice(places[i], cut));
}
