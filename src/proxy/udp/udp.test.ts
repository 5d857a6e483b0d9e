import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import os from 'node:os';
import { test, type TestContext } from 'node:test';
import { until } from '../../../test/until.ts';
import { configOf, startBackend, UdpClient, UdpProxy } from './udp.test-support.ts';

async function start(t: TestContext) {
  const proxy = new UdpProxy(t);
  const one = await startBackend(t, 'one');
  const answer = await proxy.apply(configOf({ one: 1 }), { one: [one.endpoint] });
  assert.deepEqual(answer, { type: 'ack', version: 1, problems: [] });
  return { proxy, one, port: proxy.port };
}

test('a client keeps its session, answers come from where it asked, and all is counted and logged', async (t) => {
  const { proxy, one, port } = await start(t);
  const [client, other] = [await UdpClient.start(t), await UdpClient.start(t)];
  for (const text of ['a', 'bb', '']) {
    assert.deepEqual(await client.ask(text, port), { text: `one ${text}`, from: `127.0.0.1:${port}` });
  }
  assert.equal(one.peers.size, 1);
  assert.equal((await other.ask('x', port)).text, 'one x');
  assert.equal(one.peers.size, 2);
  await until(() => proxy.metric('headgate_udp_sessions') === 2, 'two sessions are counted');
  assert.equal(proxy.metric('headgate_udp_datagrams_total', 'direction="request"'), 4);
  assert.equal(proxy.metric('headgate_udp_datagrams_total', 'direction="response"'), 4);
  assert.equal(proxy.metric('headgate_udp_bytes_total', 'direction="response"'), 4 * 4 + 4);
  proxy.proxy.close();
  const line = proxy.logged.find(({ clientPort }) => clientPort === client.port)!;
  assert.deepEqual(
    { ...line, time: 0, durationMs: 0 },
    {
      time: 0,
      gateway: 'test/web',
      listener: 'dns',
      route: 'test/route',
      rule: 'rules[0]',
      backend: 'test/one:53',
      endpoint: `127.0.0.1:${one.endpoint.port}`,
      client: '127.0.0.1',
      clientPort: client.port,
      protocol: 'UDP',
      reason: 'Shutdown',
      requestDatagrams: 3,
      responseDatagrams: 3,
      requestBytes: 3,
      responseBytes: 15,
      durationMs: 0,
    },
  );
  assert.ok(Number(line['durationMs']) > 0);
});

test('a datagram of the largest size goes both ways', async (t) => {
  const { port } = await start(t);
  const client = await UdpClient.start(t);
  const text = 'x'.repeat(65_507 - 'one '.length);
  assert.equal((await client.ask(text, port)).text, `one ${text}`);
});

test('new sessions are shared out by weight; one of weight 0 gets none', async (t) => {
  const proxy = new UdpProxy(t);
  const backends = await Promise.all(['a', 'b', 'c'].map((name) => startBackend(t, name)));
  const [a, b, c] = backends.map(({ endpoint }) => [endpoint]);
  await proxy.apply(configOf({ a: 3, b: 1, c: 0 }), { a: a!, b: b!, c: c! });
  const clients = await Promise.all(Array.from({ length: 400 }, () => UdpClient.start(t)));
  const answers = await Promise.all(clients.map((client) => client.ask('q', proxy.port)));
  const count = (name: string) => answers.filter(({ text }) => text === `${name} q`).length;
  // Five standard deviations of the binomial distribution.
  assert.ok(Math.abs(count('a') - 300) < 44, `${count('a')} of 400`);
  assert.equal(count('a') + count('b'), 400);
});

test('sessions live on while their backend does, whatever else changes', async (t) => {
  const { proxy, one, port } = await start(t);
  const two = await startBackend(t, 'two');
  const [client, later] = [await UdpClient.start(t), await UdpClient.start(t)];
  await client.ask('q', port);
  await proxy.apply(configOf({ one: 1, two: 1000 }, 0), { two: [two.endpoint] });
  assert.equal(proxy.port, port);
  assert.equal((await client.ask('q', port)).text, 'one q');
  assert.equal(one.peers.size, 1);
  await proxy.apply(configOf({ one: 0, two: 1 }), {});
  assert.deepEqual(
    proxy.logged.map(({ reason }) => reason),
    ['RouteChanged'],
  );
  assert.equal((await client.ask('q', port)).text, 'two q');
  assert.equal((await later.ask('q', port)).text, 'two q');
});

test('when an endpoint goes, the next datagram finds another one', async (t) => {
  const { proxy, one, port } = await start(t);
  const two = await startBackend(t, 'two');
  const client = await UdpClient.start(t);
  await client.ask('q', port);
  const leaving = { ...one.endpoint, ready: false, terminating: true };
  await proxy.proxy.apply({ type: 'endpoints', endpoints: { one: [leaving, two.endpoint] } });
  assert.equal((await client.ask('q', port)).text, 'one q', 'one that still serves keeps its sessions');
  await proxy.proxy.apply({ type: 'endpoints', endpoints: { one: [two.endpoint] } });
  assert.equal((await client.ask('q', port)).text, 'two q');
  assert.deepEqual(
    proxy.logged.map(({ reason }) => reason),
    ['EndpointGone'],
  );
});

test('a datagram that nobody takes is counted, and nothing comes back', async (t) => {
  const proxy = new UdpProxy(t);
  const gone = await startBackend(t, 'gone');
  gone.close();
  const client = await UdpClient.start(t);
  const dropped = (reason: string) => proxy.metric('headgate_udp_dropped_datagrams_total', `reason="${reason}"`);
  await proxy.apply(configOf({}));
  client.send('q', proxy.port);
  await until(() => dropped('NoRoute') === 1, 'a listener without a rule drops');
  await proxy.apply(configOf({ one: 0 }));
  client.send('q', proxy.port);
  await until(() => dropped('NoBackend') === 1, 'a rule without weights drops');
  await proxy.apply(configOf({ one: 1 }));
  client.send('q', proxy.port);
  await until(() => dropped('NoEndpoint') === 1, 'a backend without endpoints drops');
  await proxy.apply(configOf({ one: 1 }), { one: [gone.endpoint] });
  client.send('q', proxy.port);
  const unreachable = () => proxy.metric('headgate_udp_sessions_ended_total', 'reason="BackendUnreachable"');
  await until(() => unreachable() === 1, 'a backend that is not there ends its session');
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }), { one: [one.endpoint] });
  assert.equal((await client.ask('q', proxy.port)).text, 'one q');
  assert.equal(client.unasked, 0);
});

test('a backend mapped to localhost is found', async (t) => {
  const proxy = new UdpProxy(t);
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }), { one: [{ ...one.endpoint, address: 'localhost' }] });
  const client = await UdpClient.start(t);
  assert.equal((await client.ask('q', proxy.port)).text, 'one q');
});

test('a backend that the machine has no way to costs nobody else a session', async (t) => {
  const proxy = new UdpProxy(t, { udpSessions: 1 });
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }), { one: [one.endpoint] });
  const [client, other] = [await UdpClient.start(t), await UdpClient.start(t)];
  await client.ask('q', proxy.port);
  // Nobody may connect to the address of all.
  const away = { ...one.endpoint, address: '255.255.255.255' };
  await proxy.apply(configOf({ one: 1, away: 1_000_000 }), { away: [away] });
  other.send('q', proxy.port);
  const dropped = () => proxy.metric('headgate_udp_dropped_datagrams_total', 'reason="BackendUnreachable"');
  await until(() => dropped() === 1, 'it is counted');
  assert.equal((await client.ask('q', proxy.port)).text, 'one q');
  assert.deepEqual([one.peers.size, proxy.logged], [1, []]);
});

test('what the kernel does not take is counted', async (t) => {
  const proxy = new UdpProxy(t);
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }, 0, ['::1']), { one: [one.endpoint] });
  const client = dgram.createSocket('udp6');
  t.after(() => client.close());
  // IPv6 carries twenty bytes more than IPv4.
  client.send(Buffer.alloc(65_527), proxy.port, '::1');
  await until(() => proxy.metric('headgate_udp_dropped_datagrams_total', 'reason="SendFailed"') === 1, 'it is counted');
  assert.deepEqual(proxy.logged, []);
});

test('a session without datagrams ends', async (t) => {
  const proxy = new UdpProxy(t, { udpIdleTimeoutMs: 1 });
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }), { one: [one.endpoint] });
  const client = await UdpClient.start(t);
  await client.ask('q', proxy.port);
  await until(() => proxy.logged.length === 1, 'the session ends');
  assert.equal(proxy.logged[0]!['reason'], 'Idle');
  assert.equal((await client.ask('q', proxy.port)).text, 'one q');
  assert.equal(one.peers.size, 2);
});

test('a listener for all addresses answers from the one that was asked', async (t) => {
  const proxy = new UdpProxy(t);
  const one = await startBackend(t, 'one');
  await proxy.apply(configOf({ one: 1 }), { one: [one.endpoint] });
  const { port } = proxy;
  await proxy.apply(configOf({ one: 1 }, port, []), {});
  const own = Object.values(os.networkInterfaces()).flatMap((list = []) =>
    list.filter(({ family }) => family === 'IPv4'),
  );
  const client = await UdpClient.start(t);
  for (const { address } of own) {
    assert.deepEqual(await client.ask('q', port, address), { text: 'one q', from: `${address}:${port}` });
  }
  assert.equal(one.peers.size, own.length);
});

test('a port that somebody else has is a problem of the listener, and taken once it is free', async (t) => {
  const other = await startBackend(t, 'other');
  const proxy = new UdpProxy(t);
  const one = await startBackend(t, 'one');
  const { port } = other.endpoint;
  const answer = await proxy.apply(configOf({ one: 1 }, port), { one: [one.endpoint] });
  assert.ok(answer.type === 'ack');
  assert.deepEqual(
    answer.problems.map(({ listener, reason }) => ({ listener, reason })),
    [{ listener: 'l', reason: 'AddressInUse' }],
  );
  assert.match(answer.problems[0]!.message, new RegExp(`ss -lunp 'sport = :${port}'`));
  other.close();
  assert.deepEqual(await proxy.apply(configOf({ one: 2 }, port)), { type: 'ack', version: 2, problems: [] });
  const client = await UdpClient.start(t);
  assert.equal((await client.ask('q', port)).text, 'one q');
});

test('draining, those who wait get their answer, and no new session begins', async (t) => {
  const { proxy, port } = await start(t);
  const [client, late] = [await UdpClient.start(t), await UdpClient.start(t)];
  await client.ask('q', port);
  const drained = proxy.proxy.apply({ type: 'drain', graceMs: 10_000 });
  assert.equal((await client.ask('q', port)).text, 'one q');
  late.send('q', port);
  const dropped = () => proxy.metric('headgate_udp_dropped_datagrams_total', 'reason="Draining"');
  await until(() => dropped() === 1, 'the new client is dropped');
  assert.deepEqual(await drained, { type: 'drained' });
  assert.deepEqual(
    proxy.logged.map(({ reason }) => reason),
    ['Idle'],
  );
});
