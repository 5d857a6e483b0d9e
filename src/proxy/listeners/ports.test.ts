import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import type { ListenerConfig } from '../../contract/gateway-config.ts';
import { type Deadline, DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits } from '../limits.ts';
import type { ListenerRuntime } from '../runtime.ts';
import type { CodecFactory } from './connection.ts';
import { until } from '../../../test/until.ts';
import { Ports, type PortsOptions, type PortsWish } from './ports.ts';
import { noTcp } from '../tcp/tcp.test-support.ts';
import { testCertificate } from './certificate.test-support.ts';

const wheel = new DeadlineWheel(20);
wheel.start();
const opened: Ports[] = [];
after(() => {
  for (const ports of opened) ports.close();
  wheel.close();
});

/** Says which protocol, listeners and server name a connection has, at each chunk it gets. */
const describing: CodecFactory = ({ protocol, socket, connection }) => {
  let isDraining = false;
  socket.on('end', () => socket.end());
  return {
    receive() {
      const { listeners } = connection.port as { listeners: readonly ListenerRuntime[] };
      const names = listeners.map(({ key }) => key).join('+');
      socket.write(`${protocol} ${names} ${connection.serverName}${isDraining ? ' draining' : ''}\n`);
      if (isDraining) socket.end();
    },
    startDrain() {
      isDraining = true;
    },
    close: () => socket.destroy(),
  };
};

function createPorts(options: Partial<PortsOptions> = {}) {
  const counts = { open: 0, rejected: [] as string[] };
  const ports = new Ports({
    defaultAddresses: ['127.0.0.1'],
    isShared: false,
    ticketKeys: Buffer.alloc(48, 1),
    limits: defaultLimits,
    wheel,
    createCodec: describing,
    tcp: noTcp,
    createObserver: () => ({
      onConnections: (change) => (counts.open += change),
      onRejected: (reason) => counts.rejected.push(reason),
    }),
    ...options,
  });
  opened.push(ports);
  return { ports, counts };
}

function listener(key: string, config: Partial<ListenerConfig>): ListenerRuntime {
  const origin = { kind: 'Gateway', namespace: 'test', name: 'gateway', section: key };
  return {
    key,
    config: {
      origin,
      gateway: 'Gateway/test/gateway',
      protocol: 'HTTP',
      addresses: [],
      port: 0,
      hostname: '',
      ...config,
    },
    filters: [],
    match: () => null,
    matchConnection: () => null,
  };
}

const clear = (...listeners: ListenerRuntime[]): PortsWish => ({ listeners, certificates: {} });
const https = (hostname: string, ...certificates: string[]): Partial<ListenerConfig> => ({
  protocol: 'HTTPS',
  hostname,
  tls: { mode: 'Terminate', certificates },
});

async function ask(socket: net.Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  return String((await answer)[0]).trim();
}

async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function secure(port: number, servername: string, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

async function commonName(port: number, servername: string): Promise<string> {
  const socket = await secure(port, servername);
  const name = String(socket.getPeerCertificate().subject.CN);
  socket.destroy();
  return name;
}

test('first bytes decide between HTTP/1 and HTTP/2, also when they come one by one', async () => {
  const { ports } = createPorts();
  assert.deepEqual(await ports.apply(clear(listener('a', {}))), []);
  const { port } = ports.bound[0]!;
  assert.equal(await ask(await connect(port), 'GET / HTTP/1.1\r\n'), 'http1 a');
  assert.equal(await ask(await connect(port), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'http2 a');
  const slow = await connect(port);
  slow.setNoDelay(true);
  const answer = once(slow, 'data');
  for (const char of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
    slow.write(char);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(String((await answer)[0]).trim(), 'http2 a');
});

test('what is over is let go of, though the wheel has yet to come round to it', async () => {
  const armed: Deadline[] = [];
  const noting = Object.assign(new DeadlineWheel(), {
    arm(deadline: Deadline, ms: number): void {
      armed.push(deadline);
      DeadlineWheel.prototype.arm.call(this, deadline, ms);
    },
  });
  const { ports, counts } = createPorts({ wheel: noting });
  await ports.apply(clear(listener('a', {})));
  const { port } = ports.bound[0]!;
  const silent = await connect(port);
  const asking = await connect(port);
  await ask(asking, 'one');
  await until(() => counts.open === 2, 'both are there');
  assert.equal(armed.length, 2);
  silent.destroy();
  asking.destroy();
  await until(() => counts.open === 0, 'both are closed');
  assert.deepEqual(
    armed.map(({ owner }) => owner),
    [null, null],
  );
});

test('a change of listeners keeps the port and its connections', async () => {
  const { ports, counts } = createPorts();
  await ports.apply(clear(listener('a', {})));
  const { port } = ports.bound[0]!;
  const socket = await connect(port);
  assert.equal(await ask(socket, 'one'), 'http1 a');
  await ports.apply(clear(listener('a', {}), listener('b', {})));
  assert.equal(ports.bound[0]!.port, port);
  assert.equal(await ask(socket, 'two'), 'http1 a+b');
  assert.equal(counts.open, 1);
});

test('a port that is gone accepts nothing more and lets its connections finish', async () => {
  const { ports } = createPorts();
  await ports.apply(clear(listener('a', {})));
  const { port } = ports.bound[0]!;
  const socket = await connect(port);
  await ask(socket, 'one');
  await ports.apply(clear());
  const refused = net.connect(port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
  const ended = once(socket, 'end');
  assert.equal(await ask(socket, 'two'), 'http1 a  draining');
  await ended;
});

test('drain resolves with the last connection, and one that has not asked yet may ask once', async () => {
  const { ports } = createPorts();
  await ports.apply(clear(listener('a', {})));
  const { port } = ports.bound[0]!;
  const busy = await connect(port);
  await ask(busy, 'one');
  const fresh = await connect(port);
  await ask(await connect(port), 'all three are accepted').catch(() => '');
  let isDrained = false;
  const drained = ports.drain().then(() => (isDrained = true));
  assert.equal(await ask(fresh, 'first'), 'http1 a  draining');
  assert.equal(isDrained, false);
  ports.close();
  await drained;
});

test('a port in use is a problem of its listeners, and of nobody else', async () => {
  const other = net.createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as net.AddressInfo;
  const { ports } = createPorts();
  const problems = await ports.apply(clear(listener('a', { port }), listener('b', {})));
  assert.deepEqual(
    problems.map(({ listener: key, reason }) => `${key} ${reason}`),
    ['a AddressInUse'],
  );
  assert.match(problems[0]!.message, new RegExp(`127\\.0\\.0\\.1:${port} is in use`));
  assert.equal(ports.bound.length, 1);
  other.close();
  await once(other, 'close');
  assert.deepEqual(await ports.apply(clear(listener('a', { port }), listener('b', {}))), []);
});

test('an address that the machine does not have says so', async () => {
  const { ports } = createPorts();
  const [problem] = await ports.apply(clear(listener('a', { addresses: ['192.0.2.1'] })));
  assert.equal(problem?.reason, 'AddressNotAvailable');
});

test('connections above the limit are closed and counted', async () => {
  const { ports, counts } = createPorts({ limits: { ...defaultLimits, connectionsPerListener: 1 } });
  await ports.apply(clear(listener('a', {})));
  const { port } = ports.bound[0]!;
  const first = await connect(port);
  await ask(first, 'one');
  const second = net.connect(port, '127.0.0.1');
  second.on('error', () => {});
  await once(second, 'close');
  assert.deepEqual(counts.rejected, ['TooManyConnections']);
  first.destroy();
});

const a = testCertificate('a', ['a.test']);
const wild = testCertificate('wild', ['*.test']);
const next = testCertificate('next', ['a.test']);

test('SNI picks listener and certificate; an unknown name is refused', async () => {
  const { ports, counts } = createPorts();
  const certificates = { a, wild };
  await ports.apply({ listeners: [listener('x', https('*.test', 'wild', 'a'))], certificates });
  const { port } = ports.bound[0]!;
  assert.equal(await commonName(port, 'a.test'), 'a');
  assert.equal(await commonName(port, 'b.test'), 'wild');
  assert.equal(await commonName(port, ''), 'wild');
  await assert.rejects(secure(port, 'a.other'));
  assert.deepEqual(counts.rejected, ['UnknownServerName']);
});

test('connections count with the listener that their SNI chose, and leave nothing behind', async () => {
  const open = { port: 0, x: 0, y: 0 };
  const { ports } = createPorts({
    createObserver: () => ({
      onRejected: () => {},
      onConnections: (change) => (open.port += change),
      onSecure: (serverName) => {
        const name = serverName === 'a.test' ? 'x' : 'y';
        open[name]++;
        open.port--;
        return { add: (change) => (open[name] += change) };
      },
      onSecureClosed: (count) => {
        count.add(-1);
        open.port++;
      },
    }),
  });
  const listeners = [listener('x', https('a.test', 'a')), listener('y', https('*.test', 'wild'))];
  await ports.apply({ listeners, certificates: { a, wild } });
  const { port } = ports.bound[0]!;
  const sockets = [await secure(port, 'a.test'), await secure(port, 'b.test'), await secure(port, 'c.test')];
  await until(() => open.x + open.y === 3, 'handshakes are over');
  assert.deepEqual(open, { port: 0, x: 1, y: 2 });
  sockets[0]!.destroy();
  sockets[1]!.end();
  sockets[2]!.destroy();
  await until(() => open.x + open.y === 0 && open.port === 0, 'all are gone');
});

test('ALPN picks the protocol, HTTP/1.1 without it', async () => {
  const { ports } = createPorts();
  await ports.apply({ listeners: [listener('x', https('', 'a'))], certificates: { a } });
  const { port } = ports.bound[0]!;
  assert.equal(await ask(await secure(port, 'a.test', { ALPNProtocols: ['h2'] }), 'x'), 'http2 x a.test');
  assert.equal(await ask(await secure(port, 'a.test', { ALPNProtocols: ['http/1.1'] }), 'x'), 'http1 x a.test');
  assert.equal(await ask(await secure(port, 'a.test'), 'PRI * HTTP/2.0'), 'http1 x a.test');
  await assert.rejects(secure(port, 'a.test', { ALPNProtocols: ['spdy/3'] }));
  await assert.rejects(secure(port, 'a.test', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
});

test('a new certificate serves new connections; the open ones stay', async () => {
  const { ports, counts } = createPorts();
  const listeners = [listener('x', https('', 'a'))];
  await ports.apply({ listeners, certificates: { a } });
  const { port } = ports.bound[0]!;
  const open = await secure(port, 'a.test');
  for (let i = 0; i < 20; i++) {
    await ports.apply({ listeners, certificates: { a: i % 2 === 0 ? next : a } });
    assert.equal(await commonName(port, 'a.test'), i % 2 === 0 ? 'next' : 'a');
    assert.equal(await ask(open, 'x'), 'http1 x a.test');
  }
  assert.deepEqual(counts.rejected, []);
});

test('200 renewals under load fail no handshake', async () => {
  const { ports, counts } = createPorts();
  const listeners = [listener('x', https('', 'a'))];
  await ports.apply({ listeners, certificates: { a } });
  const { port } = ports.bound[0]!;
  const over = new AbortController();
  let handshakes = 0;
  const clients = Array.from({ length: 4 }, async () => {
    for (; !over.signal.aborted; handshakes++) assert.match(await commonName(port, 'a.test'), /^(a|next)$/);
  });
  for (let i = 0; i < 200; i++) {
    await ports.apply({ listeners, certificates: { a: i % 2 === 0 ? next : a } });
    await until(() => handshakes > i, 'handshakes go on');
  }
  over.abort();
  await Promise.all(clients);
  assert.deepEqual(counts.rejected, []);
});

test('a key that does not fit is a problem of its listener; the others are served', async () => {
  const { ports } = createPorts();
  const listeners = [listener('bad', https('b.test', 'broken')), listener('good', https('a.test', 'a'))];
  const problems = await ports.apply({ listeners, certificates: { a, broken: { ...wild, key: a.key } } });
  assert.deepEqual(
    problems.map(({ listener: key, reason }) => `${key} ${reason}`),
    ['bad InvalidCertificate'],
  );
  assert.equal(await commonName(ports.bound[0]!.port, 'a.test'), 'a');
});

test('HTTP in the clear, garbage and silence on a TLS port end in a count, not in a crash', async () => {
  const { ports, counts } = createPorts({ limits: { ...defaultLimits, tlsHandshakeTimeoutMs: 50 } });
  await ports.apply({ listeners: [listener('x', https('', 'a'))], certificates: { a } });
  const { port } = ports.bound[0]!;
  for (const text of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff garbage', '']) {
    const socket = await connect(port);
    if (text !== '') socket.write(text, 'latin1');
    socket.resume();
    await once(socket, 'close');
  }
  assert.deepEqual(counts.rejected, ['HttpToTlsPort', 'TlsHandshake', 'TlsHandshakeTimeout']);
  assert.equal(await commonName(port, 'a.test'), 'a');
});
