/** Both ends of the channel over a real Unix socket. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { until } from '../../test/until.ts';
import { channelProtocol } from '../contract/channel-messages.ts';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { FromProxy, ToProxy } from '../contract/messages.ts';
import { ChannelClient } from './client.ts';
import { createChannel, type Channel } from './in-process.ts';
import { startChannelServer } from './server.ts';

const endpoint = { address: '10.0.0.1', port: 80, ready: true, serving: true, terminating: false };
const origin = (name: string) => ({ origin: { kind: 'HTTPRoute', namespace: 'test', name } });

function configWith(...names: string[]): GatewayConfig {
  return { ...emptyConfig, routes: Object.fromEntries(names.map((name) => [name, origin(name)])) };
}

function socketPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-channel-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'below', 'channel.sock');
}

async function startController(t: TestContext, path: string) {
  const channel: Channel = createChannel();
  const log = { said: [] as FromProxy[], troubles: [] as string[], proxies: 0 };
  const server = await startChannelServer({
    path,
    version: '1.0.0',
    onTrouble: (message) => log.troubles.push(message),
    onProxy: (proxy) => {
      log.proxies++;
      const unsubscribe = channel.subscribe((message) => proxy.send(message));
      return {
        onMessage: (message) => log.said.push(message),
        onGone: () => {
          log.proxies--;
          unsubscribe();
        },
      };
    },
  });
  t.after(() => server.close());
  return { channel, server, log };
}

function startProxy(t: TestContext, path: string) {
  const log = { heard: [] as ToProxy[], states: [] as boolean[], drains: [] as number[] };
  const client = new ChannelClient({
    path,
    version: '1.0.0',
    onState: ({ isConnected }) => log.states.push(isConnected),
    onDrain: (graceMs) => log.drains.push(graceMs),
  });
  client.channel.subscribe((message) => log.heard.push(message));
  client.start();
  t.after(() => client.close());
  return { client, log };
}

test('a proxy gets the state, then what changes, and its answers carry the versions of the controller', async (t) => {
  const path = socketPath(t);
  const { channel, log } = await startController(t, path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  channel.publish(7, configWith('a'), { x: [endpoint] });
  const proxy = startProxy(t, path);
  await until(() => proxy.log.heard.length === 1, 'the snapshot is there');
  channel.publish(8, configWith('a', 'b'), null);
  channel.publish(8, configWith('a', 'b'), { x: [] });
  await until(() => proxy.log.heard.length === 3, 'the changes are there');
  assert.deepEqual(proxy.log.heard.slice(1), [
    { type: 'config', version: 2, isSnapshot: false, config: { routes: { b: origin('b') } }, endpoints: {} },
    { type: 'endpoints', endpoints: { x: [] } },
  ]);
  proxy.client.acknowledge(1, []);
  proxy.client.acknowledge(2, [{ listener: 'l', reason: 'AddressInUse', message: 'm' }]);
  proxy.client.refuse(2, 'no');
  await until(() => log.said.length === 2, 'the answers are there');
  assert.deepEqual(log.said, [
    { type: 'ack', version: 8, problems: [{ listener: 'l', reason: 'AddressInUse', message: 'm' }] },
    { type: 'nack', version: 8, message: 'no' },
  ]);
});

test('a new controller counts from one again: the workers get the difference only', async (t) => {
  const path = socketPath(t);
  const first = await startController(t, path);
  const proxy = startProxy(t, path);
  first.channel.publish(40, configWith('a', 'b'), { x: [endpoint], y: [endpoint] });
  await until(() => proxy.log.heard.length === 1, 'the first configuration is there');
  await first.server.close();
  await until(() => proxy.log.states.at(-1) === false, 'the proxy notices');
  assert.deepEqual(Object.keys(proxy.client.config.routes), ['a', 'b']);
  const second = await startController(t, path);
  second.channel.publish(1, configWith('b', 'c'), { x: [endpoint] });
  await until(() => proxy.log.heard.length === 2, 'the second configuration is there');
  assert.deepEqual(proxy.log.heard[1], {
    type: 'config',
    version: 2,
    isSnapshot: false,
    config: { routes: { c: origin('c'), a: null } },
    endpoints: { y: null, x: [endpoint] },
  });
  proxy.client.acknowledge(2, []);
  await until(() => second.log.said.length === 1, 'the answer is there');
  assert.deepEqual(second.log.said, [{ type: 'ack', version: 1, problems: [] }]);
  assert.deepEqual(proxy.log.states, [true, false, true]);
});

test('a message as large as it has to be arrives', async (t) => {
  const path = socketPath(t);
  const { channel, log } = await startController(t, path);
  const name = 'x'.repeat(65 * 1024 * 1024);
  channel.publish(1, configWith(name), null);
  const proxy = startProxy(t, path);
  await until(() => proxy.log.heard.length === 1 || log.troubles.length > 0, 'the snapshot is there');
  assert.deepEqual(log.troubles, []);
  assert.ok(proxy.client.config.routes[name]);
});

test('a proxy that does not read is cut off', async (t) => {
  const path = socketPath(t);
  const { channel, log } = await startController(t, path);
  const proxy = net.connect(path).on('error', () => {});
  t.after(() => proxy.destroy());
  proxy.write(`${JSON.stringify({ type: 'hello', protocol: channelProtocol, version: '1.0.0' })}\n`);
  await until(() => log.proxies === 1, 'the proxy is known');
  const name = 'x'.repeat(40 * 1024 * 1024);
  for (let version = 1; version <= 4; version++) channel.publish(version, configWith(`${name}${version}`), null);
  await until(() => log.proxies === 0, 'the proxy is cut off');
  assert.match(log.troubles[0] ?? '', /does not read/);
});

test('a stranger and a proxy of another protocol are turned away; the others go on', async (t) => {
  const path = socketPath(t);
  const { channel, log } = await startController(t, path);
  const proxy = startProxy(t, path);
  for (const text of ['GET / HTTP/1.1\r\n\r\n', '{"type":"hello","protocol":0,"version":"0.0.1"}\n']) {
    const stranger = net.connect(path);
    stranger.on('error', () => {});
    stranger.resume();
    const closed = new Promise((resolve) => stranger.once('close', resolve));
    stranger.write(text);
    await closed;
  }
  assert.match(log.troubles[0] ?? '', /no message/);
  assert.match(log.troubles[1] ?? '', /0\.0\.1 speaks another protocol/);
  channel.publish(1, configWith('a'), null);
  await until(() => proxy.log.heard.length === 1, 'the proxy is served');
});

test('a second controller on the same path is refused', async (t) => {
  const path = socketPath(t);
  await startController(t, path);
  await assert.rejects(startController(t, path), { code: 'EADDRINUSE' });
});

test('a file at the path is left alone', async (t) => {
  const path = socketPath(t);
  mkdirSync(dirname(path));
  writeFileSync(path, 'precious');
  await assert.rejects(startController(t, path), { code: 'EADDRINUSE' });
  assert.equal(readFileSync(path, 'utf8'), 'precious');
});
