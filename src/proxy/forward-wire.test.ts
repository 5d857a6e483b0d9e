/** Forwarding over real sockets: the HTTP/1 codecs on both sides, a backend that is Node's own server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { DeadlineWheel } from '../lib/deadline-wheel.ts';
import { Scene } from './forward-testing.ts';
import { createForwarder } from './forward.ts';
import { Http1Pool } from './http/http1-pool.ts';
import { Http1ServerConnection } from './http/http1-server.ts';
import { defaultLimits } from './limits.ts';
import { PooledBackend } from './upstream/pooled-backend.ts';

const wheel = new DeadlineWheel();
const sockets = new Set<net.Socket>();
let backendServer: http.Server;
let front: net.Server;
let port = 0;

before(async () => {
  backendServer = http.createServer((request, response) => {
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.destroy());
      return;
    }
    response.setHeader('x-seen', String(request.headers['x-forwarded-for']));
    request.pipe(response);
  });
  backendServer.on('upgrade', (_request, socket: net.Socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
  const backendPort = await listen(backendServer);
  // A port that refuses: it was free a moment ago.
  const closed = net.createServer();
  const closedPort = await listen(closed);
  closed.close();
  await once(closed, 'close');
  front = net.createServer((socket) => serve(socket, createHooks([backendPort, closedPort])));
  port = await listen(front);
});

after(() => {
  for (const socket of sockets) socket.destroy();
  backendServer.closeAllConnections();
  backendServer.close();
  front.close();
  wheel.close();
});

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A forwarder of its own a connection, so that each test begins with fresh pools. */
function createHooks(ports: readonly number[]) {
  const environment = {
    createPool: ({ address, port: at }: { address: string; port: number }) =>
      new Http1Pool({ host: address, port: at, limits: defaultLimits, wheel }),
    random: () => 0,
    now: () => performance.now(),
  };
  const scene = new Scene({
    choices: ({ backend: { config } }) => {
      const backend = new PooledBackend('real', config, environment);
      const state = { address: '127.0.0.1', ready: true, serving: true, terminating: false };
      backend.updateEndpoints(ports.map((at) => ({ ...state, port: at })));
      return [{ ref: { weight: 1, filters: [] }, backend, filters: [] }];
    },
  });
  const { random, now } = environment;
  const forwarder = createForwarder({
    observer: { onForward: () => {}, onFinish: () => {} },
    backendOf: () => null,
    random,
    now,
    limits: defaultLimits,
  });
  return { scene, hooks: { ...forwarder, onRejected: () => {} } };
}

function serve(socket: net.Socket, { scene, hooks }: ReturnType<typeof createHooks>): void {
  sockets.add(socket);
  const connection = { ...scene.connection, remoteAddress: '127.0.0.1' };
  const codec = new Http1ServerConnection({ socket, connection, hooks, limits: defaultLimits, wheel });
  socket.on('data', (chunk: Buffer) => codec.receive(chunk, 0, chunk.length));
}

/** Sends bytes and reads until the text fits, or the connection ends. */
async function talk(parts: readonly string[], until: RegExp): Promise<{ text: string; isReset: boolean }> {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  let isReset = false;
  socket.on('error', () => (isReset = true));
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until.test(text)) resolve();
    });
    socket.on('close', () => resolve());
  });
  for (const part of parts) socket.write(part);
  await done;
  socket.destroy();
  return { text, isReset };
}

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test('requests in a row on one connection, endpoints that refuse among those that serve', async () => {
  const { text } = await talk([post('one') + post('two') + get('/') + post('last')], /last/);
  assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 4);
  assert.match(text, /x-seen: 127\.0\.0\.1/);
  assert.ok(text.indexOf('one') < text.indexOf('two') && text.indexOf('two') < text.indexOf('last'));
});

test('a body of a mebibyte comes back as it was', async () => {
  const body = randomBytes(1024 * 1024);
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const received: Buffer[] = [];
  for await (const chunk of response) received.push(chunk as Buffer);
  assert.ok(Buffer.concat(received).equals(body));
});

test('an upgrade carries bytes both ways', async () => {
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
  const socket = net.connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  let text = '';
  socket.write(head);
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: string) => {
      const hadHead = text.includes('\r\n\r\n');
      text += chunk;
      if (!hadHead && text.includes('\r\n\r\n')) socket.write('ping');
      if (text.endsWith('ping')) resolve();
    });
  });
  socket.destroy();
  assert.match(text, /^HTTP\/1\.1 101 /);
});

test('a backend that dies in mid-answer never looks like a clean end', async () => {
  const { text, isReset } = await talk([get('/cut')], /never/);
  assert.ok(isReset || !text.includes('HTTP/1.1 200'), text);
});
