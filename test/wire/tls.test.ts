/** Reliability rows of TLS: whatever stands in the place of a handshake is refused without a crash, and others go on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { after, before, describe, it } from 'node:test';
import {
  alpnExtension as alpn,
  extension,
  helloMessage,
  inRecords,
  serverNameExtension as serverName,
  tls13Extensions,
  u16,
  vector16,
  vector8,
} from '../../src/proxy/listeners/client-hello.test-support.ts';
import { random, startWire, type Wire } from './harness.ts';
import { WireClient } from './wire-client.ts';

let wire: Wire;
before(async () => {
  wire = await startWire({ limits: { tlsHandshakeTimeoutMs: 400, headTimeoutMs: 400, idleTimeoutMs: 30_000 } });
});
after(() => wire.close());

/** A ClientHello in as many records as it takes. */
const hello = (extensions: string, version?: string) => inRecords(helloMessage(extensions, version)).toString('latin1');

const plain = tls13Extensions;
const normal = hello(serverName('a.test') + plain);

async function raw(bytes: string, end: 'open' | 'fin' = 'open'): Promise<WireClient> {
  const client = await WireClient.connect({ port: wire.tlsPort });
  client.send(bytes);
  if (end === 'fin') client.socket.end();
  return client;
}

/** Neither of the listeners' hostnames is harmed. */
async function othersGoOn(): Promise<void> {
  const client = await wire.connect('tls');
  client.send('GET /tls HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await client.answer()).body, '/tls');
  client.close();
  await wire.bystander();
}

describe('in place of a ClientHello', () => {
  it('the hand-made one is good', async () => {
    const client = await raw(normal);
    await client.until(() => client.received.startsWith('\x16\x03\x03'), 'a ServerHello');
    client.close();
  });

  const rows: Readonly<Record<string, string>> = {
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    SSH: 'SSH-2.0-OpenSSH_9.9\r\n',
    zeros: '\0'.repeat(2000),
    ones: '\xff'.repeat(2000),
    'an alert': '\x15\x03\x03\x00\x02\x02\x28',
    'application data': `\x17\x03\x03${vector16('x'.repeat(100))}`,
    'an empty record': '\x16\x03\x01\0\0',
    'many empty records': '\x16\x03\x01\0\0'.repeat(2000),
    'a record too long': `\x16\x03\x01\xff\xff${'x'.repeat(65535)}`,
    'a ServerHello': `\x16\x03\x01${vector16(`\x02\0${vector16('x'.repeat(50))}`)}`,
    'a hello of 16 MiB': `\x16\x03\x01${vector16(`\x01\xff\xff\xff${'x'.repeat(16_000)}`)}`.repeat(20),
    'SSL 2': `\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10${'x'.repeat(40)}`,
    'SSL 3': hello(serverName('a.test'), '\x03\0').replace('\x16\x03\x01', '\x16\x03\0'),
    'TLS 1.0': hello(serverName('a.test'), '\x03\x01'),
    'TLS 1.1': hello(serverName('a.test'), '\x03\x02'),
    'TLS 1.1 in supported_versions': hello(serverName('a.test') + extension(43, vector8('\x03\x02'))),
    'an unknown one': hello(serverName('unknown.test') + plain),
    'one that ends in a NUL': hello(serverName('a.test\0') + plain),
    'one of bytes': hello(serverName('\xff\xfe\r\n') + plain),
    'one of 16,000 bytes': hello(serverName('a'.repeat(16_000)) + plain),
    'one of 60,000 bytes': hello(serverName('a'.repeat(60_000)) + plain),
    'one shorter than its length': hello(extension(0, `${u16(100)}\0${u16(97)}a.test`) + plain),
    'extensions that end too soon': hello(`${serverName('a.test')}\0`),
    'an extension of no end': hello(`${serverName('a.test')}\0\x10\xff\xff`),
    'ALPN empty': hello(serverName('a.test') + plain + extension(16, '')),
    'ALPN of an empty name': hello(serverName('a.test') + plain + alpn('')),
    'ALPN shorter than its length': hello(serverName('a.test') + plain + extension(16, `${u16(50)}\x30h2`)),
    'ALPN of nothing we speak': hello(serverName('a.test') + plain + alpn('spdy/3', '\0\xff', 'h3')),
  };
  for (const [name, bytes] of Object.entries(rows)) {
    it(`${name}: closed in time, nothing forwarded`, async () => {
      const since = wire.backend.mark();
      const client = await raw(bytes);
      await client.closed(20_000);
      // At most an alert: no ServerHello, no HTTP in the clear.
      assert.ok(client.received === '' || client.received.startsWith('\x15\x03'), client.received);
      assert.ok(client.received.length <= 14);
      await othersGoOn();
      assert.ok(!since().includes('GET / '));
    });
  }

  it('HTTP/1: told what the port speaks', async () => {
    const client = await raw('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await client.closed(20_000);
    assert.match(client.received, /^HTTP\/1\.1 400 Bad Request\r\n[^]*This port speaks TLS/);
    await othersGoOn();
  });

  it('a thousand mutated ones', async () => {
    const good = hello(serverName('a.test') + alpn('h2', 'http/1.1') + plain);
    for (let round = 0; round < 4; round++) {
      const clients = await Promise.all(
        Array.from({ length: 250 }, () => {
          const bytes = Buffer.from(good, 'latin1');
          for (let i = 0; i <= random(4); i++) bytes[random(bytes.length)] = random(256);
          return raw(bytes.toString('latin1'), 'fin');
        }),
      );
      await Promise.all(clients.map((client) => client.closed()));
    }
    await othersGoOn();
  });
});

describe('half handshakes', () => {
  const halves: Readonly<Record<string, string>> = {
    nothing: '',
    'one byte': '\x16',
    'half a record header': normal.slice(0, 4),
    'half a hello': normal.slice(0, 60),
    'a whole hello and no more': normal,
  };
  for (const [name, bytes] of Object.entries(halves)) {
    it(`${name}: closed after its time`, async () => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => raw(bytes)));
      await othersGoOn();
      // Far below the idle limit, which has nothing to do with it.
      await Promise.all(clients.map((client) => client.closed(20_000)));
      await othersGoOn();
    });
    it(`${name}, then FIN: closed at once`, async () => {
      const client = await raw(bytes, 'fin');
      await client.closed(20_000);
      await othersGoOn();
    });
  }
});

describe('a handshake of OpenSSL', () => {
  const failing: Readonly<Record<string, tls.ConnectionOptions>> = {
    'TLS 1.1': { servername: 'a.test', minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    'weak ciphers': { servername: 'a.test', maxVersion: 'TLSv1.2', ciphers: 'NULL:aNULL:@SECLEVEL=0' },
    'an unknown server name': { servername: 'unknown.test' },
    'a name below a wildcard only': { servername: 'wild.test' },
    'no protocol we speak': { servername: 'a.test', ALPNProtocols: ['spdy/3'] },
  };
  for (const [name, options] of Object.entries(failing)) {
    it(`${name}: refused`, async () => {
      const socket = tls.connect({ port: wire.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ...options });
      const outcome = await Promise.race([
        once(socket, 'secureConnect').then(
          () => 'connected',
          (error: Error) => error.message,
        ),
        once(socket, 'close').then(
          () => 'closed',
          (error: Error) => error.message,
        ),
      ]);
      assert.notEqual(outcome, 'connected');
      socket.destroy();
      await othersGoOn();
    });
  }

  it('renegotiation is refused', async () => {
    // A client that asks for it and gets none waits; so the end of its patience is the idle time.
    const short = await startWire({ limits: { idleTimeoutMs: 300, headTimeoutMs: 300 } });
    const options = { port: short.tlsPort, host: '127.0.0.1', servername: 'a.test', maxVersion: 'TLSv1.2' } as const;
    const socket = tls.connect({ ...options, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.on('error', () => {});
    socket.resume();
    const outcome = await new Promise<string>((resolve) => {
      socket.on('close', () => resolve('closed'));
      socket.renegotiate({}, (error) => resolve(error ? 'refused' : 'renegotiated'));
    });
    assert.notEqual(outcome, 'renegotiated');
    socket.destroy();
    short.close();
  });

  it('without a server name, no listener of a hostname serves', async () => {
    const socket = tls.connect({ port: wire.tlsPort, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const client = new WireClient(socket);
    client.send('GET /nameless HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await client.answer()).status, 421);
    await othersGoOn();
    assert.ok(!wire.backend.received.includes('/nameless'));
    client.close();
  });

  it('a session of one listener does not open another', async () => {
    const connect = async (servername: string, session?: Buffer) => {
      const options = { port: wire.tlsPort, host: '127.0.0.1', servername, rejectUnauthorized: false };
      const socket = tls.connect({ ...options, ...(session && { session }) });
      const client = new WireClient(socket);
      await once(socket, 'secureConnect');
      return { socket, client };
    };
    const first = await connect('a.test');
    const ticket = once(first.socket, 'session') as Promise<[Buffer]>;
    first.client.send('GET /one HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await first.client.answer();
    const [session] = await ticket;
    const second = await connect('b.test', session);
    second.client.send('GET /two HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await second.client.answer()).status, 421);
    assert.equal(second.socket.isSessionReused(), false);
    assert.match(second.socket.getPeerCertificate().subjectaltname ?? '', /b\.test/);
    for (const { client } of [first, second]) client.close();
  });

  it('garbage behind a good handshake harms only itself', async () => {
    const direct = await raw(normal);
    await direct.until(() => direct.received.length > 0, 'a ServerHello');
    direct.send(`\x17\x03\x03${vector16('x'.repeat(500))}`);
    await direct.closed(20_000);
    await othersGoOn();
  });
});

it('a connection to the port of HTTP that speaks TLS is refused', async () => {
  const socket = net.connect(wire.clearPort, '127.0.0.1');
  const client = new WireClient(socket);
  client.send(normal);
  await client.closed(20_000);
  await othersGoOn();
});
