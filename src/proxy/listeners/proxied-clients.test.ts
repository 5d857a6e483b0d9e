/** PROXY headers from trusted peers, and towards backends, on real sockets with every kind of listener. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import tls from 'node:tls';
import type { BackendConfig, ListenerConfig } from '../../contract/gateway-config.ts';
import { until } from '../../../test/until.ts';
import { echo, startBackend, TcpClient, TcpProxy, type TestConfig } from '../tcp/tcp.test-support.ts';
import { testCertificate } from './certificate.test-support.ts';
import { proxyHeader, readProxyHeader } from './proxy-protocol.ts';

const front = testCertificate('front', ['front.test']);
const inner = testCertificate('inner', ['inner.test']);
const client = { address: '203.0.113.9', port: 4711 };
const ends = { client, server: { address: '198.51.100.1', port: 443 } };
const [v1, v2] = [proxyHeader('V1', ends), proxyHeader('V2', ends)];
const trusted = { proxyProtocol: { trustedPeers: ['10.0.0.0/8', '127.0.0.0/8', '::1'] } };
const paths = {
  p: {
    listener: 'front',
    hostname: '',
    own: '',
    path: { type: 'PathPrefix' as const, value: '/' },
    matches: [{ rule: 'r0', order: 0 }],
  },
};

interface Start {
  readonly listener?: Partial<ListenerConfig>;
  readonly backend?: Partial<BackendConfig>;
  /** Of the backend. */
  readonly tls?: tls.TlsOptions;
  serve?(socket: net.Socket): void;
}

async function start(t: TestContext, { listener = {}, backend = {}, serve = echo('one'), ...more }: Start) {
  const one = await startBackend(t, serve, more.tls);
  const proxy = new TcpProxy(t, { headTimeoutMs: 200 });
  const isHttp = listener.protocol === 'HTTP' || listener.protocol === 'HTTPS';
  const config: TestConfig = {
    listeners: { front: listener },
    routes: [{ listener: 'front', weights: { one: 1 } }],
    backends: { one: backend },
    certificates: { front },
    ...(isHttp && { paths }),
  };
  await proxy.apply(config, { one: [one.endpoint] });
  return { proxy, port: proxy.port, one };
}

/** Answers each request with the address the proxy names, and closes. */
function answerClient(socket: net.Socket): void {
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
    if (!text.includes('\r\n\r\n')) return;
    const name = /x-forwarded-for: (.*)\r\n/i.exec(text)?.[1] ?? 'nobody';
    text = '';
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`);
  });
}

const get = 'GET / HTTP/1.1\r\nHost: front.test\r\n\r\n';

for (const [name, header] of [
  ['V1', v1],
  ['V2', v2],
] as const) {
  test(`HTTP: the client is who ${name} says, in one packet with the request or byte by byte`, async (t) => {
    const { proxy, port } = await start(t, {
      listener: { protocol: 'HTTP', ...trusted },
      backend: { protocol: 'http1' },
      serve: answerClient,
    });
    const whole = await TcpClient.connect(t, port);
    assert.match(await whole.ask(header.toString('latin1') + get), /\r\n\r\n203\.0\.113\.9$/);
    assert.match(await whole.ask(get), /\r\n\r\n203\.0\.113\.9$/);
    const slow = await TcpClient.connect(t, port);
    slow.socket.setNoDelay(true);
    for (const byte of header) {
      slow.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(await slow.ask(get), /\r\n\r\n203\.0\.113\.9$/);
    const lines = await proxy.logged(3);
    assert.deepEqual(
      lines.map((line) => line['client']),
      Array.from({ length: 3 }, () => client.address),
    );
  });
}

test('HTTP: a peer that speaks for itself is who it is', async (t) => {
  const { port } = await start(t, {
    listener: { protocol: 'HTTP', ...trusted },
    backend: { protocol: 'http1' },
    serve: answerClient,
  });
  const checker = await TcpClient.connect(t, port);
  assert.match(await checker.ask(`PROXY UNKNOWN\r\n${get}`), /\r\n\r\n127\.0\.0\.1$/);
});

/** TLS after a PROXY header. */
async function secure(t: TestContext, port: number): Promise<TcpClient> {
  const below = net.connect({ port, host: '127.0.0.1' });
  t.after(() => below.destroy());
  below.write(v2);
  const socket = tls.connect({ socket: below, servername: 'front.test', rejectUnauthorized: false });
  const secured = new TcpClient(socket);
  await once(socket, 'secureConnect');
  return secured;
}

test('HTTPS: the header comes before TLS', async (t) => {
  const { proxy, port } = await start(t, {
    listener: { protocol: 'HTTPS', tls: { mode: 'Terminate', certificates: ['front'] }, ...trusted },
    backend: { protocol: 'http1' },
    serve: answerClient,
  });
  assert.match(await (await secure(t, port)).ask(get), /\r\n\r\n203\.0\.113\.9$/);
  assert.equal((await proxy.logged(1))[0]!['client'], client.address);
});

test('TLS passthrough and TCP: the client is named in the log and to the backend', async (t) => {
  const received: Buffer[] = [];
  const { proxy, port } = await start(t, {
    listener: { protocol: 'TLS', tls: { mode: 'Terminate', certificates: ['front'] }, ...trusted },
    backend: { proxyProtocol: 'V2' },
    serve(socket) {
      socket.on('data', (data: Buffer) => (received.push(data), socket.write('ok')));
      socket.on('end', () => socket.end());
    },
  });
  const secured = await secure(t, port);
  assert.equal(await secured.ask('hello'), 'ok');
  secured.socket.destroy();
  const verdict = readProxyHeader(Buffer.concat(received));
  assert.ok(typeof verdict === 'object');
  assert.deepEqual(verdict.client, client);
  assert.equal(Buffer.concat(received).toString('latin1', verdict.length), 'hello');
  const [line] = await proxy.logged(1);
  assert.deepEqual([line!['client'], line!['clientPort']], [client.address, client.port]);
});

const refused: readonly (readonly [string, string, Buffer | string])[] = [
  ['NoProxyHeader', 'plain bytes', get],
  ['MalformedProxyHeader', 'a header that is wrong', 'PROXY TCP4 one two 3 4\r\n'],
  ['ProxyHeaderTimeout', 'half a header', 'PROXY TCP4 '],
];

for (const [reason, what, bytes] of refused) {
  test(`${what}: the connection is closed, counted and logged as ${reason}`, async (t) => {
    const { proxy, port, one } = await start(t, { listener: trusted });
    const rude = await TcpClient.connect(t, port);
    rude.socket.on('end', () => rude.socket.end());
    rude.socket.write(bytes);
    await rude.closed();
    assert.equal(rude.received, '');
    const rejected = () => proxy.metric('headgate_rejected_connections_total', `reason="${reason}"`);
    await until(() => rejected() === 1, 'it is counted');
    const [line] = await proxy.logged(1);
    assert.deepEqual([line!['reason'], line!['client']], [reason, '127.0.0.1']);
    assert.equal(one.sockets.length, 0);
    const polite = await TcpClient.connect(t, port);
    assert.equal(await polite.ask(`${v1.toString()}hi`), 'one hi');
  });
}

test('who is not trusted is closed, whatever he says', async (t) => {
  const { proxy, port, one } = await start(t, { listener: { proxyProtocol: { trustedPeers: ['192.0.2.0/24'] } } });
  const stranger = await TcpClient.connect(t, port);
  stranger.socket.on('end', () => stranger.socket.end());
  stranger.socket.write(v1);
  await stranger.closed();
  const [line] = await proxy.logged(1);
  assert.equal(line!['reason'], 'UntrustedProxyPeer');
  assert.equal(one.sockets.length, 0);
});

test('a peer that goes before its header is whole leaves nothing behind', async (t) => {
  const { proxy, port } = await start(t, { listener: trusted });
  const fickle = await TcpClient.connect(t, port);
  fickle.socket.end('PROXY ');
  await fickle.closed();
  const [line] = await proxy.logged(1);
  assert.equal(line!['reason'], 'ProxyPeerGone');
  assert.deepEqual(await proxy.proxy.apply({ type: 'drain', graceMs: 5000 }), { type: 'drained' });
});

for (const version of ['V1', 'V2'] as const) {
  for (const isTls of [false, true]) {
    test(`a backend over ${isTls ? 'TLS' : 'TCP'} is told by ${version} who its client is`, async (t) => {
      const heads: Buffer[] = [];
      const onBytes = (socket: net.Socket) => {
        socket.once('data', (data: Buffer) => {
          const verdict = readProxyHeader(data);
          assert.ok(typeof verdict === 'object');
          heads.push(data.subarray(0, verdict.length));
          socket.pause();
          socket.unshift(data.subarray(verdict.length));
          if (!isTls) {
            echo('plain')(socket);
            socket.resume();
            return;
          }
          const own = { key: inner.key, cert: inner.certificate };
          echo('secret')(new tls.TLSSocket(socket, { isServer: true, ...own }));
        });
      };
      const overTls = { protocol: 'tcp-tls', tls: { serverName: 'inner.test', ca: inner.certificate } } as const;
      const { port } = await start(t, {
        backend: { proxyProtocol: version, ...(isTls && overTls) },
        serve: onBytes,
      });
      const one = await TcpClient.connect(t, port);
      assert.equal(await one.ask('hi'), `${isTls ? 'secret' : 'plain'} hi`);
      const verdict = readProxyHeader(heads[0]!);
      assert.ok(typeof verdict === 'object');
      assert.deepEqual(verdict.client, { address: '127.0.0.1', port: one.socket.localPort });
    });
  }
}

test('an HTTP backend gets connections of their own for each client, and keeps them', async (t) => {
  const seen: string[] = [];
  const { port } = await start(t, {
    listener: { protocol: 'HTTP' },
    backend: { protocol: 'http1', proxyProtocol: 'V1' },
    serve: (socket) =>
      socket.once('data', (data: Buffer) => {
        const end = data.indexOf('\r\n') + 2;
        seen.push(data.toString('latin1', 0, end));
        socket.unshift(data.subarray(end));
        answerClient(socket);
      }),
  });
  const [a, b] = [await TcpClient.connect(t, port), await TcpClient.connect(t, port)];
  for (const one of [a, b, a, b]) assert.match(await one.ask(get), /^HTTP\/1\.1 200/);
  assert.deepEqual(
    seen,
    [a, b].map(({ socket }) => `PROXY TCP4 127.0.0.1 127.0.0.1 ${socket.localPort} ${port}\r\n`),
  );
});
