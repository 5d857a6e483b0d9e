/** Time-outs, back-pressure and draining of the HTTP/1 codec, with a clock of the test. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { FieldList } from './fields.ts';
import { answerEcho, type BackendConnection, RawClient, RecordingBackend, TestProxy, until } from './http1-testing.ts';
import { BODY_UNKNOWN, type Downstream } from './streams.ts';

let now: number;
let wheel: DeadlineWheel;
let answer: (connection: BackendConnection) => void;
let backend: RecordingBackend;
let proxy: TestProxy;

beforeEach(async () => {
  now = 0;
  answer = answerEcho;
  wheel = new DeadlineWheel(250, () => now);
  backend = new RecordingBackend((connection) => answer(connection));
  await backend.start();
  proxy = new TestProxy({ backendPort: backend.port, wheel });
  await proxy.start();
});
afterEach(() => {
  proxy.close();
  backend.close();
});

function pass(ms: number): void {
  now += ms;
  wheel.advance();
}

/** Kernel buffers fill up, then everything stands still. Returns what the backend has got rid of. */
async function standstill({ socket }: BackendConnection): Promise<number> {
  let written = -1;
  for (let quiet = 0; quiet < 200;) {
    await new Promise((resolve) => setImmediate(resolve));
    quiet = socket.bytesWritten - socket.writableLength === written ? quiet + 1 : 0;
    written = socket.bytesWritten - socket.writableLength;
  }
  return written;
}

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('time-outs', () => {
  it('a head has 10 s from its first byte', async () => {
    const client = new RawClient(proxy.port).send(request('/a'));
    await client.receives('/a');
    client.send('GET /b HT');
    await until('a quiet moment', () => proxy.connections.length === 1);
    await new RawClient(proxy.port).send(request('/c')).receives('/c');
    pass(9500);
    client.send('T');
    await new RawClient(proxy.port).send(request('/d')).receives('/d');
    assert.ok(!client.received.includes('408'));
    pass(1000);
    assert.match(await client.ended(), /\/aHTTP\/1\.1 408 Request Timeout\r\n/);
    assert.ok(proxy.log.includes('rejected 408 HeadTimeout'));
  });

  it('a connection that says nothing is closed without a word', async () => {
    const client = new RawClient(proxy.port);
    await until('the connection', () => proxy.connections.length === 1);
    pass(10_500);
    assert.equal(await client.ended(), '');
  });

  it('an idle one after 75 s', async () => {
    const client = new RawClient(proxy.port).send(request('/a'));
    await client.receives('/a');
    pass(74_000);
    client.send(request('/b'));
    await client.receives('/b');
    pass(74_000);
    client.send(request('/c'));
    await client.receives('/c');
    pass(76_000);
    await client.ended();
    assert.deepEqual(proxy.log, []);
  });

  it('a body that stands still for 60 s', async () => {
    const client = new RawClient(proxy.port).send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab');
    await until('the request', () => backend.received.endsWith('ab'));
    pass(50_000);
    client.send('c');
    await until('the request', () => backend.received.endsWith('abc'));
    pass(50_000);
    assert.deepEqual(proxy.log, []);
    pass(11_000);
    assert.match(await client.ended(), /^HTTP\/1\.1 408 /);
    await until('the end upstream', () => backend.connections[0]?.isClosed);
  });

  it('a client that does not read for 60 s', async () => {
    answer = ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 30}\r\n\r\n`);
      const more = (): boolean => !socket.destroyed && socket.write(Buffer.alloc(65536)) && more();
      socket.on('drain', more);
      more();
    };
    const client = new RawClient(proxy.port).send(request('/a'));
    await client.receives('\r\n\r\n');
    client.socket.pause();
    const upstream = backend.connections[0]!;
    const written = await standstill(upstream);
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes went into nowhere`);
    pass(61_000);
    await until('the end upstream', () => upstream.isClosed);
    assert.deepEqual(proxy.log, ['downstream WriteTimeout']);
    client.socket.destroy();
  });

  it('a client that does not read, also where its own body ends meanwhile', async () => {
    answer = ({ socket, received }) => {
      if (received.endsWith('\r\n\r\na')) socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(20_000_000)}`);
    };
    const client = new RawClient(proxy.port);
    client.socket.pause();
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na');
    const upstream = await until('the answer', () => backend.connections.find(({ socket }) => socket.bytesWritten > 0));
    await standstill(upstream);
    client.send('b');
    await until('the whole request', () => upstream.received.endsWith('ab'));
    pass(61_000);
    pass(61_000);
    assert.deepEqual(proxy.log, ['downstream WriteTimeout']);
    client.socket.destroy();
  });

  it('a client that we have stopped is not waited for, though its answer had to wait for it', async (t) => {
    let reply: Downstream | null = null;
    const held = new TestProxy({
      backendPort: 0,
      wheel,
      answer(downstream) {
        reply = downstream;
        reply.pauseRequest();
        reply.sendHead(200, new FieldList(), BODY_UNKNOWN, -1);
        const body = Buffer.alloc(20_000_000, 'x');
        assert.equal(reply.sendData(body, 0, body.length), false);
      },
    });
    t.after(() => held.close());
    await held.start();
    const client = new RawClient(held.port).send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n');
    await until('all that was answered', () => client.received.length > 20_000_000);
    await until('the drain', () => reply!.flush());
    await new Promise((resolve) => setImmediate(resolve));
    pass(61_000);
    pass(61_000);
    assert.deepEqual(held.log, []);
    client.socket.destroy();
  });

  it('who was refused or drained and does not leave is left after 2 s, and counts once', async () => {
    const refused = new RawClient(proxy.port).send('GET /a HT');
    const drained = new RawClient(proxy.port).send(request('/b'));
    await drained.receives('/b');
    await until('both', () => proxy.connections.length === 2);
    for (const connection of proxy.connections) connection.startDrain();
    pass(11_000);
    await until('both ends', () => refused.isEnded && drained.isEnded);
    for (const client of [refused, drained]) {
      await new Promise((resolve) => setImmediate(resolve));
      pass(3_000);
      await until('the reset', () => {
        if (!client.isClosed) client.send('x');
        pass(0);
        return client.isClosed;
      });
    }
    assert.deepEqual(proxy.log, ['rejected 408 HeadTimeout']);
  });

  it('an idle upstream connection after 60 s', async () => {
    const client = new RawClient(proxy.port).send(request('/a'));
    await client.receives('/a');
    pass(61_000);
    await until('the end upstream', () => backend.connections[0]?.isClosed);
    client.send(request('/b'));
    await client.receives('/b');
    client.socket.destroy();
  });

  it('a slow answer is no reason to close', async () => {
    answer = () => {};
    const client = new RawClient(proxy.port).send(request('/a'));
    await until('the request', () => backend.received.includes('/a'));
    pass(3_600_000);
    answerEcho(backend.connections[0]!);
    await client.receives('/a');
    client.socket.destroy();
  });
});

describe('a client that closes its side', () => {
  it('still gets an answer that comes soon', async () => {
    const client = new RawClient(proxy.port);
    client.socket.end(request('/a'));
    assert.match(await client.ended(), /\/a$/);
  });

  it('is taken for gone when nothing happens for a second', async () => {
    answer = () => {};
    const client = new RawClient(proxy.port).send(request('/a'));
    await until('the request', () => backend.received.includes('/a'));
    client.socket.end();
    await until('the end of the exchange', () => {
      pass(250);
      return proxy.log.length > 0;
    });
    assert.deepEqual(proxy.log, ['downstream ClientClosed']);
    await until('the end upstream', () => backend.connections[0]?.isClosed);
  });
});

describe('back-pressure', () => {
  it('a backend that does not read stops the client', async () => {
    answer = ({ socket }) => socket.pause();
    const client = new RawClient(proxy.port);
    client.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${1 << 30}\r\n\r\n`);
    const block = Buffer.alloc(65536);
    let sent = 0;
    for (let quiet = 0; quiet < 200;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (client.socket.writableNeedDrain) quiet++;
      else {
        quiet = 0;
        sent += block.length;
        client.socket.write(block);
      }
    }
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes went into nowhere`);
    answer = () => {};
    backend.connections[0]!.socket.resume();
    await until('the client may go on', () => !client.socket.writableNeedDrain);
    client.socket.destroy();
  });

  it('a megabyte arrives whole, through slow readers too', async () => {
    const body = Buffer.alloc(1 << 20, 'abcdefghijklmnop').toString('latin1');
    answer = ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const client = new RawClient(proxy.port).send(request('/a'));
    client.socket.pause();
    await until('the request', () => backend.received.includes('/a'));
    client.socket.resume();
    await until('the body', () => client.received.length > body.length);
    assert.ok(client.received.endsWith(`\r\n\r\n${body}`));
    client.socket.destroy();
  });
});

describe('draining', () => {
  it('closes an idle connection after a moment and a busy one with its answer', async () => {
    const idle = new RawClient(proxy.port).send(request('/a'));
    await idle.receives('/a');
    const crossing = new RawClient(proxy.port).send(request('/c'));
    await crossing.receives('/c');
    answer = () => {};
    const busy = new RawClient(proxy.port).send(request('/b'));
    await until('the request', () => backend.received.includes('/b'));
    for (const connection of proxy.connections) connection.startDrain();
    answer = answerEcho;
    assert.match(await crossing.send(request('/d')).ended(), /connection: close\r\n\r\n\/d$/);
    assert.equal(idle.isEnded, false);
    pass(1500);
    await idle.ended();
    backend.connections.forEach(answerEcho);
    assert.match(await busy.ended(), /connection: close\r\n\r\n\/b$/);
  });

  it('close tells the exchange', async () => {
    answer = () => {};
    const client = new RawClient(proxy.port).send(request('/a'));
    await until('the request', () => backend.received.includes('/a'));
    proxy.connections[0]!.close();
    await client.ended();
    assert.deepEqual(proxy.log, ['downstream Shutdown']);
    await until('the end upstream', () => backend.connections[0]?.isClosed);
  });

  it('a pool that is closed lets the request in flight end', async () => {
    answer = () => {};
    const client = new RawClient(proxy.port).send(request('/a'));
    await until('the request', () => backend.received.includes('/a'));
    proxy.pool.close();
    answerEcho(backend.connections[0]!);
    await client.receives('/a');
    await until('the end upstream', () => backend.connections[0]?.isClosed);
    client.socket.destroy();
  });
});
