/** The ends of answers: what waits for a client that is slow, and what one gets that has said all it will say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, test } from 'node:test';
import { testCertificate } from '../listeners/certificate.test-support.ts';
import { FieldList } from './fields.ts';
import { answerEcho, type BackendConnection, RawClient, RecordingBackend, TestProxy, until } from './http1-testing.ts';
import { BODY_UNKNOWN } from './streams.ts';

let answer: (connection: BackendConnection) => void;
let backend: RecordingBackend;
const own = testCertificate('own', ['a']);

beforeEach(async () => {
  answer = answerEcho;
  backend = new RecordingBackend((connection) => answer(connection));
  await backend.start();
});
afterEach(() => backend.close());

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Nothing has changed for so many turns that everything stands still. */
async function quiet(what: () => number): Promise<number> {
  let last = -1;
  for (let turns = 0; turns < 300; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (what() !== last) turns = 0;
    last = what();
  }
  return last;
}

for (const protocol of ['http', 'https'] as const) {
  for (const bytes of [8_000, 60_000]) {
    test(`${protocol}: a client that reads no answers is not served on, ${bytes} bytes each`, async (t) => {
      const body = 'x'.repeat(bytes);
      answer = ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${body}`);
      const secure = protocol === 'https' ? { tls: { key: own.key, cert: own.certificate } } : {};
      const asked = new TestProxy({ backendPort: backend.port, ...secure });
      t.after(() => asked.close());
      await asked.start();
      const count = 36_000_000 / bytes;
      const client = new RawClient(asked.port, protocol);
      await once(client.socket, protocol === 'http' ? 'connect' : 'secureConnect');
      client.socket.pause();
      client.send(request('/a').repeat(count));
      await until('the first request', () => asked.heads.length > 0);
      const served = await quiet(() => asked.heads.length);
      assert.ok(served * bytes < 16_000_000, `${served * bytes} bytes for who reads nothing`);
      client.socket.resume();
      await until('all answers', () => asked.heads.length === count && client.received.length > count * bytes);
      client.socket.destroy();
    });
  }
}

const asking = {
  'keep-alive': request('/'),
  close: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'in a body that nobody wants': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na',
};
for (const [how, text] of Object.entries(asking)) {
  test(`a client that closes its side while its answer waits gets it whole: ${how}`, async (t) => {
    const body = Buffer.alloc(20_000_000, 'x');
    const direct = new TestProxy({
      backendPort: backend.port,
      answer(reply) {
        reply.sendHead(200, new FieldList(), body.length, -1);
        reply.sendData(body, 0, body.length);
        reply.sendEnd(null);
      },
    });
    t.after(() => direct.close());
    await direct.start();
    const client = new RawClient(direct.port).send(text);
    client.socket.pause();
    await until('the request', () => direct.heads.length === 1);
    client.socket.end();
    await quiet(() => client.socket.bytesRead);
    client.socket.resume();
    const received = await client.ended();
    assert.equal(received.length - received.indexOf('\r\n\r\n') - 4, body.length);
  });
}

test('an upgrade that is refused at once: what came with it is no request', async (t) => {
  const refusing = new TestProxy({
    backendPort: backend.port,
    answer(reply) {
      reply.sendHead(404, new FieldList(), 0, 0);
      reply.sendEnd(null);
    },
  });
  t.after(() => refusing.close());
  await refusing.start();
  const upgrade = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const received = await new RawClient(refusing.port).send(upgrade + request('/smuggled')).ended();
  assert.match(received, /^HTTP\/1\.1 404 [^]*connection: close\r\n\r\n$/);
  assert.deepEqual(
    refusing.heads.map(({ target }) => target),
    ['/ws'],
  );
});

test('an answer that lasts until the connection ends never looks whole when it is cut', async (t) => {
  answer = ({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\npart');
  const begun = new TestProxy({ backendPort: backend.port });
  t.after(() => begun.close());
  await begun.start();
  const client = new RawClient(begun.port).send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  await client.receives('part');
  begun.connections[0]!.close();
  await client.ended();
  assert.deepEqual([client.isEnded, client.error], [false, 'ECONNRESET']);
});

test('nor when its last bytes wait for a client that does not take them', async (t) => {
  const body = Buffer.alloc(20_000_000, 'x');
  const ended = new TestProxy({
    backendPort: backend.port,
    answer(reply) {
      reply.sendHead(200, new FieldList(), BODY_UNKNOWN, -1);
      reply.sendData(body, 0, body.length);
      reply.sendEnd(null);
    },
  });
  t.after(() => ended.close());
  await ended.start();
  const client = new RawClient(ended.port);
  client.socket.pause();
  client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  await until('the request', () => ended.heads.length === 1);
  ended.connections[0]!.close();
  client.socket.resume();
  await client.ended();
  assert.ok(client.received.length < body.length);
  assert.deepEqual([client.isEnded, client.error], [false, 'ECONNRESET']);
});

test('a connection that has had its requests ends with the last answer', async (t) => {
  const short = new TestProxy({ backendPort: backend.port, limits: { requestsPerConnection: 2 } });
  t.after(() => short.close());
  await short.start();
  const client = new RawClient(short.port).send(request('/a'));
  assert.ok(!(await client.receives('/a')).includes('connection: close'));
  assert.match(await client.send(request('/b')).ended(), /connection: close\r\n\r\n\/b$/);
});
