/** TCP listeners on real sockets: each row is what a client, a backend or a configuration does, and what the other side sees. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { until } from '../../../test/until.ts';
import {
  deadPort,
  echo,
  endpointAt,
  isAskedAfter,
  startBackend,
  TcpClient,
  TcpProxy,
  type TestConfig,
} from './tcp.test-support.ts';

const tcp = (weights: Readonly<Record<string, number>>): TestConfig => ({
  listeners: { tcp: {} },
  routes: [{ listener: 'tcp', weights }],
});

/** A client, and its connection through a proxy to a backend. */
async function connectTo(t: TestContext, serve: (socket: Socket) => void) {
  const backend = await startBackend(t, serve);
  const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), { a: [backend.endpoint] });
  const client = await TcpClient.connect(t, proxy.port);
  return { backend, proxy, client };
}

describe('a TCP connection', () => {
  test('carries bytes both ways and is counted and logged', async (t) => {
    const { backend, proxy, client } = await connectTo(t, echo('a'));
    assert.equal(await client.ask('one'), 'a one');
    assert.equal(proxy.metric('headgate_tcp_connections', 'backend="test/a:80"'), 1);
    assert.equal(proxy.metric('headgate_upstream_connections'), 1);
    assert.equal(proxy.metric('headgate_connections'), 1);
    client.socket.end();
    await client.closed();
    assert.ok(client.isEnded && client.error === '');
    const [line] = await proxy.logged(1);
    const { time, clientPort, durationMs, ...rest } = line!;
    assert.ok(time && clientPort && (durationMs as number) >= 0);
    assert.deepEqual(rest, {
      gateway: 'test/web',
      listener: 'tcp',
      route: 'test/route-0',
      rule: 'rules[0]',
      backend: 'test/a:80',
      endpoint: `127.0.0.1:${backend.endpoint.port}`,
      client: '127.0.0.1',
      protocol: 'TCP',
      serverName: '',
      reason: 'Closed',
      requestBytes: 3,
      responseBytes: 5,
    });
    assert.equal(proxy.metric('headgate_tcp_connections'), 0);
    assert.equal(proxy.metric('headgate_tcp_connections_ended_total', 'reason="Closed"'), 1);
    assert.equal(proxy.metric('headgate_tcp_bytes_total', 'direction="request"'), 3);
    assert.equal(proxy.metric('headgate_tcp_bytes_total', 'direction="response"'), 5);
    assert.equal(proxy.metric('headgate_connections'), 0);
    assert.equal(proxy.metric('headgate_upstream_connections'), 0);
  });

  test('a client that says nothing is asked after by the kernel', async (t) => {
    const { proxy, client } = await connectTo(t, echo('a'));
    assert.equal(await client.ask('one'), 'a one');
    await until(() => isAskedAfter(proxy.port), 'the timer runs', 5000);
  });

  test('lets the server speak first', async (t) => {
    const { client } = await connectTo(t, (socket) => socket.write('220 welcome'));
    await until(() => client.received === '220 welcome', 'the greeting is there');
  });

  test('a client that ends at once still gets its answer', async (t) => {
    const { client } = await connectTo(t, (socket) => {
      let all = '';
      socket.on('data', (data) => (all += data.toString()));
      socket.on('end', () => socket.end(`got ${all}`));
    });
    client.socket.end('whole question');
    await client.closed();
    assert.equal(client.received, 'got whole question');
    assert.equal(client.error, '');
  });

  test('a backend that ends first goes on reading', async (t) => {
    let late = '';
    let isEnded = false;
    const { proxy, client } = await connectTo(t, (socket) => {
      socket.end('bye');
      socket.on('data', (data) => (late += data.toString()));
      socket.on('end', () => (isEnded = true));
    });
    await until(() => client.isEnded, 'the end of the backend has come');
    assert.equal(client.received, 'bye');
    client.socket.write('late ');
    await until(() => late === 'late ', 'the backend has read it');
    client.socket.end('news');
    await until(() => isEnded, 'the end of the client has come');
    assert.equal(late, 'late news');
    await client.closed();
    assert.equal((await proxy.logged(1))[0]!.reason, 'Closed');
  });

  test('a reset of the backend resets the client, and the reverse', async (t) => {
    const { backend, proxy, client } = await connectTo(t, (socket) =>
      socket.on('data', (data) => {
        if (data.toString() === 'die') socket.resetAndDestroy();
        else socket.write('alive');
      }),
    );
    await client.ask('hello');
    client.socket.write('die');
    await client.closed();
    assert.equal(client.error, 'ECONNRESET');
    const other = await TcpClient.connect(t, proxy.port);
    await other.ask('hello');
    let error = '';
    backend.sockets[1]!.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code!));
    other.socket.resetAndDestroy();
    await until(() => error === 'ECONNRESET', 'the backend sees the reset');
    const reasons = (await proxy.logged(2)).map(({ reason }) => reason);
    assert.deepEqual(reasons, ['BackendReset', 'ClientReset']);
  });

  test('megabytes arrive whole, whatever the pace', async (t) => {
    const size = 24 * 1024 * 1024;
    const sent = Buffer.alloc(size);
    for (let i = 0; i < size; i += 4) sent.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
    const chunks: Buffer[] = [];
    const { client } = await connectTo(t, (socket) => {
      socket.on('data', (data: Buffer) => {
        chunks.push(data);
        // Back in pieces of other sizes.
        socket.write(data);
      });
      socket.on('end', () => socket.end());
    });
    client.socket.removeAllListeners('data');
    const back: Buffer[] = [];
    client.socket.on('data', (data: Buffer) => back.push(data));
    for (let at = 0; at < size; at += 300_001) client.socket.write(sent.subarray(at, at + 300_001));
    client.socket.end();
    await client.closed();
    assert.ok(Buffer.concat(chunks).equals(sent));
    assert.ok(Buffer.concat(back).equals(sent));
  });

  test('a client that does not read stops the backend, and others go on', async (t) => {
    let written = 0;
    let isBlocked = false;
    const backend = await startBackend(t, (socket) => {
      socket.once('data', (data) => {
        if (data.toString() !== 'flood') return socket.write('fine');
        const chunk = Buffer.alloc(64 * 1024);
        const pump = () => {
          while (written < 64 * 1024 * 1024) {
            written += chunk.length;
            if (!socket.write(chunk)) return (isBlocked = true);
          }
        };
        socket.on('drain', () => {
          isBlocked = false;
          pump();
        });
        return pump();
      });
    });
    const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), { a: [backend.endpoint] });
    const lazy = await TcpClient.connect(t, proxy.port);
    lazy.socket.pause();
    lazy.socket.write('flood');
    let last = -1;
    await until(() => {
      const isStill = isBlocked && written === last;
      last = written;
      return isStill;
    }, 'the backend cannot write any more');
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes were taken`);
    const bystander = await TcpClient.connect(t, proxy.port);
    assert.equal(await bystander.ask('hello'), 'fine');
    // It may go on where it stopped.
    lazy.socket.resume();
    await until(() => lazy.received.length === 64 * 1024 * 1024, 'everything has come');
  });
});

describe('endpoints of a TCP rule', () => {
  test('connections go to backends by weight', async (t) => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => startBackend(t, (socket) => socket.end(name))));
    const proxy = await TcpProxy.serving(t, tcp({ a: 70, b: 30, c: 0 }), {
      a: [a!.endpoint],
      b: [b!.endpoint],
      c: [c!.endpoint],
    });
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 400; i++) {
      const client = await TcpClient.connect(t, proxy.port);
      client.socket.end();
      await client.closed();
      counts[client.received]!++;
    }
    // Five standard deviations.
    assert.ok(Math.abs(counts.a! - 280) < 46, JSON.stringify(counts));
    assert.equal(counts.c, 0);
  });

  test('one that cannot be reached is passed over, and the bytes are not lost', async (t) => {
    const good = await startBackend(t, echo('good'));
    const dead = endpointAt(await deadPort());
    const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), { a: [dead, good.endpoint] });
    for (let i = 0; i < 6; i++) {
      const client = await TcpClient.connect(t, proxy.port);
      assert.equal(await client.ask('first words'), 'good first words');
    }
  });

  test('where none can be reached the client is reset', async (t) => {
    const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), {
      a: [endpointAt(await deadPort()), endpointAt(await deadPort())],
    });
    const client = await TcpClient.connect(t, proxy.port);
    await client.closed();
    assert.equal(client.error, 'ECONNRESET');
    assert.equal((await proxy.logged(1))[0]!.reason, 'ConnectFailed');
    await until(() => proxy.metric('headgate_connections') === 0, 'it is not counted any more');
  });

  for (const [what, weights, reason] of [
    ['no backend', {}, 'NoBackend'],
    ['a backend that is not resolved', { 'a?': 1 }, 'BackendNotFound'],
    ['a backend without endpoints', { a: 1 }, 'NoEndpoint'],
  ] as const) {
    test(`with ${what} the connection is closed, counted and named`, async (t) => {
      const proxy = await TcpProxy.serving(t, tcp(weights));
      const client = await TcpClient.connect(t, proxy.port);
      client.socket.on('end', () => client.socket.end());
      await client.closed();
      assert.equal(client.received, '');
      const [line] = await proxy.logged(1);
      const { reason: said, rejected, listener, protocol } = line!;
      assert.deepEqual([said, rejected, listener, protocol], [reason, true, 'tcp', 'TCP']);
      assert.equal(proxy.metric('headgate_rejected_connections_total', `reason="${reason}"`), 1);
    });
  }

  test('without a route the connection is closed', async (t) => {
    const proxy = await TcpProxy.serving(t, { listeners: { tcp: {} }, routes: [] });
    const client = await TcpClient.connect(t, proxy.port);
    client.socket.on('end', () => client.socket.end());
    await client.closed();
    assert.equal((await proxy.logged(1))[0]!.reason, 'NoRoute');
  });
});

describe('changes under open TCP connections', () => {
  test('another backend takes new connections only', async (t) => {
    const [a, b] = [await startBackend(t, echo('a')), await startBackend(t, echo('b'))];
    const endpoints = { a: [a.endpoint], b: [b.endpoint] };
    const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), endpoints);
    const old = await TcpClient.connect(t, proxy.port);
    assert.equal(await old.ask('1'), 'a 1');
    await proxy.apply(tcp({ b: 1 }), endpoints);
    assert.equal(await (await TcpClient.connect(t, proxy.port)).ask('2'), 'b 2');
    assert.equal(await old.ask('3'), 'a 3');
  });

  test('a listener that is gone lets its connections go on, and takes none', async (t) => {
    const a = await startBackend(t, echo('a'));
    const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), { a: [a.endpoint] });
    const { port } = proxy;
    const old = await TcpClient.connect(t, port);
    assert.equal(await old.ask('1'), 'a 1');
    await proxy.apply({ listeners: {}, routes: [] });
    await assert.rejects(TcpClient.connect(t, port), { code: 'ECONNREFUSED' });
    assert.equal(await old.ask('2'), 'a 2');
  });

  test('a proxy that drains waits for them, and cuts them after its time', async (t) => {
    const a = await startBackend(t, echo('a'));
    const proxy = await TcpProxy.serving(t, tcp({ a: 1 }), { a: [a.endpoint] });
    const client = await TcpClient.connect(t, proxy.port);
    await client.ask('1');
    await proxy.proxy.drain(50);
    await client.closed();
    assert.equal((await proxy.logged(1))[0]!.reason, 'Shutdown');
  });

  test('where bytes wait that nobody takes, it ends in its time; where nothing waits, it lives', async (t) => {
    const deaf = await startBackend(t, (socket) => socket.pause());
    const proxy = new TcpProxy(t, { tcpStallTimeoutMs: 300 });
    await proxy.apply(tcp({ deaf: 1 }), { deaf: [deaf.endpoint] });
    const silent = await TcpClient.connect(t, proxy.port);
    await until(() => proxy.metric('headgate_upstream_connections') === 1, 'the silent one stands');
    const stalled = await TcpClient.connect(t, proxy.port);
    stalled.socket.write(Buffer.alloc(32 * 1024 * 1024));
    await stalled.closed();
    assert.equal((await proxy.logged(1))[0]!.reason, 'Stalled');
    await until(() => proxy.metric('headgate_upstream_connections') === 1, 'its backend is let go');
    assert.ok(!silent.isClosed);
  });

  test('an idle time-out is off unless it is asked for', async (t) => {
    const a = await startBackend(t, echo('a'));
    const proxy = new TcpProxy(t, { tcpIdleTimeoutMs: 300 });
    await proxy.apply(tcp({ a: 1 }), { a: [a.endpoint] });
    const client = await TcpClient.connect(t, proxy.port);
    await client.ask('1');
    await client.closed();
    assert.equal((await proxy.logged(1))[0]!.reason, 'Idle');
  });
});
