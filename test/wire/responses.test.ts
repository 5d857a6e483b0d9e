/** Reliability rows of what a backend answers: each fault becomes 502 or a visible truncation, and never another's answer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { block, frame } from '../../src/proxy/http/http2-testing.ts';
import { FrameType } from '../../src/proxy/http/frame.ts';
import { until } from '../until.ts';
import { startWire, to, type Wire } from './harness.ts';
import { okay } from './recording-backend.ts';
import type { WireClient } from './wire-client.ts';

const head = 'HTTP/1.1 200 OK\r\n';
const stolen = okay('stolen');

/** The answer of the backend. */
const broken: readonly (readonly [name: string, answer: string])[] = [
  ['CL and TE', `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${stolen}`],
  ['TE and CL', `${head}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${stolen}`],
  ['two lengths', `${head}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello`],
  ['a list of lengths', `${head}Content-Length: 0, 5\r\n\r\nhello`],
  ...['+5', '0x5', '5 5', '', '-5', '18446744073709551617'].map(
    (value) => [`length ${value}`, `${head}Content-Length: ${value}\r\n\r\nhello`] as const,
  ),
  ...['gzip', 'xchunked', 'chunked, chunked', 'chunked, gzip', '', '\x0bchunked', 'identity'].map(
    (value) => [`coding ${JSON.stringify(value)}`, `${head}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`] as const,
  ),
  ...['99', '1000', '2x0', '20', '', '+20', '099', '-1'].map(
    (status) => [`status ${status}`, `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`] as const,
  ),
  ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['one bare LF', `${head}X: a\nContent-Length: 0\r\n\r\n`],
  ['bare CR', `${head}X: a\rY: b\r\nContent-Length: 0\r\n\r\n`],
  ['bare CR in the reason', 'HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n'],
  ['NUL', `${head}X: a\x00\r\nContent-Length: 0\r\n\r\n`],
  ['a control character', `${head}X: a\x01\r\nContent-Length: 0\r\n\r\n`],
  ['a folded field', `${head}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ['SP before the colon', `${head}Content-Length : 0\r\n\r\n`],
  ['no colon', `${head}X\r\nContent-Length: 0\r\n\r\n`],
  ['a field of 64 KiB', `${head}X: ${'a'.repeat(65536)}\r\nContent-Length: 0\r\n\r\n`],
  ['101 fields', `${head}${'X: a\r\n'.repeat(101)}Content-Length: 0\r\n\r\n`],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
  ['1,000 informational ones', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000) + okay('late')],
  ['101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw'],
];

let wire: Wire;
let hostile: net.Server;
let hostileAnswer: (socket: net.Socket) => void = () => {};
let session: http2.ClientHttp2Session;

/** An HTTP/2 backend of raw bytes: settles, and at the first HEADERS does what the test says. */
function createHostile(): net.Server {
  return net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write(frame(FrameType.settings, 0, 0));
    let bytes = Buffer.alloc(0);
    let isAnswered = false;
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
        if (bytes[at + 3] !== FrameType.headers || isAnswered) continue;
        isAnswered = true;
        hostileAnswer(socket);
      }
    });
  });
}

before(async () => {
  hostile = createHostile().listen(0, '127.0.0.1');
  await once(hostile, 'listening');
  const { port } = hostile.address() as AddressInfo;
  wire = await startWire({
    services: { hostile: { port, appProtocol: 'kubernetes.io/h2c' } },
    routes: {
      all: { rules: [{ backendRefs: to() }] },
      hostile: { rules: [{ matches: [{ path: { value: '/h2' } }], backendRefs: to('hostile') }] },
    },
  });
  wire.backend.scripts.set('/script', (_request, { socket }) => socket.write(script, 'latin1'));
  session = http2.connect(`http://127.0.0.1:${wire.clearPort}`);
});
after(() => {
  session.destroy();
  wire.close();
  hostile.close();
});

let script = '';

async function ask(answer: string, method = 'GET', version = '1.1'): Promise<WireClient> {
  script = answer;
  const client = await wire.connect();
  client.send(`${method} /script HTTP/${version}\r\nHost: a.test\r\n\r\n`);
  return client;
}

const usedByScript = () => wire.backend.connections.filter(({ received }) => received.includes('/script'));

describe('broken answers', () => {
  for (const [name, answer] of broken) {
    it(`${name}: 502, and the upstream connection is closed`, async () => {
      const client = await ask(answer);
      assert.equal((await client.answer()).status, 502);
      assert.ok(!client.received.includes('stolen'));
      await wire.bystander();
      await until(() => usedByScript().every(({ isClosed }) => isClosed), 'the upstream connection is closed');
      client.close();
    });
  }

  it('the same to a client of HTTP/2', async () => {
    script = `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    const stream = session.request({ ':path': '/script', ':authority': 'a.test' });
    const [headers] = await once(stream, 'response');
    assert.equal(headers[':status'], 502);
    stream.close();
  });
});

describe('answers without a body', () => {
  const rows: readonly (readonly [method: string, answer: string, length: string | undefined])[] = [
    ['HEAD', `${head}Content-Length: 5\r\n\r\n`, '5'],
    ['HEAD', `${head}Content-Length: 5\r\n\r\nhello${stolen}`, '5'],
    ['HEAD', `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, undefined],
    ['GET', `HTTP/1.1 204 No Content\r\n\r\nsurplus${stolen}`, undefined],
    ['GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello${stolen}`, '5'],
    ['GET', `HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, undefined],
  ];
  for (const [method, answer, length] of rows) {
    it(`${method} ${JSON.stringify(answer.slice(9, 70))}: surplus bytes answer nobody`, async () => {
      const client = await ask(answer, method);
      const { headers } = await client.answer(1, method);
      assert.equal(headers.get('content-length'), length);
      for (let i = 0; i < 3; i++) await wire.bystander();
      client.send('GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n');
      // Read as what a client sees: nothing may stand between the head and the next answer.
      await client.until(() => client.received.endsWith('/next'), 'the next answer');
      assert.ok(!client.received.includes('stolen') && !client.received.includes('hello'), client.received);
      assert.match(client.received, /\r\n\r\nHTTP\/1\.1 200 [^]*\r\n\r\n\/next$/);
      client.close();
    });
  }
});

describe('bytes on idle pooled connections', () => {
  it('never answer another request', async () => {
    for (let i = 0; i < 20; i++) {
      await wire.bystander();
      const idle = wire.backend.connections.findLast(({ isClosed }) => !isClosed)!;
      idle.socket.write(stolen);
      await wire.bystander();
    }
  });

  it('right behind an answer neither', async () => {
    for (let i = 0; i < 20; i++) {
      const client = await ask(okay('mine') + stolen);
      assert.equal((await client.answer()).body, 'mine');
      await wire.bystander();
      client.close();
    }
  });

  it('an upstream connection that was closed meanwhile fails nobody', async () => {
    for (let i = 0; i < 20; i++) {
      await wire.bystander();
      for (const { socket } of wire.backend.connections) socket.end();
      await wire.bystander();
    }
  });

  it('however many are closed as requests are written to them, no repeatable request fails', async () => {
    const waiting: (() => void)[] = [];
    wire.backend.scripts.set('/slow', (_request, { socket }) => waiting.push(() => socket.write(okay('slow'))));
    wire.backend.scripts.set('/again', (_request, { socket, received }) => {
      if (received.includes('/slow')) socket.destroy();
      else socket.write(okay('again'));
    });
    const clients = await Promise.all(Array.from({ length: 5 }, () => wire.connect()));
    for (const client of clients) client.send('GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await until(() => waiting.length === clients.length, 'each has a connection');
    for (const answer of waiting) answer();
    for (const client of clients) assert.equal((await client.answer()).body, 'slow');
    clients[0]!.send('GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const { status, body } = await clients[0]!.answer(2);
    assert.deepEqual([status, body], [200, 'again']);
    for (const client of clients) client.close();
  });
});

describe('informational answers', () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';
  it('103 to HTTP/1.1', async () => {
    const client = await ask(early + early + okay('done'));
    await client.answer();
    assert.deepEqual(
      client.answers().map(({ status }) => status),
      [103, 103, 200],
    );
    client.close();
  });
  it('103 never to HTTP/1.0', async () => {
    const client = await ask(early + okay('done'), 'GET', '1.0');
    await client.closed();
    assert.deepEqual(
      client.answers().map(({ status, body }) => [status, body]),
      [[200, 'done']],
    );
  });
  it('103 to HTTP/2', async () => {
    script = early + okay('done');
    const stream = session.request({ ':path': '/script', ':authority': 'a.test' });
    const [[informational], [final]] = await Promise.all([once(stream, 'headers'), once(stream, 'response')]);
    assert.deepEqual([informational[':status'], informational.link, final[':status']], [103, '</a.css>', 200]);
    stream.close();
  });
});

describe('a backend that dies in the middle', () => {
  const rows: readonly (readonly [name: string, answer: string])[] = [
    ['a body with a length', `${head}Content-Length: 9\r\n\r\npart`],
    ['a chunk', `${head}Transfer-Encoding: chunked\r\n\r\n9\r\npart`],
    ['between chunks', `${head}Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n`],
    ['before the last CRLF', `${head}Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n`],
    ['a bad chunk', `${head}Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n\r\n`],
  ];
  const end = (how: 'fin' | 'reset') => {
    const { socket } = usedByScript().findLast(({ isClosed }) => !isClosed)!;
    if (how === 'fin') socket.end();
    else socket.resetAndDestroy();
  };
  for (const [name, answer] of rows) {
    for (const how of ['fin', 'reset'] as const) {
      it(`${name}, ${how}: HTTP/1 sees a truncation`, async () => {
        const client = await ask(answer);
        await client.until(() => client.received.includes('part') || client.isClosed, 'the first part');
        if (!client.isClosed && name !== 'a bad chunk') end(how);
        await client.closed();
        const [first] = client.answers();
        assert.ok(first === undefined || !first.isWhole, client.received);
        assert.ok(!client.received.includes('\r\n0\r\n'), 'no last chunk');
        await wire.bystander();
      });
      it(`${name}, ${how}: HTTP/2 sees RST_STREAM`, async () => {
        script = answer;
        const stream = session.request({ ':path': '/script', ':authority': 'a.test' });
        stream.on('data', () => {});
        const failed = once(stream, 'error');
        let isOver = false;
        stream.on('close', () => (isOver = true));
        await once(stream, 'response').then(
          () => {
            if (!isOver && name !== 'a bad chunk') end(how);
          },
          () => {},
        );
        await failed.catch(() => {});
        await until(() => isOver, 'the stream is over');
        assert.notEqual(stream.rstCode, 0);
        await wire.bystander();
      });
    }
  }

  it('a body that lasts until the connection is reset is no clean end', async () => {
    const client = await ask(`${head}\r\npart`);
    await client.until(() => client.received.includes('part'), 'the first part');
    end('reset');
    await client.closed();
    assert.ok(!client.received.includes('\r\n0\r\n'));
  });

  const end2: Record<string, (socket: net.Socket) => void> = {
    RST_STREAM: (socket) => socket.write(frame(FrameType.rstStream, 0, 1, '\0\0\0\x02')),
    FIN: (socket) => socket.end(),
    'a reset': (socket) => socket.resetAndDestroy(),
    'DATA beyond content-length': (socket) => socket.write(frame(FrameType.data, 1, 1, 'x'.repeat(20))),
    'DATA short of content-length': (socket) => socket.write(frame(FrameType.data, 1, 1, 'x')),
  };
  for (const [name, finish] of Object.entries(end2)) {
    it(`a backend of HTTP/2, ${name}`, async () => {
      let backend: net.Socket | undefined;
      hostileAnswer = (socket) => {
        backend = socket;
        socket.write(frame(FrameType.headers, 4, 1, block([':status', '200'], ['content-length', '9'])));
        socket.write(frame(FrameType.data, 0, 1, 'part'));
      };
      const client = await wire.connect();
      client.send('GET /h2 HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await client.until(() => client.received.includes('part'), 'the first part');
      finish(backend!);
      await client.closed();
      assert.equal(client.answers()[0]!.isWhole, false);
      backend!.destroy();
      await wire.bystander();
    });
  }
});

describe('a backend of HTTP/2 that breaks the protocol', () => {
  const answers: Record<string, readonly (readonly [string, string])[]> = {
    'no status': [['x', 'y']],
    'status 2x0': [[':status', '2x0']],
    'status 99': [[':status', '99']],
    'CR LF in a value': [
      [':status', '200'],
      ['x', 'a\r\nset-cookie: b'],
    ],
    'NUL in a value': [
      [':status', '200'],
      ['x', 'a\0b'],
    ],
    'upper case': [
      [':status', '200'],
      ['X', 'a'],
    ],
    'CR LF in a name': [
      [':status', '200'],
      ['x\r\ny', 'a'],
    ],
    'transfer-encoding': [
      [':status', '200'],
      ['transfer-encoding', 'chunked'],
    ],
    'two lengths': [
      [':status', '200'],
      ['content-length', '1'],
      ['content-length', '2'],
    ],
    '101': [[':status', '101']],
  };
  for (const [name, fields] of Object.entries(answers)) {
    it(`${name}: 502`, async () => {
      let backend: net.Socket | undefined;
      hostileAnswer = (socket) => {
        backend = socket;
        socket.write(frame(FrameType.headers, 5, 1, block(...fields)));
      };
      const client = await wire.connect();
      client.send('GET /h2 HTTP/1.1\r\nHost: a.test\r\n\r\n');
      assert.equal((await client.answer()).status, 502);
      assert.ok(!/set-cookie/i.test(client.received));
      backend!.destroy();
      await wire.bystander();
      client.close();
    });
  }
});
