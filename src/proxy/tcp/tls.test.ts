/** TLS listeners on real sockets: passthrough, terminate, and both beside HTTPS on one port; and all that is refused. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { BackendConfig, ListenerConfig } from '../../contract/gateway-config.ts';
import { until } from '../../../test/until.ts';
import { testCertificate } from '../listeners/certificate.test-support.ts';
import {
  helloMessage,
  inRecords,
  serverNameExtension,
  tls13Extensions,
} from '../listeners/client-hello.test-support.ts';
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

const front = testCertificate('front', ['front.test', '*.front.test']);
const inner = testCertificate('inner', ['inner.test']);
const innerOptions = { cert: inner.certificate, key: inner.key };
const certificates = { front };

const passthrough = (hostname = ''): Partial<ListenerConfig> => ({
  protocol: 'TLS',
  hostname,
  tls: { mode: 'Passthrough', certificates: [] },
});
const terminate = (hostname = ''): Partial<ListenerConfig> => ({
  protocol: 'TLS',
  hostname,
  tls: { mode: 'Terminate', certificates: ['front'] },
});

const subjectOf = (client: TcpClient) => (client.socket as TLSSocket).getPeerCertificate().subject.CN;

/** A raw client that sends this; what it got when the connection was closed. */
async function answerTo(t: TestContext, port: number, bytes: Buffer): Promise<TcpClient> {
  const client = await TcpClient.connect(t, port);
  client.socket.on('end', () => client.socket.end());
  client.socket.write(bytes);
  await client.closed();
  return client;
}

const helloFor = (name: string) => inRecords(helloMessage(serverNameExtension(name) + tls13Extensions));

describe('TLS passthrough', () => {
  const config: TestConfig = {
    listeners: { tls: passthrough() },
    routes: [
      { listener: 'tls', hostname: 'a.test', weights: { a: 1 } },
      { listener: 'tls', hostname: '*.test', weights: { b: 1 } },
      { listener: 'tls', hostname: 'gone.test', weights: { 'x?': 1 } },
      { listener: 'tls', hostname: 'empty.test', weights: { empty: 1 } },
      { listener: 'tls', hostname: 'dead.test', weights: { dead: 1 } },
    ],
  };

  async function start(t: TestContext, limits = {}) {
    const a = await startBackend(t, echo('a'), innerOptions);
    const b = await startBackend(t, echo('b'), innerOptions);
    const proxy = new TcpProxy(t, limits);
    const dead = endpointAt(await deadPort());
    await proxy.apply(config, { a: [a.endpoint], b: [b.endpoint], dead: [dead] });
    return proxy;
  }

  test('the server name decides, and the handshake is the backend’s', async (t) => {
    const proxy = await start(t);
    const a = await TcpClient.secure(t, proxy.port, { servername: 'A.test' });
    assert.equal(subjectOf(a), 'inner');
    assert.equal(await a.ask('1'), 'a 1');
    const b = await TcpClient.secure(t, proxy.port, { servername: 'x.y.test' });
    assert.equal(await b.ask('2'), 'b 2');
    a.socket.end();
    await a.closed();
    const [line] = await proxy.logged(1);
    assert.deepEqual([line!.protocol, line!.serverName, line!.backend], ['TLS', 'a.test', 'test/a:80']);
  });

  test('a hello in records and packets of one byte gets there', async (t) => {
    let received = Buffer.alloc(0);
    const a = await startBackend(t, (socket) =>
      socket.on('data', (data: Buffer) => (received = Buffer.concat([received, data]))),
    );
    const proxy = await TcpProxy.serving(t, config, { a: [a.endpoint] });
    const bytes = inRecords(helloMessage(serverNameExtension('a.test') + tls13Extensions), 1);
    const client = await TcpClient.connect(t, proxy.port);
    client.socket.setNoDelay(true);
    for (const byte of bytes) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received.length === bytes.length, 'the backend has all of it');
    assert.ok(received.equals(bytes));
  });

  for (const [name, reason] of [
    ['other.example', 'NoRoute'],
    ['gone.test', 'BackendNotFound'],
    ['empty.test', 'NoEndpoint'],
  ] as const) {
    test(`${name} is closed without a byte: ${reason}`, async (t) => {
      const proxy = await start(t);
      const client = await answerTo(t, proxy.port, helloFor(name));
      assert.equal(client.received, '');
      const [line] = await proxy.logged(1);
      assert.deepEqual([line!.reason, line!.rejected, line!.serverName], [reason, true, name]);
    });
  }

  test('where the backend cannot be reached the client is reset without a byte', async (t) => {
    const proxy = await start(t);
    const client = await answerTo(t, proxy.port, helloFor('dead.test'));
    assert.deepEqual([client.received, client.error], ['', 'ECONNRESET']);
  });

  for (const [what, bytes, reason] of [
    ['garbage', '\x01\x02\x03garbage', 'NotTls'],
    ['a hello that is none', '\x16\x03\x01\0\x04\x02\0\0\0', 'MalformedClientHello'],
    ['a hello above 64 KiB', '\x16\x03\x01\x40\0\x01\x01\0\0', 'MalformedClientHello'],
    ['a hello that never ends', '\x16\x03\x01\x02\0\x01', 'TlsHandshakeTimeout'],
    ['silence', '', 'TlsHandshakeTimeout'],
  ] as const) {
    test(`${what} is closed: ${reason}`, async (t) => {
      const proxy = await start(t, { tlsHandshakeTimeoutMs: 300 });
      const client = await answerTo(t, proxy.port, Buffer.from(bytes, 'latin1'));
      assert.equal(client.received, '');
      assert.equal((await proxy.logged(1))[0]!.reason, reason);
      assert.equal(proxy.metric('headgate_rejected_connections_total', `reason="${reason}"`), 1);
      await until(() => proxy.metric('headgate_connections') === 0, 'it is not counted any more');
      const other = await TcpClient.secure(t, proxy.port, { servername: 'a.test' });
      assert.equal(await other.ask('still'), 'a still');
    });
  }

  test('plain HTTP is told what the port speaks', async (t) => {
    const proxy = await start(t);
    const client = await answerTo(t, proxy.port, Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'));
    assert.match(client.received, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks TLS/);
    assert.equal((await proxy.logged(1))[0]!.reason, 'HttpToTlsPort');
  });

  test('a client that leaves in its hello is forgotten', async (t) => {
    const proxy = await start(t);
    const client = await TcpClient.connect(t, proxy.port);
    client.socket.write('\x16\x03\x01');
    await until(() => proxy.metric('headgate_connections') === 1, 'it is counted');
    client.socket.resetAndDestroy();
    await until(() => proxy.metric('headgate_connections') === 0, 'it is not counted any more');
    assert.equal((await proxy.logged(1))[0]!.reason, 'TlsClientGone');
  });

  test('an open connection outlives its route', async (t) => {
    const a = await startBackend(t, echo('a'), innerOptions);
    const proxy = await TcpProxy.serving(t, config, { a: [a.endpoint] });
    const client = await TcpClient.secure(t, proxy.port, { servername: 'a.test' });
    await client.ask('1');
    await proxy.apply({ listeners: { tls: passthrough() }, routes: [] });
    assert.equal(await client.ask('2'), 'a 2');
    assert.equal((await answerTo(t, proxy.port, helloFor('a.test'))).received, '');
  });
});

describe('TLS terminated', () => {
  const config = (backends: Readonly<Record<string, Partial<BackendConfig>>> = {}): TestConfig => ({
    listeners: { tls: terminate() },
    routes: [{ listener: 'tls', weights: { a: 1 } }],
    backends,
    certificates,
  });

  test('the backend gets the bytes in the clear, and may speak first', async (t) => {
    const backend = await startBackend(t, (socket) => {
      socket.write('220 welcome');
      echo('a')(socket);
    });
    const proxy = await TcpProxy.serving(t, config(), { a: [backend.endpoint] });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = await TcpClient.secure(t, proxy.port, { servername: 'front.test', maxVersion });
      assert.equal(subjectOf(client), 'front');
      await until(() => client.received === '220 welcome', 'the greeting is there');
      assert.equal(await client.ask('hello'), 'a hello');
      client.socket.end();
      await client.closed();
      assert.equal(client.error, '');
    }
    const [line] = await proxy.logged(2);
    assert.deepEqual([line!.requestBytes, line!.responseBytes, line!.reason], [5, 18, 'Closed']);
    assert.equal(proxy.metric('headgate_connections'), 0);
  });

  test('half-close goes both ways', async (t) => {
    const backend = await startBackend(t, (socket) => {
      let all = '';
      socket.on('data', (data) => (all += data.toString()));
      socket.on('end', () => socket.end(`got ${all}`));
    });
    const proxy = await TcpProxy.serving(t, config(), { a: [backend.endpoint] });
    const client = await TcpClient.secure(t, proxy.port, { servername: 'front.test' });
    client.socket.end('whole question');
    await client.closed();
    assert.equal(client.received, 'got whole question');
  });

  test('a backend that breaks off breaks off the client', async (t) => {
    const backend = await startBackend(t, (socket) => {
      socket.write('half an ans');
      socket.on('data', () => socket.resetAndDestroy());
    });
    const proxy = await TcpProxy.serving(t, config(), { a: [backend.endpoint] });
    const client = await TcpClient.secure(t, proxy.port, { servername: 'front.test' });
    await until(() => client.received !== '', 'half of it is there');
    client.socket.write('die');
    await client.closed();
    assert.equal(client.error, 'ECONNRESET');
    assert.equal((await proxy.logged(1))[0]!.reason, 'BackendReset');
  });

  test('a client that offers one protocol gets it, of several none is chosen', async (t) => {
    const backend = await startBackend(t, echo('a'));
    const proxy = await TcpProxy.serving(t, config(), { a: [backend.endpoint] });
    const offers = { servername: 'front.test', ALPNProtocols: ['postgresql'] };
    const one = await TcpClient.secure(t, proxy.port, offers);
    assert.equal((one.socket as TLSSocket).alpnProtocol, 'postgresql');
    assert.equal(await one.ask('hello'), 'a hello');
    const two = await TcpClient.secure(t, proxy.port, { ...offers, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal((two.socket as TLSSocket).alpnProtocol, false);
    assert.equal(await two.ask('hello'), 'a hello');
  });

  test('megabytes arrive whole', async (t) => {
    const sent = Buffer.alloc(8 * 1024 * 1024, 'abcdefg');
    const backend = await startBackend(t, (socket) => socket.pipe(socket));
    const proxy = await TcpProxy.serving(t, config(), { a: [backend.endpoint] });
    const client = await TcpClient.secure(t, proxy.port, { servername: 'front.test' });
    const chunks: Buffer[] = [];
    client.socket.removeAllListeners('data');
    client.socket.on('data', (data: Buffer) => chunks.push(data));
    client.socket.end(sent);
    await client.closed();
    assert.ok(Buffer.concat(chunks).equals(sent));
  });

  test('a hello in many packets is put back for the handshake', async (t) => {
    const backend = await startBackend(t, echo('a'));
    const proxy = await TcpProxy.serving(t, config(), { a: [backend.endpoint] });
    const client = await TcpClient.connect(t, proxy.port);
    client.socket.setNoDelay(true);
    for (const byte of helloFor('front.test')) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => client.received.startsWith('\x16\x03\x03'), 'a ServerHello');
  });

  test('it is encrypted anew for a backend that wants that', async (t) => {
    const serverNames: unknown[] = [];
    const backend = await startBackend(
      t,
      (socket) => {
        serverNames.push((socket as TLSSocket).servername);
        echo('a')(socket);
      },
      innerOptions,
    );
    const proxy = new TcpProxy(t);
    const settings = { protocol: 'tcp-tls', tls: { serverName: 'inner.test', ca: inner.certificate } } as const;
    await proxy.apply(config({ a: settings }), { a: [backend.endpoint] });
    const client = await TcpClient.secure(t, proxy.port, { servername: 'front.test' });
    assert.equal(await client.ask('hello'), 'a hello');
    assert.deepEqual(serverNames, ['inner.test']);
    await until(() => isAskedAfter(proxy.port), 'the kernel asks after the client', 5000);
    const other = { protocol: 'tcp-tls', tls: { serverName: 'wrong.test', ca: inner.certificate } } as const;
    await proxy.apply(config({ a: other }), { a: [backend.endpoint] });
    const refused = await TcpClient.secure(t, proxy.port, { servername: 'front.test' });
    await refused.ended();
    assert.equal(refused.received, '');
    assert.equal((await proxy.logged(1))[0]!.reason, 'BackendTlsFailed');
  });

  test('a refused policy closes what would be encrypted anew, and lets through what passes', async (t) => {
    const backend = await startBackend(t, echo('a'), innerOptions);
    const proxy = new TcpProxy(t);
    const tlsRefused = { protocol: 'tcp-tls', tlsRefused: 'NoValidCACertificate' } as const;
    const endpoints = { a: [backend.endpoint] };
    await proxy.apply(config({ a: tlsRefused }), endpoints);
    const client = await TcpClient.secure(t, proxy.port, { servername: 'front.test' }).catch(() => null);
    await client?.ended();
    assert.equal((await proxy.logged(1))[0]!.reason, 'NoValidCACertificate');
    assert.equal(backend.sockets.length, 0);
    await proxy.apply({ ...config({ a: tlsRefused }), listeners: { tls: passthrough() } }, endpoints);
    const passed = await TcpClient.secure(t, proxy.port, { servername: 'inner.test' });
    assert.equal(subjectOf(passed), 'inner');
    assert.equal(await passed.ask('hello'), 'a hello');
  });

  test('clients show a certificate where they must', async (t) => {
    const friend = testCertificate('friend', ['friend.test']);
    const backend = await startBackend(t, echo('a'));
    const proxy = new TcpProxy(t);
    const clientValidation = { mode: 'AllowValidOnly', ca: friend.certificate } as const;
    const tls = { mode: 'Terminate', certificates: ['front'], clientValidation } as const;
    await proxy.apply({ ...config(), listeners: { tls: { protocol: 'TLS', tls } } }, { a: [backend.endpoint] });
    const options = { servername: 'front.test', cert: friend.certificate, key: friend.key };
    const client = await TcpClient.secure(t, proxy.port, options);
    assert.equal(await client.ask('hello'), 'a hello');
    const stranger = await TcpClient.secure(t, proxy.port, { servername: 'front.test' }).catch(() => null);
    await stranger?.ended();
    assert.equal(stranger?.received ?? '', '');
    assert.equal(backend.sockets.length, 1);
  });

  test('without a backend it is refused before the handshake', async (t) => {
    const proxy = await TcpProxy.serving(t, config(), {});
    const client = await answerTo(t, proxy.port, helloFor('front.test'));
    assert.equal(client.received, '');
    assert.equal((await proxy.logged(1))[0]!.reason, 'NoEndpoint');
  });
});

describe('one port for HTTPS, TLS terminated and passed through', () => {
  test('the most specific listener of the server name wins', async (t) => {
    const clear = await startBackend(t, echo('clear'));
    const secret = await startBackend(t, echo('secret'), innerOptions);
    const proxy = new TcpProxy(t);
    const https: Partial<ListenerConfig> = {
      protocol: 'HTTPS',
      hostname: 'www.front.test',
      tls: { mode: 'Terminate', certificates: ['front'] },
    };
    await proxy.apply(
      {
        listeners: { https, ended: terminate('*.front.test'), passed: passthrough('*.inner.test') },
        routes: [
          { listener: 'ended', hostname: '*.front.test', weights: { clear: 1 } },
          { listener: 'passed', hostname: '*.inner.test', weights: { secret: 1 } },
        ],
        certificates,
      },
      { clear: [clear.endpoint], secret: [secret.endpoint] },
    );
    assert.equal(proxy.proxy.bound.length, 1);
    const passed = await TcpClient.secure(t, proxy.port, { servername: 'a.inner.test' });
    assert.equal(await passed.ask('1'), 'secret 1');
    const ended = await TcpClient.secure(t, proxy.port, { servername: 'a.front.test' });
    assert.equal(await ended.ask('2'), 'clear 2');
    const web = await TcpClient.secure(t, proxy.port, { servername: 'www.front.test', ALPNProtocols: ['http/1.1'] });
    assert.match(await web.ask('GET / HTTP/1.1\r\nHost: www.front.test\r\n\r\n'), /^HTTP\/1\.1 404 /);
    const h2 = await TcpClient.secure(t, proxy.port, { servername: 'www.front.test', ALPNProtocols: ['h2'] });
    assert.equal((h2.socket as TLSSocket).alpnProtocol, 'h2');
    assert.equal((await answerTo(t, proxy.port, helloFor('elsewhere.test'))).received, '');
    assert.equal((await proxy.logged(1)).at(-1)!.reason, 'UnknownServerName');
    assert.equal(proxy.metric('headgate_connections', 'listener="ended"'), 1);
    assert.equal(proxy.metric('headgate_connections', 'listener="passed"'), 1);
    assert.equal(proxy.metric('headgate_connections', 'listener="https"'), 2);
  });
});
