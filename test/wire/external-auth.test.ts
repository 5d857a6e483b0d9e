/** ExternalAuth through the real codecs: bodies that wait for a verdict, on every way in, and servers that misbehave. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { startWire, to, type Wire } from './harness.ts';

const MAX_BODY = 1024 * 1024;
/** Above every window and buffer of the way in. */
const body = Buffer.alloc(300 * 1024, 'body');

/** What the server was asked: path, and bytes of its body. */
const asked: (readonly [path: string, bytes: number])[] = [];
let held: http.ServerResponse | null = null;
let isHeldClosed = false;

const server = http.createServer((request, response) => {
  let bytes = 0;
  request.on('data', (data: Buffer) => (bytes += data.length));
  request.on('end', () => {
    const path = request.url ?? '';
    asked.push([path, bytes]);
    if (path === '/hold') {
      held = response;
      response.on('close', () => (isHeldClosed = true));
    } else if (path === '/large') response.writeHead(403).end(Buffer.alloc(100_000, 'x'));
    else if (path === '/broken') response.destroy();
    else response.writeHead(path === '/deny' ? 401 : 200, { 'x-user': 'ann' }).end();
  });
});

let wire: Wire;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const filter = {
    type: 'ExternalAuth',
    externalAuth: { protocol: 'HTTP', backendRef: to('auth')[0], http: {}, forwardBody: { maxSize: MAX_BODY } },
  };
  wire = await startWire({
    services: { auth: { port } },
    routes: { all: { rules: [{ filters: [filter], backendRefs: to() }] } },
  });
});
after(() => {
  wire.close();
  server.closeAllConnections();
  server.close();
});

test('a large body over HTTP/2 is read for the server, and then goes to the backend', async () => {
  const session = http2.connect(`http://127.0.0.1:${wire.clearPort}`);
  const since = wire.backend.mark();
  const stream = session.request({
    ':method': 'POST',
    ':path': '/h2',
    ':authority': 'a.test',
    'content-length': body.length,
  });
  stream.end(body);
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  stream.resume();
  await once(stream, 'close');
  session.close();
  assert.equal(headers[':status'], 200);
  assert.deepEqual(asked.at(-1), ['/h2', body.length]);
  assert.equal(since().split('body').length - 1, body.length / 4);
});

test('a client that waits for 100 gets it, since the server wants the body', async () => {
  const options = {
    port: wire.clearPort,
    method: 'POST',
    path: '/expect',
    headers: { expect: '100-continue', host: 'a.test' },
  };
  const request = http.request(options);
  request.flushHeaders();
  await once(request, 'continue');
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 200);
  assert.deepEqual(asked.at(-1), ['/expect', body.length]);
});

test('chunked bodies and their answers keep their order on one connection', async () => {
  const client = await wire.connect();
  const post = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`;
  client.send(`${post('/one')}${post('/deny')}${post('/three')}`);
  await until(() => client.answers().length === 3, 'three answers');
  assert.deepEqual(
    client.answers().map(({ status }) => status),
    [200, 401, 200],
  );
  assert.deepEqual(asked.slice(-3), [
    ['/one', 4],
    ['/deny', 4],
    ['/three', 4],
  ]);
  client.close();
});

test('a server that breaks off, or says too much, lets nothing pass', async () => {
  for (const path of ['/broken', '/large']) {
    const since = wire.backend.mark();
    const client = await wire.connect();
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    await until(() => client.answers().length === 1, 'an answer');
    assert.equal(client.answers()[0]?.status, 503);
    assert.equal(since().includes(path), false);
    client.close();
  }
});

test('a client that leaves while the server thinks takes the question along', async () => {
  const client = await wire.connect();
  client.send('GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await until(() => held !== null, 'the server was asked');
  client.close();
  // After the second in which a client that sends no more may still be listening.
  await until(() => isHeldClosed, 'the server sees that nobody waits');
  await wire.bystander();
});
