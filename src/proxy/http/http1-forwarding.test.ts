/** What becomes of valid HTTP/1 requests: the bytes a backend gets, answers in order, and connections that may or may not be used again. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answerEcho, type BackendConnection, RawClient, RecordingBackend, TestProxy, until } from './http1-testing.ts';

/** What the client sends, and what exactly the backend gets. */
const rows: readonly (readonly [name: string, sent: string, forwarded: string])[] = [
  [
    '5: length with leading zeros',
    'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc',
    'POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc',
  ],
  [
    'an empty body is announced',
    'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    'POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    '7: chunked in any case',
    'POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n03\r\nabc\r\n0\r\n\r\n',
    'POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ],
  [
    '19: opaque bytes stay',
    'GET /p HTTP/1.1\r\nHost: a\r\nX: \x80\xff\xe4\r\n\r\n',
    'GET /p HTTP/1.1\r\nhost: a\r\nX: \x80\xff\xe4\r\n\r\n',
  ],
  [
    'white space around values goes',
    'GET /p HTTP/1.1\r\nHost:a \r\nX: \t a b\t \r\nY:\r\n\r\n',
    'GET /p HTTP/1.1\r\nhost: a\r\nX: a b\r\nY: \r\n\r\n',
  ],
  [
    '22: absolute form, other Host',
    'GET http://b.test:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /p?q HTTP/1.1\r\nhost: b.test:81\r\n\r\n',
  ],
  [
    '22: absolute form without path',
    'GET http://b.test?q HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /?q HTTP/1.1\r\nhost: b.test\r\n\r\n',
  ],
  ['26: HTTP/1.2', 'GET /p HTTP/1.2\r\nHost: a\r\n\r\n', 'GET /p HTTP/1.1\r\nhost: a\r\n\r\n'],
  [
    '26: HTTP/1.0',
    'GET /p HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
    'GET /p HTTP/1.1\r\nhost: a\r\n\r\n',
  ],
  ['27: methods as they are', 'get /p HTTP/1.1\r\nHost: a\r\n\r\n', 'get /p HTTP/1.1\r\nhost: a\r\n\r\n'],
  [
    '28: extensions go',
    'POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b;c="d\\"e";f\r\nabc\r\n0;x\r\n\r\n',
    'POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ],
  [
    '32: trailers, but never those that mean something',
    'POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nAuthorization: c\r\nCookie: d\r\nX-Forwarded-For: e\r\nX_Forwarded_For: e\r\nX-Sum: 1\r\n\r\n',
    'POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n',
  ],
  [
    '33: fields of one hop',
    'GET /p HTTP/1.1\r\nHost: a\r\nConnection: X-A, keep-alive\r\nX-A: 1\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nTE: gzip\r\nX-B: 2\r\n\r\n',
    'GET /p HTTP/1.1\r\nhost: a\r\nX-B: 2\r\n\r\n',
  ],
  [
    '33: TE: trailers',
    'GET /p HTTP/1.1\r\nHost: a\r\nTE: trailers, gzip\r\nConnection: te\r\n\r\n',
    'GET /p HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n',
  ],
  [
    '34: what Connection cannot remove',
    'POST /p HTTP/1.1\r\nConnection: Host, Content-Length, X-Forwarded-For, Authorization\r\nHost: a\r\nContent-Length: 1\r\nX-Forwarded-For: b\r\nAuthorization: c\r\n\r\nx',
    'POST /p HTTP/1.1\r\nhost: a\r\nX-Forwarded-For: b\r\nAuthorization: c\r\ncontent-length: 1\r\n\r\nx',
  ],
  [
    '35: h2c',
    'GET /p HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n',
    'GET /p HTTP/1.1\r\nhost: a\r\n\r\n',
  ],
  [
    '38: GET with a body',
    'GET /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab',
    'GET /p HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab',
  ],
  [
    '38: DELETE with a chunked body',
    'DELETE /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    'DELETE /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
  ],
  [
    '42: 100 fields',
    `GET /p HTTP/1.1\r\nHost: a\r\n${'X: a\r\n'.repeat(99)}\r\n`,
    `GET /p HTTP/1.1\r\nhost: a\r\n${'X: a\r\n'.repeat(99)}\r\n`,
  ],
  [
    '42: 8,000 bytes of request line',
    `GET /${'p'.repeat(7985)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /${'p'.repeat(7985)} HTTP/1.1\r\nhost: a\r\n\r\n`,
  ],
  ['an empty line first', '\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /p HTTP/1.1\r\nhost: a\r\n\r\n'],
];

for (const pieceBytes of [65536, 1]) {
  describe(`forwarded requests, read in pieces of ${pieceBytes}`, () => {
    for (const [name, sent, forwarded] of rows) {
      it(name, async () => {
        const backend = new RecordingBackend(answerEcho);
        await backend.start();
        const proxy = new TestProxy({ backendPort: backend.port, pieceBytes });
        await proxy.start();
        // Twice, so that a connection of each side is used again, and the caches are.
        const client = new RawClient(proxy.port).send(sent);
        await client.receives('content-length');
        client.send(sent);
        await until('the second answer', () => client.received.split('content-length').length === 3);
        // Chunks are framed as they came; whole again they are the same body.
        assert.equal(rechunked(backend.received), forwarded + forwarded);
        assert.equal(backend.connections.length, 1);
        client.socket.destroy();
        proxy.close();
        backend.close();
      });
    }
  });
}

/** Neighbouring chunks as one, as long as the test bodies have less than ten bytes. */
function rechunked(text: string): string {
  return text.replaceAll(/(?:1\r\n[a-z]\r\n){2,}/g, (chunks) => {
    const body = chunks.replaceAll(/1\r\n([a-z])\r\n/g, '$1');
    return `${body.length}\r\n${body}\r\n`;
  });
}

describe('requests on one connection', () => {
  let answer: (connection: BackendConnection) => void = answerEcho;
  const backend = new RecordingBackend((connection) => answer(connection));
  let proxy: TestProxy;
  before(async () => {
    await backend.start();
    proxy = new TestProxy({ backendPort: backend.port });
    await proxy.start();
  });
  after(() => {
    proxy.close();
    backend.close();
  });

  it('41: 100 pipelined are answered in order', async () => {
    let sent = '';
    for (let i = 0; i < 100; i++)
      sent += `GET /n${i} HTTP/1.1\r\nHost: a\r\n${i === 99 ? 'Connection: close\r\n' : ''}\r\n`;
    const received = await new RawClient(proxy.port).send(sent).ended();
    const bodies = [...received.matchAll(/\/n(\d+)/g)].map((match) => Number(match[1]));
    assert.deepEqual(
      bodies,
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  it('41: nothing behind Connection: close is looked at', async () => {
    const client = new RawClient(proxy.port).send(
      'GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    assert.match(await client.ended(), /^HTTP\/1\.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n\/one$/);
    assert.ok(!backend.received.includes('/two'));
  });

  it('26: HTTP/1.0 without keep-alive closes', async () => {
    assert.match(
      await new RawClient(proxy.port).send('GET /old HTTP/1.0\r\n\r\n').ended(),
      /connection: close\r\n\r\n\/old$/,
    );
  });

  it('23: OPTIONS * is answered here', async () => {
    const already = backend.received;
    const client = new RawClient(proxy.port).send('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.match(await client.ended(), /^HTTP\/1\.1 204 /);
    assert.equal(backend.received, already);
  });

  it('39: a body cut short is no request, and its connection is not used again', async () => {
    const count = backend.connections.length;
    const client = new RawClient(proxy.port).send('POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab');
    const connection = await until('the request', () => backend.connections.find((c) => c.received.endsWith('ab')));
    client.socket.end();
    await until('the end upstream', () => connection.isClosed);
    assert.ok(proxy.log.includes('downstream ClientClosed'));
    assert.ok(backend.connections.length <= count + 1);
  });

  it('40: an answer before the end of the body closes both connections', async () => {
    answer = (connection) => {
      if (connection.received.includes('POST /early'))
        connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    };
    const client = new RawClient(proxy.port).send(
      'POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nab',
    );
    assert.match(await client.ended(), /^HTTP\/1\.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok$/);
    const connection = backend.connections.find(({ received }) => received.includes('POST /early'));
    await until('the end upstream', () => connection?.isClosed);
    answer = answerEcho;
  });

  it('37: 100 Continue end to end', async () => {
    answer = (connection) => {
      if (connection.received.endsWith('\r\n\r\n')) connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      else answerEcho(connection);
    };
    const client = new RawClient(proxy.port).send(
      'POST /exp HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
    );
    await client.receives('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('ab');
    await client.receives('/exp');
    assert.ok(backend.received.includes('content-length: 2\r\nexpect: 100-continue\r\n\r\nab'));
    client.socket.destroy();
    answer = answerEcho;
  });

  it('37: a final answer instead of 100 ends the connection', async () => {
    answer = (connection) => connection.socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    const client = new RawClient(proxy.port).send(
      'POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
    );
    assert.match(await client.ended(), /^HTTP\/1\.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n$/);
    answer = answerEcho;
  });

  const upgrade = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

  it('36: an upgrade becomes a tunnel, and bytes before the 101 wait for it', async () => {
    let connection: BackendConnection | undefined;
    answer = (from) => (connection = from);
    const client = new RawClient(proxy.port).send(`${upgrade}early`);
    const upstream = await until('the request', () => connection);
    assert.ok(
      upstream.received.endsWith('GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    );
    upstream.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
    assert.match(
      await client.receives('hello'),
      /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello$/,
    );
    await until('the early bytes', () => upstream.received.endsWith('early'));
    client.send('\x00\xff');
    await until('bytes of the tunnel', () => upstream.received.endsWith('\x00\xff'));
    client.socket.end();
    await client.ended();
    await until('the end upstream', () => upstream.isClosed);
    answer = answerEcho;
  });

  it('36: a refused upgrade drops what came early', async () => {
    answer = (connection) => connection.socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    const client = new RawClient(proxy.port).send(`${upgrade}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.match(
      await client.ended(),
      /^HTTP\/1\.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n$/,
    );
    assert.ok(!backend.received.includes('/smuggled'));
    answer = answerEcho;
  });
});
