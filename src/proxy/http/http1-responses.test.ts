/** What a backend may answer, and what it must not: faults become 502 or a visible truncation, and never reach another request. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type BackendConnection, RawClient, RecordingBackend, TestProxy, until } from './http1-testing.ts';
import type { ResponseSink } from './streams.ts';

let answers: Map<string, string>;
let afterAnswer: (connection: BackendConnection) => void;
let backend: RecordingBackend;
let proxy: TestProxy;

/** The answer scripted for the path of the newest request; requests have no bodies here. */
function answer(connection: BackendConnection): void {
  const requests = connection.received.split('\r\n\r\n');
  const path = requests.at(-2)?.split(' ')[1] ?? '';
  connection.socket.write(
    answers.get(path) ?? `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`,
    'latin1',
  );
  if (answers.has(path)) afterAnswer(connection);
}

beforeEach(async () => {
  answers = new Map();
  afterAnswer = () => {};
  backend = new RecordingBackend(answer);
  await backend.start();
  proxy = new TestProxy({ backendPort: backend.port });
  await proxy.start();
});
afterEach(() => {
  proxy.close();
  backend.close();
});

const request = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const ok = (path: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`;
const badGateway = 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n';

/** The answer to `/x`, and that another client's request is then answered with its own. */
async function answerTo(script: string, method = 'GET'): Promise<string> {
  answers.set('/x', script);
  const client = new RawClient(proxy.port).send(request('/warm'));
  await client.receives(ok('/warm'));
  client.send(request('/x', method) + request('/next'));
  await client.receives(ok('/next'));
  const other = new RawClient(proxy.port).send(request('/other'));
  assert.equal(await other.receives(ok('/other')), ok('/other'));
  other.socket.destroy();
  client.socket.destroy();
  return client.received.slice(ok('/warm').length, -ok('/next').length);
}

describe('responses that break the protocol', () => {
  const head = 'HTTP/1.1 200 OK\r\n';
  const rows: readonly (readonly [name: string, script: string])[] = [
    ['both framings', `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
    ['a list of lengths', `${head}Content-Length: 3, 4\r\n\r\nabcd`],
    ['an unknown coding', `${head}Transfer-Encoding: gzip\r\n\r\nabcd`],
    ['chunked twice', `${head}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['status 99', 'HTTP/1.1 99 X\r\n\r\n'],
    ['status 1000', 'HTTP/1.1 1000 X\r\n\r\n'],
    ['status 2x0', 'HTTP/1.1 2x0 X\r\n\r\n'],
    ['another protocol', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['no HTTP at all', 'hello, world of other protocols\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['bare CR', `${head}X: a\rb\r\n\r\n`],
    ['NUL', `${head}X: a\x00b\r\n\r\n`],
    ['a head too large', `${head}X: ${'a'.repeat(65536)}\r\n\r\n`],
    ['too many fields', `${head}${'X: a\r\n'.repeat(101)}\r\n`],
    ['1,000 informational responses', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000)],
    [
      '101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
  ];
  for (const [name, script] of rows) {
    it(name, async () => {
      const answered = await answerTo(script);
      assert.equal(answered.replaceAll('HTTP/1.1 102 Processing\r\n\r\n', ''), badGateway);
      assert.deepEqual(proxy.log, ['upstream Protocol reused']);
      await until('the end upstream', () => backend.connections[0]?.isClosed);
    });
  }
});

describe('responses without a body', () => {
  const rows: readonly (readonly [name: string, method: string, script: string, answer: string])[] = [
    [
      'HEAD with a length',
      'HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n',
    ],
    [
      'HEAD with a body',
      'HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n',
    ],
    [
      'HEAD, chunked',
      'HEAD',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\n\r\n',
    ],
    [
      '204 with a body',
      'GET',
      'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello',
      'HTTP/1.1 204 No Content\r\n\r\n',
    ],
    [
      '304 with a length',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n',
    ],
    [
      'surplus bytes',
      'GET',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    ],
    [
      'surplus behind chunks',
      'GET',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ];
  for (const [name, method, script, expected] of rows) {
    it(name, async () => assert.equal(await answerTo(script, method), expected));
  }

  it('bytes on an idle connection never answer a request', async () => {
    const client = new RawClient(proxy.port).send(request('/a'));
    await client.receives(ok('/a'));
    backend.connections[0]!.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
    await until('the end upstream', () => backend.connections[0]?.isClosed);
    client.send(request('/b'));
    assert.equal(await client.receives(ok('/b')), ok('/a') + ok('/b'));
    client.socket.destroy();
  });
});

describe('responses passed on', () => {
  it('with their reason dropped, fields of one hop removed and bytes kept', async () => {
    const script =
      'HTTP/1.1 299 Whatever\r\nConnection: X-A\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nX-B: \xe4\r\nContent-Length: 2\r\n\r\n\xff\x00';
    assert.equal(await answerTo(script), 'HTTP/1.1 299 \r\nX-B: \xe4\r\ncontent-length: 2\r\n\r\n\xff\x00');
  });

  it('with trailers', async () => {
    const script =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n';
    assert.equal(
      await answerTo(script),
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    );
  });

  it('103 to HTTP/1.1 and not to HTTP/1.0', async () => {
    const script = 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
    assert.equal(
      await answerTo(script),
      'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    );
    const old = await new RawClient(proxy.port).send('GET /x HTTP/1.0\r\n\r\n').ended();
    assert.equal(old, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });

  it('until the backend closes, as chunks or until we close', async () => {
    answers.set('/x', 'HTTP/1.1 200 OK\r\n\r\nall of it');
    afterAnswer = ({ socket }) => socket.end();
    const client = new RawClient(proxy.port).send(request('/x'));
    await client.receives('0\r\n\r\n');
    assert.equal(client.received, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n');
    client.socket.destroy();
    const old = await new RawClient(proxy.port).send('GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n').ended();
    assert.equal(old, 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it');
  });
});

describe('a backend that goes away', () => {
  const rows: readonly (readonly [name: string, script: string])[] = [
    ['in a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart'],
    ['between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
  ];
  for (const [name, script] of rows) {
    it(`${name}: the client sees a reset`, async () => {
      answers.set('/x', script);
      afterAnswer = ({ socket }) => socket.end();
      const client = new RawClient(proxy.port).send(request('/x'));
      await client.ended();
      assert.ok(!client.received.includes('0\r\n\r\n'));
      assert.deepEqual(proxy.log, ['upstream Reset']);
      assert.equal(client.error, 'ECONNRESET');
    });
  }

  it('by a reset before the end of a body that lasts until then', async () => {
    answers.set('/x', 'HTTP/1.1 200 OK\r\n\r\npart');
    const client = new RawClient(proxy.port).send(request('/x'));
    await client.receives('part');
    backend.connections[0]!.socket.resetAndDestroy();
    await client.ended();
    assert.equal(client.error, 'ECONNRESET');
  });

  it('before it answered', async () => {
    answers.set('/x', '');
    afterAnswer = ({ socket }) => socket.end();
    const client = new RawClient(proxy.port).send(request('/warm'));
    await client.receives(ok('/warm'));
    client.send(request('/x'));
    await client.receives(badGateway);
    assert.deepEqual(proxy.log, ['upstream Closed reused']);
    client.socket.destroy();
  });

  it('and is not there', async () => {
    backend.close();
    const client = new RawClient(proxy.port).send(request('/x'));
    await client.receives(badGateway);
    assert.deepEqual(proxy.log, ['upstream Connect']);
    client.socket.destroy();
  });
});

describe('before a request has left', () => {
  const rows: readonly (readonly [name: string, act: (connection: BackendConnection) => void])[] = [
    ['the backend closes', ({ socket }) => socket.destroy()],
    ['the backend resets', ({ socket }) => socket.resetAndDestroy()],
    ['what comes is no answer to it', ({ socket }) => socket.write(ok('/late'))],
  ];
  for (const [name, act] of rows) {
    it(`${name}: it is known to be unsent`, async () => {
      const client = new RawClient(proxy.port).send(request('/warm', 'POST'));
      await client.receives(ok('/warm'));
      const events: unknown[] = [];
      const sink = new Proxy({} as ResponseSink, {
        get: (_, event) => (detail: object) =>
          events.push(event === 'onUpstreamError' ? { ...detail, message: '' } : event),
      });
      // From here on sockets are read before what is queued now is written.
      await new Promise((resolve) => setImmediate(resolve));
      act(backend.connections[0]!);
      proxy.pool.open(proxy.heads[0]!, sink);
      await until('an event', () => events.length > 0);
      assert.deepEqual(events, [{ kind: 'Closed', message: '', isReused: true, isUnsent: true }]);
      assert.equal(backend.received.split('POST').length, 2);
      client.socket.destroy();
    });
  }
});
