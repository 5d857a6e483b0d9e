/** The ends of answers: what waits for a client that is slow, and what one gets that has said all it will say. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FieldList } from './fields.ts';
import { answerEcho, type BackendConnection, RawClient, RecordingBackend, TestProxy, until } from './http1-testing.ts';

let answer: (connection: BackendConnection) => void;
let backend: RecordingBackend;
let proxy: TestProxy;

beforeEach(async () => {
  answer = answerEcho;
  backend = new RecordingBackend((connection) => answer(connection));
  await backend.start();
  proxy = new TestProxy({ backendPort: backend.port });
  await proxy.start();
});
afterEach(() => {
  proxy.close();
  backend.close();
});

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

for (const bytes of [8_000, 60_000]) {
  test(`a client that sends requests and reads no answers is not served on: ${bytes} bytes each`, async () => {
    const body = 'x'.repeat(bytes);
    answer = ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${body}`);
    const count = Math.ceil(64_000_000 / bytes);
    const client = new RawClient(proxy.port);
    client.socket.pause();
    client.send(request('/a').repeat(count));
    const served = await quiet(() => proxy.heads.length);
    assert.ok(served * bytes < 16_000_000, `${served * bytes} bytes for who reads nothing`);
    client.socket.resume();
    await until('all answers', () => client.received.length > count * bytes);
    client.socket.destroy();
  });
}

for (const option of ['keep-alive', 'close']) {
  test(`a client that closes its side while its answer waits gets it whole: ${option}`, async (t) => {
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
    const client = new RawClient(direct.port).send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: ${option}\r\n\r\n`);
    client.socket.pause();
    await quiet(() => direct.heads.length);
    client.socket.end();
    await quiet(() => client.socket.bytesRead);
    client.socket.resume();
    const received = await client.ended();
    assert.equal(received.length - received.indexOf('\r\n\r\n') - 4, body.length);
  });
}
