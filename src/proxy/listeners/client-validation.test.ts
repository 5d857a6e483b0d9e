/** Clients that have to show a certificate: who is let in, on which port, and that no session is a way round it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import tls from 'node:tls';
import type { ClientValidation, ListenerConfig } from '../../contract/gateway-config.ts';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits } from '../limits.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { testCertificate } from './certificate.test-support.ts';
import type { CodecFactory } from './connection.ts';
import { Ports } from './ports.ts';
import { noTcp } from '../tcp/tcp.test-support.ts';

const server = testCertificate('server', ['a.test']);
const friend = testCertificate('friend', ['friend.test']);
const stranger = testCertificate('stranger', ['stranger.test']);
const trusting: ClientValidation = { mode: 'AllowValidOnly', ca: friend.certificate };

const wheel = new DeadlineWheel(20);
wheel.start();
const rejected: string[] = [];
const answering: CodecFactory = ({ socket }) => {
  socket.on('end', () => socket.end());
  return { receive: () => void socket.write('let in'), startDrain() {}, close: () => socket.destroy() };
};
const ports = new Ports({
  defaultAddresses: ['127.0.0.1'],
  isShared: false,
  ticketKeys: Buffer.alloc(48, 1),
  limits: defaultLimits,
  wheel,
  createCodec: answering,
  tcp: noTcp,
  createObserver: () => ({ onConnections() {}, onRejected: (reason) => rejected.push(reason) }),
});
after(() => {
  ports.close();
  wheel.close();
});

function listener(address: string, clientValidation?: ClientValidation): ListenerRuntime {
  const config: ListenerConfig = {
    origin: { kind: 'Gateway', namespace: 'test', name: 'gateway', section: address },
    gateway: 'Gateway/test/gateway',
    protocol: 'HTTPS',
    addresses: [address],
    port: 0,
    hostname: '',
    tls: { mode: 'Terminate', certificates: ['server'], ...(clientValidation && { clientValidation }) },
  };
  return { key: address, config, filters: [], match: () => null, matchConnection: () => null };
}

async function serve(...listeners: readonly ListenerRuntime[]): Promise<(address: string) => number> {
  const problems = await ports.apply({ listeners, certificates: { server } });
  assert.deepEqual(problems, []);
  return (address) => ports.bound.find((one) => one.address === address)!.port;
}

interface Visit {
  readonly host: string;
  readonly port: number;
  readonly options?: tls.ConnectionOptions;
}

/** What came back, or the empty text where the connection ended without. */
async function visit({ host, port, options = {} }: Visit): Promise<{ text: string; session: Buffer | null }> {
  const socket = tls.connect({ host, port, servername: 'a.test', rejectUnauthorized: false, ...options });
  let text = '';
  let session: Buffer | null = null;
  socket.on('error', () => {});
  socket.on('session', (ticket: Buffer) => (session = ticket));
  socket.on('data', (data: Buffer) => {
    text += data.toString();
    socket.end();
  });
  socket.write('hello');
  await new Promise((resolve) => socket.once('close', resolve));
  return { text, session };
}

const showing = ({ certificate, key }: typeof friend): tls.ConnectionOptions => ({ cert: certificate, key });

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`only clients with a certificate of the CA are let in (${maxVersion})`, async () => {
    const port = (await serve(listener('127.0.0.1', trusting)))('127.0.0.1');
    const host = '127.0.0.1';
    rejected.length = 0;
    assert.equal((await visit({ host, port, options: { ...showing(friend), maxVersion } })).text, 'let in');
    assert.equal((await visit({ host, port, options: { ...showing(stranger), maxVersion } })).text, '');
    assert.equal((await visit({ host, port, options: { maxVersion } })).text, '');
    assert.deepEqual(rejected, ['TlsClientCertificate', 'TlsClientCertificate']);
  });

  test(`a session of a port that asks nothing is none where a certificate is asked for (${maxVersion})`, async () => {
    const portOf = await serve(listener('127.0.0.1', trusting), listener('127.0.0.2'));
    const open = await visit({ host: '127.0.0.2', port: portOf('127.0.0.2'), options: { maxVersion } });
    assert.equal(open.text, 'let in');
    assert.ok(open.session, 'there is a session to try with');
    const options = { session: open.session, maxVersion };
    assert.equal((await visit({ host: '127.0.0.1', port: portOf('127.0.0.1'), options })).text, '');
  });
}

test('AllowInsecureFallback lets in whoever comes', async () => {
  const port = (await serve(listener('127.0.0.1', { ...trusting, mode: 'AllowInsecureFallback' })))('127.0.0.1');
  const host = '127.0.0.1';
  assert.equal((await visit({ host, port })).text, 'let in');
  assert.equal((await visit({ host, port, options: showing(stranger) })).text, 'let in');
});

test('another CA counts from the next handshake on, also for sessions of the first', async () => {
  const host = '127.0.0.1';
  const before = (await serve(listener(host, trusting)))(host);
  const { session } = await visit({ host, port: before, options: showing(friend) });
  assert.ok(session);
  const port = (await serve(listener(host, { ...trusting, ca: stranger.certificate })))(host);
  assert.equal(port, before, 'the port stays open');
  assert.equal((await visit({ host, port, options: { ...showing(friend), session } })).text, '');
  assert.equal((await visit({ host, port, options: showing(stranger) })).text, 'let in');
});
