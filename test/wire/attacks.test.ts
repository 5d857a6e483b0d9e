/** Reliability rows of exhaustion, in small: what is slow, stalled or too much ends in its time, and everybody else is served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { until } from '../until.ts';
import { startWire, to, type Wire } from './harness.ts';
import { WireClient } from './wire-client.ts';

const LIMIT_MS = 400;
/** For a busy machine; far below the other limits. */
const MARGIN_MS = 20_000;
const MIB = 1024 * 1024;
/** What kernel buffers of loopback and ours can hold; far below what is sent. */
const BUFFERED_BYTES = 24 * MIB;
const LARGE_BYTES = 200 * MIB;

const patterns = ['(a+)+$', '(.*a){20}', '(a|aa)+$', '(a|a?)+$', '([a-z]+)*$', '^(a?){50}a{50}$'];

let wire: Wire;
before(async () => {
  const rules = patterns.flatMap((value) => [
    { matches: [{ path: { type: 'RegularExpression', value: `/re${value}` } }], backendRefs: to() },
    { matches: [{ headers: [{ type: 'RegularExpression', name: 'x', value }] }], backendRefs: to() },
    { matches: [{ queryParams: [{ type: 'RegularExpression', name: 'x', value }] }], backendRefs: to() },
  ]);
  const storm = {
    matches: [{ path: { type: 'Exact', value: '/storm' } }],
    retry: { codes: [503], attempts: 5, backoff: '5ms' },
    backendRefs: to(),
  };
  const routes = Object.fromEntries(rules.map((rule, i) => [`re-${i}`, { rules: [rule] }]));
  wire = await startWire({
    limits: { headTimeoutMs: LIMIT_MS, bodyIdleTimeoutMs: LIMIT_MS, idleTimeoutMs: 60_000, connectionsPerListener: 60 },
    routes: { all: { rules: [{ backendRefs: to() }] }, storm: { rules: [storm] }, ...routes },
  });
});
after(() => wire.close());

/** Writes as much as the other side takes; says how much left this process. */
function pump(socket: net.Socket): () => number {
  const piece = Buffer.alloc(256 * 1024, 'x');
  const start = socket.bytesWritten;
  let queued = 0;
  const write = () => {
    while (queued < LARGE_BYTES && !socket.destroyed) {
      queued += piece.length;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', write);
  write();
  return () => socket.bytesWritten - start - socket.writableLength;
}

describe('slow clients', () => {
  const starts: Readonly<Record<string, string>> = {
    'half a request line': 'GET /slow',
    'half a head': 'GET /slow HTTP/1.1\r\nHost: a.test\r\n',
    'a head without its last byte': 'GET /slow HTTP/1.1\r\nHost: a.test\r\n\r',
  };
  for (const [name, bytes] of Object.entries(starts)) {
    for (const via of ['clear', 'tls'] as const) {
      it(`${name}, ${via}: 408 in time, others are answered`, async () => {
        const since = wire.backend.mark();
        const clients = await Promise.all(Array.from({ length: 20 }, () => wire.connect(via)));
        const start = performance.now();
        for (const client of clients) client.send(bytes);
        // They go on, byte by byte: what counts is the whole head.
        const trickle = setInterval(
          () => clients.forEach((client) => client.send(name === 'half a head' ? 'X' : '')),
          50,
        );
        for (let i = 0; i < 20; i++) await wire.bystander();
        await Promise.all(clients.map((client) => client.closed(LIMIT_MS + MARGIN_MS)));
        clearInterval(trickle);
        assert.ok(performance.now() - start >= LIMIT_MS);
        for (const client of clients) assert.equal(client.answers()[0]?.status, 408, client.received);
        assert.ok(!since().includes('/slow'));
      });
    }
  }

  it('a body that stops: the connection ends, and the upstream one with it', async () => {
    const client = await wire.connect();
    client.send('POST /stops HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhello');
    await client.closed(LIMIT_MS + MARGIN_MS);
    const used = wire.backend.connections.find(({ received }) => received.includes('/stops'));
    await until(() => used?.isClosed ?? true, 'the upstream connection is closed');
    assert.ok(!wire.backend.requests.some(({ target }) => target === '/stops'));
    await wire.bystander();
  });
});

describe('stalled bodies', () => {
  before(() => {
    wire.backend.scripts.set('/download', (_request, { socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`);
      sent = pump(socket);
    });
  });
  let sent = () => 0;

  async function stopsAndEnds(isOver: () => boolean): Promise<void> {
    const used = () => wire.backend.connections.findLast(({ received }) => received.includes('/download'));
    await until(() => sent() > 0, 'the download begins');
    await wire.bystander();
    await until(isOver, 'the stalled one ends', LIMIT_MS + MARGIN_MS);
    await until(() => used()!.isClosed, 'the backend is let go');
    assert.ok(sent() < BUFFERED_BYTES, `${sent()} bytes were taken from the backend`);
    await wire.bystander();
    sent = () => 0;
  }

  for (const via of ['clear', 'tls'] as const) {
    it(`a reader of HTTP/1 that stops, ${via}: so does the backend`, async () => {
      const rss = process.memoryUsage.rss();
      const client = await wire.connect(via);
      client.socket.removeAllListeners('data');
      client.socket.pause();
      client.send('GET /download HTTP/1.1\r\nHost: a.test\r\n\r\n');
      const used = () => wire.backend.connections.findLast(({ received }) => received.includes('/download'));
      await stopsAndEnds(() => used()?.isClosed ?? false);
      assert.ok(process.memoryUsage.rss() - rss < 96 * MIB);
      client.close();
    });
  }

  it('a reader of HTTP/2 that stops: so does the backend, and other streams go on', async () => {
    const session = http2.connect(`http://127.0.0.1:${wire.clearPort}`);
    session.on('error', () => {});
    const stream = session.request({ ':path': '/download', ':authority': 'a.test' });
    let isOver = false;
    stream.on('error', () => {});
    stream.on('close', () => (isOver = true));
    await once(stream, 'response');
    stream.pause();
    const other = session.request({ ':path': '/other', ':authority': 'a.test' });
    const [headers] = await once(other, 'response');
    assert.equal(headers[':status'], 200);
    other.close();
    await stopsAndEnds(() => {
      // Reading makes the close visible; a stream that was reset has nothing more to read.
      if (wire.backend.connections.findLast(({ received }) => received.includes('/download'))!.isClosed)
        stream.resume();
      return isOver;
    });
    session.destroy();
  });

  it('a backend that does not read stops the client', async () => {
    wire.backend.onHead = ({ target }, { socket }) => {
      if (target === '/upload') socket.pause();
    };
    const client = await wire.connect();
    client.send(`POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`);
    const uploaded = pump(client.socket);
    await until(() => uploaded() > MIB, 'the upload begins');
    await wire.bystander();
    await client.closed(LIMIT_MS + MARGIN_MS);
    assert.ok(uploaded() < BUFFERED_BYTES, `${uploaded()} bytes were taken from the client`);
    wire.backend.onHead = null;
    for (const { socket } of wire.backend.connections) socket.resume();
    await wire.bystander();
  });
});

describe('regular expressions', () => {
  /** Five for each expression that is tried. */
  const MOST_MATCHING_MS = 5 * patterns.length;
  const WARM_ROUNDS = 5;
  const ROUNDS = 20;
  const subject = `${'a'.repeat(8000)}!`;
  const forms: Readonly<Record<string, string>> = {
    path: `GET /re${subject} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    field: `GET /f HTTP/1.1\r\nHost: a.test\r\nX: ${subject}\r\n\r\n`,
    query: `GET /q?x=${subject} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  };
  for (const [name, bytes] of Object.entries(forms)) {
    it(`all of them against a ${name} of 8 KiB: work is bounded`, async () => {
      const client = await wire.connect();
      const times: number[] = [];
      // The first times make cells that stay; and what else the machine does only adds, now and then.
      for (let round = 1; round <= WARM_ROUNDS + ROUNDS; round++) {
        const { user } = process.cpuUsage();
        client.send(bytes);
        assert.equal((await client.answer(round)).status, 200);
        if (round > WARM_ROUNDS) times.push((process.cpuUsage().user - user) / 1000);
      }
      const medianMs = times.toSorted((one, other) => one - other)[ROUNDS / 2]!;
      assert.ok(medianMs < MOST_MATCHING_MS, `${medianMs} ms for ${patterns.length} patterns`);
      await wire.bystander();
      client.close();
    });
  }
});

it('a backend that fails is not buried under retries: a fifth more requests at most', async () => {
  const CLIENTS = 53;
  const REQUESTS = 40 * CLIENTS;
  wire.backend.scripts.set('/storm', (_request, { socket }) => {
    // As slow as a backend in trouble; a retry in its back-off is no request in flight.
    setTimeout(() => socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'), 20);
  });
  const count = () => wire.backend.requests.filter(({ target }) => target === '/storm').length;
  let asked = 0;
  // All go on to the end: were there few left, three retries at a time would be more than a fifth of them.
  const ask = async () => {
    const client = await wire.connect();
    for (let i = 1; asked < REQUESTS; i++) {
      asked++;
      client.send('GET /storm HTTP/1.1\r\nHost: a.test\r\n\r\n');
      assert.equal((await client.answer(i)).status, 503);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: CLIENTS }, ask));
  assert.ok(count() > asked, 'there were retries');
  assert.ok(count() <= 1.2 * asked, `${count()} requests for ${asked}`);
});

it('connections beyond the cap are closed; those below live on, and places are given back', async () => {
  const clients = await Promise.all(Array.from({ length: 100 }, () => wire.connect()));
  const closed = () => clients.filter(({ isClosed }) => isClosed);
  await until(() => closed().length >= 40, 'those beyond the cap are closed');
  await wire.bystander();
  const open = clients.filter(({ isClosed }) => !isClosed);
  assert.ok(open.length > 0 && open.length <= 60);
  open[0]!.send('GET /in HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await open[0]!.answer()).body, '/in');
  for (const client of clients) client.close();
  await until(async () => {
    const late = await WireClient.connect({ port: wire.clearPort });
    late.send('GET /late HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    await late.closed();
    return late.answers()[0]?.body === '/late';
  }, 'a place is free again');
});
