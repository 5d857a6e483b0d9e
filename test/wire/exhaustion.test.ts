/** What hostile clients cost a real Headgate in memory and file descriptors, while everybody else is served. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, startHeadgate, type RunningHeadgate } from '../headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../manifests.ts';
import { until } from '../until.ts';

/** Memory and descriptors are read from the kernel. */
const options = { skip: process.platform === 'linux' ? false : 'there is no /proc' };
const KIB = 1024;
const MIB = 1024 * KIB;
/** As many again come first: what work of this kind costs once is no cost of a connection. */
const CLIENTS = 1500;
const FLOWS = 8;
const HEAD_TIMEOUT_MS = 10_000;
const BYTE_EVERY_MS = 200;

let headgate: RunningHeadgate;
let httpPort = 0;
let tcpPort = 0;
/** What backends wrote that had somewhere to go. */
let written = 0;
const backend = net.createServer((socket) => {
  socket.on('error', () => {});
  let head = '';
  socket.on('data', (data) => {
    head += data.toString('latin1');
    if (head.includes('flood')) pumpForEver(socket, head);
    else if (head.endsWith('\r\n\r\n')) {
      head = '';
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
    }
  });
});

function pumpForEver(socket: net.Socket, head: string): void {
  socket.removeAllListeners('data');
  if (head.includes('pgrade: websocket')) {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  } else if (head.includes('HTTP/1.1')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n');
  const piece = Buffer.alloc(64 * KIB);
  const pump = () => {
    do written += piece.length;
    while (socket.write(piece));
  };
  socket.on('drain', pump);
  pump();
}

before(async () => {
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  [httpPort, tcpPort] = [await freePort(), await freePort()];
  const tcp = { name: 'tcp', protocol: 'TCP', port: tcpPort };
  const tcpRoute = {
    apiVersion: 'gateway.networking.k8s.io/v1alpha2',
    kind: 'TCPRoute',
    metadata: { name: 'tcp', namespace: 'test' },
    spec: { parentRefs: [{ name: 'web', sectionName: 'tcp' }], rules: [{ backendRefs: [{ name: 'a', port: 80 }] }] },
  };
  const route = httpRoute('all', { rules: [{ backendRefs: [{ name: 'a', port: 80 }] }] });
  const documents = [gatewayClass(), gateway(httpListener(httpPort), tcp), route, tcpRoute];
  const backends = service('a', [(backend.address() as net.AddressInfo).port]);
  headgate = await startHeadgate({ 'all.yaml': manifests(...documents, backends) }, ['--workers', '1']);
});
after(async () => {
  await headgate?.stop();
  backend.close();
});

const proc = (path: string) => `/proc/${headgate.process.pid}/${path}`;
const rssBytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(proc('status'), 'latin1'))![1]) * KIB;
const openFiles = () => readdirSync(proc('fd')).length;

class Client {
  readonly socket: net.Socket;
  received = '';
  isClosed = false;

  private constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1' });
    this.socket.on('error', () => {});
    this.socket.on('close', () => (this.isClosed = true));
    this.socket.on('data', (data: Buffer) => (this.received = (this.received + data.toString('latin1')).slice(0, 500)));
  }

  static async connect(port: number): Promise<Client> {
    const client = new Client(port);
    await once(client.socket, 'connect');
    return client;
  }
}

/** So many connections, few at a time, each brought to where it is to stay. */
async function connectMany(count: number, begin: (client: Client) => Promise<void> | void): Promise<readonly Client[]> {
  const clients: Client[] = [];
  const next = async () => {
    while (clients.length < count) {
      const client = Client.connect(httpPort);
      clients.push(await client);
      await begin(await client);
    }
  };
  await Promise.all(Array.from({ length: 20 }, next));
  return clients;
}

const plain = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const isAnswered = ({ received }: Client) => received.endsWith('\r\n\r\nfine');

async function bystander(): Promise<void> {
  const client = await Client.connect(httpPort);
  client.socket.write(plain);
  await until(() => isAnswered(client), 'somebody else is answered', 5000);
  client.socket.destroy();
}

async function letGo(clients: readonly Client[], files: number): Promise<void> {
  for (const { socket } of clients) socket.destroy();
  await until(() => openFiles() <= files + 64, 'all descriptors are given back');
}

async function costOf(
  begin: (client: Client) => Promise<void> | void,
): Promise<{ clients: readonly Client[]; bytes: number }> {
  const files = openFiles();
  await letGo(await connectMany(CLIENTS, begin), files);
  const start = rssBytes();
  const clients = await connectMany(CLIENTS, begin);
  for (let i = 0; i < 20; i++) await bystander();
  return { clients, bytes: (rssBytes() - start) / CLIENTS };
}

it('idle connections cost at most 40 KiB each, and serve on', options, async () => {
  const files = openFiles();
  const { clients, bytes } = await costOf(async (client) => {
    client.socket.write(plain);
    await until(() => isAnswered(client), 'the answer');
  });
  assert.ok(bytes <= 40 * KIB, `${bytes} bytes each`);
  clients[7]!.received = '';
  clients[7]!.socket.write(plain);
  await until(() => isAnswered(clients[7]!), 'an idle one is answered again');
  await letGo(clients, files);
});

it('heads that come byte by byte cost at most 16 KiB each, and end with 408 in their time', options, async () => {
  const files = openFiles();
  const { clients, bytes } = await costOf(
    (client) => void client.socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nX: '),
  );
  assert.ok(bytes <= 16 * KIB, `${bytes} bytes each`);
  const start = performance.now();
  while (clients.some(({ isClosed }) => !isClosed)) {
    for (const { socket, isClosed } of clients) if (!isClosed) socket.write('x');
    await bystander();
    // Who attacks like this takes his time. Without it the machine would do nothing else.
    await delay(BYTE_EVERY_MS);
    assert.ok(performance.now() - start < 3 * HEAD_TIMEOUT_MS, 'they are closed in their time');
  }
  for (const { received } of clients) assert.match(received, /^HTTP\/1\.1 408 /);
  await letGo(clients, files);
});

describe('readers that stop', options, () => {
  interface Reader {
    destroy(): void;
  }

  async function readHttp2(): Promise<Reader> {
    const session = http2.connect(`http://127.0.0.1:${httpPort}`);
    session.on('error', () => {});
    const stream = session.request({ ':path': '/flood', ':authority': 'a.test' });
    stream.on('error', () => {});
    await once(stream, 'response');
    return session;
  }

  async function readBytes(port: number, text: string): Promise<Reader> {
    const { socket } = await Client.connect(port);
    socket.pause();
    socket.write(text);
    return socket;
  }

  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  const readers: Readonly<Record<string, () => Promise<Reader>>> = {
    'HTTP/1.1': () => readBytes(httpPort, 'GET /flood HTTP/1.1\r\nHost: a.test\r\n\r\n'),
    'HTTP/2': readHttp2,
    WebSocket: () => readBytes(httpPort, `GET /flood HTTP/1.1\r\nHost: a.test\r\n${upgrade}\r\n`),
    TCP: () => readBytes(tcpPort, 'flood'),
  };
  for (const [name, read] of Object.entries(readers)) {
    it(`${name}: at most 4 MiB each, their backends stop, others are served`, async () => {
      const files = openFiles();
      const start = rssBytes();
      written = 0;
      const stopped = await Promise.all(Array.from({ length: FLOWS }, read));
      let last = -1;
      let still = 0;
      await until(() => {
        still = written > FLOWS * 64 * KIB && written === last ? still + 1 : 0;
        last = written;
        return still > 50;
      }, 'the backends stop');
      const bytes = (rssBytes() - start) / FLOWS;
      assert.ok(bytes <= 4 * MIB, `${bytes} bytes each`);
      await bystander();
      for (const one of stopped) one.destroy();
      await until(() => openFiles() <= files + 4, 'all descriptors are given back');
    });
  }
});

it('without file descriptors it does not end nor spin, and serves again when there are some', options, async () => {
  const pid = String(headgate.process.pid);
  const limit = openFiles() + 60;
  execFileSync('prlimit', ['--pid', pid, `--nofile=${limit}:`]);
  const clients = await Promise.all(Array.from({ length: 200 }, () => Client.connect(httpPort)));
  await until(() => openFiles() >= limit - 2 || clients.some(({ isClosed }) => isClosed), 'there are none left');
  const ticks = () =>
    readFileSync(proc('stat'), 'latin1')
      .split(' ')
      .slice(13, 15)
      .reduce((sum, one) => sum + Number(one), 0);
  const [busyBefore, since] = [ticks(), performance.now()];
  await until(() => performance.now() - since > 2000, 'two seconds have passed');
  const share = ((ticks() - busyBefore) * 10) / (performance.now() - since);
  assert.ok(share < 0.5, `${share} of a processor`);
  assert.equal(headgate.process.exitCode, null);
  for (const { socket } of clients) socket.destroy();
  await bystander();
  assert.match(await (await fetch(`${headgate.admin}/livez`)).text(), /ok/i);
});
