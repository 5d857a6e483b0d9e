import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, test } from 'node:test';
import { diffConfig, type ConfigPatch } from '../contract/config-diff.ts';
import type { Endpoint } from '../contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { FromProxy } from '../contract/messages.ts';
import type { Proxy } from './proxy.ts';
import { configTo, quietProxy } from './proxy.test-support.ts';

const closing: (() => void)[] = [];
after(() => closing.forEach((close) => close()));

/** Answers with its name; `/slow` waits for `release`. */
async function createBackend(name: string) {
  const waiting: (() => void)[] = [];
  const server = http.createServer((request, response) => {
    if (request.url === '/slow') waiting.push(() => response.end(name));
    else response.end(name);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => (server.closeAllConnections(), server.close()));
  const { port } = server.address() as net.AddressInfo;
  const endpoint: Endpoint = { address: '127.0.0.1', port, ready: true, serving: true, terminating: false };
  return { endpoint, waiting };
}

function createProxy(): Proxy {
  const proxy = quietProxy();
  closing.push(() => proxy.close());
  return proxy;
}

function isAck(answer: FromProxy | null): void {
  assert.equal(answer?.type, 'ack', JSON.stringify(answer));
  if (answer?.type === 'ack') assert.deepEqual(answer.problems, []);
}

/** A proxy that serves everything from backend `one`, its version 1. */
async function serveOne() {
  const proxy = createProxy();
  const backend = await createBackend('one');
  const config = configTo({ backend: 'one' });
  isAck(
    await proxy.apply({
      type: 'config',
      version: 1,
      isSnapshot: true,
      config: diffConfig(emptyConfig, config)!,
      endpoints: { one: [backend.endpoint] },
    }),
  );
  return { proxy, backend, config, port: proxy.bound[0]!.port };
}

async function get(port: number, path: string, agent: http.Agent): Promise<string> {
  const request = http.get({ port, host: '127.0.0.1', path, agent, headers: { host: 'a.test' } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return (await response.toArray()).join('');
}

test('versions are applied one after the other, and a change takes effect on an open connection', async () => {
  const { proxy, backend: one, config: first, port } = await serveOne();
  const two = await createBackend('two');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  closing.push(() => agent.destroy());
  assert.equal(await get(port, '/', agent), 'one');
  const second = configTo({ backend: 'two' });
  isAck(
    await proxy.apply({
      type: 'config',
      version: 2,
      isSnapshot: false,
      config: diffConfig(first, second)!,
      endpoints: { one: null, two: [two.endpoint] },
    }),
  );
  assert.equal(await get(port, '/', agent), 'two');
  assert.equal(proxy.bound[0]!.port, port);
  assert.equal(await proxy.apply({ type: 'endpoints', endpoints: { two: [one.endpoint] } }), null);
  assert.equal(await get(port, '/', agent), 'one');
});

test('a request in flight survives that its backend and its listener go', async () => {
  const { proxy, backend, config, port } = await serveOne();
  const agent = new http.Agent({ keepAlive: true });
  closing.push(() => agent.destroy());
  await get(port, '/', agent);
  const slow = get(port, '/slow', agent);
  while (backend.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  isAck(
    await proxy.apply({
      type: 'config',
      version: 2,
      isSnapshot: false,
      config: diffConfig(config, emptyConfig)!,
      endpoints: { one: null },
    }),
  );
  backend.waiting[0]!();
  assert.equal(await slow, 'one');
});

test('a configuration that cannot be served is refused, and the last good one stays', async () => {
  const { proxy, config, port } = await serveOne();
  const apply = (version: number, from: GatewayConfig, to: GatewayConfig) =>
    proxy.apply({ type: 'config', version, isSnapshot: false, config: diffConfig(from, to)!, endpoints: {} });
  const broken: GatewayConfig = { ...config, filters: { f: { type: 'Unheard', config: {} } } };
  const answer = await apply(2, config, broken);
  assert.equal(answer?.type, 'nack');
  const agent = new http.Agent();
  assert.equal(await get(port, '/', agent), 'one');
  isAck(await apply(3, broken, config));
  assert.equal(await get(port, '/', agent), 'one');
});

test('what a refused version changed is served with the next patch, although that does not name it', async () => {
  const proxy = createProxy();
  const [one, two] = [await createBackend('one'), await createBackend('two')];
  const endpoints = { one: [one.endpoint], two: [two.endpoint] };
  const apply = (version: number, config: ConfigPatch, isSnapshot = false) =>
    proxy.apply({ type: 'config', version, isSnapshot, config, endpoints });
  const unheard = { type: 'Unheard', config: {} };
  isAck(await apply(1, configTo({ backend: 'one' }), true));
  const { port } = proxy.bound[0]!;
  const agent = new http.Agent();
  const toTwo = diffConfig(configTo({ backend: 'one' }), configTo({ backend: 'two' }))!;
  assert.equal((await apply(2, { ...toTwo, filters: { f: unheard } }))?.type, 'nack');
  assert.equal((await apply(3, { routes: { other: configTo({ backend: 'two' }).routes['t']! } }))?.type, 'nack');
  assert.equal(await get(port, '/', agent), 'one');
  isAck(await apply(4, { filters: { f: null } }));
  assert.equal(await get(port, '/', agent), 'two');

  assert.equal(
    (await apply(5, { ...configTo({ backend: 'one', port }), filters: { f: unheard } }, true))?.type,
    'nack',
  );
  assert.equal(await get(port, '/', agent), 'two');
  isAck(await apply(6, { filters: { f: null } }));
  assert.equal(await get(port, '/', agent), 'one');
});

test('a snapshot takes away what only a refused patch and the version before it had', async () => {
  const proxy = createProxy();
  const backend = await createBackend('one');
  const apply = (version: number, config: ConfigPatch, isSnapshot = false) =>
    proxy.apply({ type: 'config', version, isSnapshot, config, endpoints: { one: [backend.endpoint] } });
  isAck(await apply(1, configTo({ backend: 'one' }), true));
  const { port } = proxy.bound[0]!;
  const agent = new http.Agent();
  assert.equal(await get(port, '/', agent), 'one');
  const refused = { paths: { p: null }, filters: { f: { type: 'Unheard', config: {} } } };
  assert.equal((await apply(2, refused))?.type, 'nack');
  isAck(await apply(3, { ...configTo({ backend: 'one', port }), paths: {} }, true));
  assert.match(await get(port, '/', agent), /no route matches/);
});

test('drain lets the answer out, closes the connection after it and ends', async () => {
  const { proxy, backend, port } = await serveOne();
  const socket = net.connect(port, '127.0.0.1');
  socket.write('GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n');
  while (backend.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const drained = proxy.apply({ type: 'drain', graceMs: 10_000 });
  const text = socket.setEncoding('latin1').toArray();
  backend.waiting[0]!();
  assert.match((await text).join(''), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*one$/i);
  assert.deepEqual(await drained, { type: 'drained' });
});

test('what does not end within the grace time is cut', async () => {
  const { proxy, backend, port } = await serveOne();
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.resume();
  socket.write('GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n');
  while (backend.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await proxy.apply({ type: 'drain', graceMs: 20 }), { type: 'drained' });
  await closed;
});
