/** Tunnels over real sockets, both sides HTTP/1: small messages in large numbers, and a peer that does not read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { until } from '../../test/until.ts';
import { DeadlineWheel } from '../lib/deadline-wheel.ts';
import { Scene } from './forward-testing.ts';
import { createForwarder } from './forward.ts';
import { waitingBytes } from './http/direct-write.ts';
import { Http1Pool } from './http/http1-pool.ts';
import { Http1ServerConnection } from './http/http1-server.ts';
import { adoptSocket, type Receiver } from './http/socket-io.ts';
import { defaultLimits } from './limits.ts';
import { PooledBackend } from './upstream/pooled-backend.ts';

const PIECE = Buffer.alloc(1000, 'm');
/** Above all that the kernel keeps for four sockets. */
const MAX_SENT = 48 * 1024 * 1024;

interface Tunnel {
  readonly client: net.Socket;
  readonly backend: net.Socket;
  /** The proxy's side of the client's connection. */
  readonly front: net.Socket;
}

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function createHooks(port: number, wheel: DeadlineWheel) {
  const environment = {
    createPool: () => new Http1Pool({ host: '127.0.0.1', port, limits: defaultLimits, wheel }),
    random: () => 0,
    now: () => performance.now(),
  };
  const scene = new Scene({
    choices: ({ backend: { config } }) => {
      const backend = new PooledBackend('real', config, environment);
      backend.updateEndpoints([{ address: '127.0.0.1', port, ready: true, serving: true, terminating: false }]);
      return [{ ref: { weight: 1, filters: [] }, backend, filters: [] }];
    },
  });
  const observer = { onForward: () => {}, onFinish: () => {} };
  const forwarder = createForwarder({ ...environment, observer, backendOf: () => null, limits: defaultLimits });
  return { connection: scene.connection, hooks: { ...forwarder, onRejected: () => {} } };
}

/** A tunnel through forwarding; both ends are in the hands of the test, and paused. */
async function openTunnel(t: TestContext): Promise<Tunnel> {
  const wheel = new DeadlineWheel();
  const sockets: net.Socket[] = [];
  const backendServer = net.createServer({ noDelay: true });
  const { connection, hooks } = createHooks(await listen(backendServer), wheel);
  const frontServer = net.createServer({ pauseOnConnect: true }, (accepted) => {
    const receiver: Receiver = { receive: (...bytes) => codec.receive(...bytes) };
    const socket = adoptSocket(accepted, receiver);
    const codec = new Http1ServerConnection({ socket, connection, hooks, limits: defaultLimits, wheel });
    sockets.push(socket);
  });
  const client = net.connect({ port: await listen(frontServer), host: '127.0.0.1', noDelay: true });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of [backendServer, frontServer]) server.close();
    wheel.close();
  });
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  const [backend] = (await once(backendServer, 'connection')) as [net.Socket];
  sockets.push(client, backend);
  for (const socket of [client, backend]) socket.on('error', () => {});
  await once(backend, 'readable');
  backend.read();
  backend.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  await once(client, 'readable');
  assert.match(String(client.read()), /^HTTP\/1\.1 101 /);
  return { client, backend, front: sockets[0]! };
}

for (const side of ['client', 'backend'] as const) {
  test(`a ${side} that does not read stops the other end, however small the messages`, async (t) => {
    const tunnel = await openTunnel(t);
    const { front } = tunnel;
    const [reader, writer] = side === 'client' ? [tunnel.client, tunnel.backend] : [tunnel.backend, tunnel.client];
    let sent = 0;
    let received = 0;
    while (writer.writableLength < 256 * 1024 && sent < MAX_SENT) {
      writer.write(PIECE);
      sent += PIECE.length;
      // One message a turn: the proxy reads each by itself.
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(sent < MAX_SENT, `the writer is stopped: ${waitingBytes(front)} bytes wait in the proxy`);
    assert.ok(waitingBytes(front) < 128 * 1024, `${waitingBytes(front)} bytes wait in the proxy`);
    reader.on('data', (bytes: Buffer) => (received += bytes.length));
    await until(() => received === sent, 'everything arrives once it is read');
  });
}
