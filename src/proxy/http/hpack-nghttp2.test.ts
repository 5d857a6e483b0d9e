/** HPACK against nghttp2 over one connection each way: evictions, references, sizes of the table, values of all lengths, secrets. */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { test } from 'node:test';
import { defaultLimits } from '../limits.ts';
import { Field, FieldList } from './fields.ts';
import { Backend, poolTo, request } from './http2-client-testing.ts';
import { Response, TestServer, until } from './http2-testing.ts';

/** The same numbers each time, so that a failure can be looked at. */
function randomFrom(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

const names = [
  'x-a',
  'x-long-name-of-a-field',
  'accept',
  'user-agent',
  'cache-control',
  'authorization',
  'x-z9',
  'etag',
];
const lengths = [0, 1, 5, 30, 126, 127, 128, 254, 255, 700, 1030, 3900, 4100, 9000];
const characters = '!#$%&*+-.0123456789ABCXYZ^_abcxyz|~ ,;"';

/** Fields of which some come again and again, and some are of lengths where the encoding changes. */
function fieldsOf(random: (below: number) => number): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = random(9); i > 0; i--) {
    const name = names[random(names.length)]!;
    if (random(3) > 0) fields[name] = `value ${random(12)}`;
    else {
      const text = Array.from(
        { length: lengths[random(lengths.length)]! },
        () => characters[random(characters.length)]!,
      );
      fields[name] = text.join('').trim();
    }
  }
  return fields;
}

const rounds = 400;
const tableBytes = [4096, 0, 100, 200, 4096, 65_536, 33];

test('what we encode nghttp2 decodes, also after it changed the size of the table', async () => {
  using backend = await new Backend().listen();
  let got: http2.IncomingHttpHeaders = {};
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    got = headers;
    stream.respond({ ':status': 204 }, { endStream: true });
  });
  using client = poolTo(backend.port);
  const random = randomFrom(1);
  for (let round = 0; round < rounds; round++) {
    const fields = fieldsOf(random);
    if (round % 25 === 24) {
      const [session] = backend.sessions;
      await new Promise<void>((resolve) =>
        session!.settings({ headerTableSize: tableBytes[random(tableBytes.length)]! }, () => resolve()),
      );
    }
    const headers = new FieldList(Object.entries(fields).map(([name, value]) => new Field(name, value)));
    const response = new Response();
    client.pool.open(request({ headers, target: `/${round % 7}`, takesTrailers: false }), response);
    await until(() => response.isOver, `answer ${round}`);
    assert.equal(response.error, null);
    assert.equal(got[':path'], `/${round % 7}`);
    for (const name of names) assert.equal(got[name], fields[name], `${name} in round ${round}`);
  }
  assert.equal(backend.sessions.size, 1);
});

test('what nghttp2 encodes we decode', async () => {
  await using server = await new TestServer().listen();
  server.onRequest = (one) => one.answer(200, '');
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
  const random = randomFrom(2);
  for (let round = 0; round < rounds; round++) {
    const fields = fieldsOf(random);
    const stream = session.request({ ':path': `/${round % 7}`, ...fields });
    stream.resume();
    await until(() => stream.closed, `answer ${round}`);
    const { head } = server.requests.pop()!;
    assert.equal(head.target, `/${round % 7}`);
    for (const name of names) assert.equal(head.headers.get(name), fields[name], `${name} in round ${round}`);
  }
  session.destroy();
});

test('answers of ours pass nghttp2, with a table of whatever size it wants', async () => {
  await using server = await new TestServer().listen();
  const random = randomFrom(3);
  for (const headerTableSize of tableBytes) {
    const session = http2.connect(`http://127.0.0.1:${server.port}`, { settings: { headerTableSize } });
    session.on('error', () => {});
    for (let round = 0; round < 40; round++) {
      const fields = fieldsOf(random);
      server.onRequest = ({ downstream }) => {
        const list = Object.entries(fields).map(([name, value]) => new Field(name, value));
        downstream.sendHead(200 + random(3), new FieldList(list), 0, -1);
        downstream.sendEnd(null);
      };
      const stream = session.request({ ':path': '/' });
      let got: http2.IncomingHttpHeaders | null = null;
      stream.on('response', (headers) => (got = headers));
      stream.resume();
      await until(() => stream.closed, `answer ${round} with a table of ${headerTableSize}`);
      for (const name of names) assert.equal(got![name], fields[name], name);
    }
    session.destroy();
  }
});

test('heads near the limit pass in several frames both ways; one above it is refused and the connection lives', async () => {
  await using server = await new TestServer().listen();
  const value = 'v'.repeat(20_500);
  server.onRequest = ({ head, downstream }) => {
    downstream.sendHead(200, new FieldList([...head.headers.fields]), 0, -1);
    downstream.sendEnd(null);
  };
  const session = http2.connect(`http://127.0.0.1:${server.port}`, { settings: { maxHeaderListSize: 1_000_000 } });
  session.on('error', () => {});
  const ask = async (count: number) => {
    const fields = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, value]));
    const stream = session.request({ ':path': '/', ...fields });
    const got: http2.IncomingHttpHeaders[] = [];
    stream.on('response', (headers) => got.push(headers));
    stream.on('error', () => {});
    stream.resume();
    await until(() => stream.closed, 'the answer');
    return got[0];
  };
  const large = await ask(2);
  assert.deepEqual([large?.[':status'], large?.['x-0'], large?.['x-1']], [200, value, value]);
  assert.ok(defaultLimits.headBytes < 3 * value.length);
  assert.equal((await ask(3))?.[':status'], 431);
  assert.equal((await ask(0))?.[':status'], 200);
  session.destroy();
});

test('a secret that nghttp2 sends as never indexed is never indexed by us either', async () => {
  await using server = await new TestServer().listen();
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
  const stream = session.request({ ':path': '/', 'x-key': 'secret', [http2.sensitiveHeaders]: ['x-key'] });
  await until(() => server.requests.length === 1, 'the request');
  using backend = await new Backend().listen();
  const sensitive: unknown[] = [];
  backend.server.on('stream', (one: http2.ServerHttp2Stream, headers) => {
    sensitive.push((headers as Record<symbol, unknown>)[http2.sensitiveHeaders]);
    one.respond({ ':status': 204 }, { endStream: true });
  });
  using client = poolTo(backend.port);
  const response = new Response();
  const { fields } = server.requests[0]!.head.headers;
  client.pool.open(request({ headers: new FieldList([...fields, new Field('x-open', 'yes')]) }), response);
  await until(() => response.isOver, 'the answer');
  assert.deepEqual(sensitive, [['x-key']]);
  stream.destroy();
  session.destroy();
});
