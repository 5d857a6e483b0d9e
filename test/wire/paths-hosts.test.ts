/** Reliability rows of identity: one path and one host for matching and forwarding, and nothing that a client claims about itself. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startWire, to, type Wire } from './harness.ts';
import { RecordingBackend } from './recording-backend.ts';
import { WireClient } from './wire-client.ts';

let wire: Wire;
let guarded: RecordingBackend;
let session: http2.ClientHttp2Session;

const prefix = (value: string) => [{ path: { type: 'PathPrefix', value } }];

before(async () => {
  guarded = await new RecordingBackend().listen();
  const strip = { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } };
  const role = { name: 'x-role', value: 'user' };
  wire = await startWire({
    services: { guarded: { port: guarded.port } },
    routes: {
      all: {
        rules: [
          { matches: prefix('/admin'), backendRefs: to('guarded') },
          { matches: prefix('/api'), filters: [strip], backendRefs: to() },
          { matches: [{ path: { value: '/role' }, headers: [role] }], backendRefs: to('guarded') },
          { backendRefs: to() },
        ],
      },
      hosts: { hostnames: ['deny.test', '*.wild.test'], rules: [{ backendRefs: to('guarded') }] },
    },
  });
  session = http2.connect(`http://127.0.0.1:${wire.clearPort}`);
});
after(() => {
  session.destroy();
  wire.close();
  guarded.close();
});

/** Where a request went, as `open /path`, `guarded /path` or its status. */
async function whereTo(bytes: string, client?: WireClient): Promise<string> {
  const [inOpen, inGuarded] = [wire.backend.requests.length, guarded.requests.length];
  const used = client ?? (await wire.connect());
  used.send(bytes);
  const { status } = await used.answer();
  used.close();
  const open = wire.backend.requests.slice(inOpen).map(({ target }) => `open ${target}`);
  const guardedOnes = guarded.requests.slice(inGuarded).map(({ target }) => `guarded ${target}`);
  return [...open, ...guardedOnes].join() || String(status);
}

async function whereToByHttp2(path: string): Promise<string> {
  const [inOpen, inGuarded] = [wire.backend.requests.length, guarded.requests.length];
  const stream = session.request({ ':path': path, ':authority': 'a.test' });
  const answered = once(stream, 'response');
  const status = await answered.then(
    ([headers]) => String(headers[':status']),
    () => 'reset',
  );
  stream.close();
  const open = wire.backend.requests.slice(inOpen).map(({ target }) => `open ${target}`);
  const guardedOnes = guarded.requests.slice(inGuarded).map(({ target }) => `guarded ${target}`);
  return [...open, ...guardedOnes].join() || status;
}

const paths: readonly (readonly [target: string, place: string])[] = [
  ['/admin', 'guarded /admin'],
  ['/admin/', 'guarded /admin/'],
  ['/a/../admin', 'guarded /admin'],
  ['/../../admin', 'guarded /admin'],
  ['/a/b/../../admin/x', 'guarded /admin/x'],
  ['/%2e%2e/admin', 'guarded /admin'],
  ['/a/%2E./admin', 'guarded /admin'],
  ['/a/.%2e/admin', 'guarded /admin'],
  ['/./admin', 'guarded /admin'],
  ['/%2e/admin', 'guarded /admin'],
  ['//admin', 'guarded /admin'],
  ['///admin//x', 'guarded /admin/x'],
  ['/a//..//admin', 'guarded /admin'],
  ['/%61dmin', 'guarded /admin'],
  ['/%61%64%6D%69%6e', 'guarded /admin'],
  ['/admin/.', 'guarded /admin/'],
  ['/admin/..', 'open /'],
  ['/admin?a=/../b%2f', 'guarded /admin?a=/../b%2f'],
  ['//admin?a', 'guarded /admin?a'],
  ['/adminX', 'open /adminX'],
  ['/ADMIN', 'open /ADMIN'],
  ['/a/', 'open /a/'],
  ['/a;p=1/b;q', 'open /a;p=1/b;q'],
  ['/%3b/a', 'open /%3B/a'],
  ['/%252e%252e/admin', 'open /%252e%252e/admin'],
  ['/%c0%ae%c0%ae/admin', 'open /%C0%AE%C0%AE/admin'],
  ['/%e2%82%ac', 'open /%E2%82%AC'],
  ['/%0d%0aX:%20y', 'open /%0D%0AX:%20y'],
  ['/.;/admin', '400'],
  ['/..;/admin', '400'],
  ['/..;x/admin', '400'],
  ['/a/..%3bx/admin', '400'],
  ['/%2e%2e;/admin', '400'],
  ['/a%2fadmin', '400'],
  ['/%2Fadmin', '400'],
  ['/a%5cadmin', '400'],
  ['/a\\admin', '400'],
  ['/\\admin', '400'],
  ['/admin%00', '400'],
  ['/.%00./admin', '400'],
  ['/%u0061dmin', '400'],
  ['/%6', '400'],
  ['/admin#x', '400'],
  ['/p#frag', '400'],
  ['/api/x', 'open /x'],
  ['/api//x', 'open /x'],
  ['/api', 'open /'],
  ['/api../x', 'open /api../x'],
  ['/api%2e./x', 'open /api../x'],
  ['/apiX', 'open /apiX'],
  ['/api/../x', 'open /x'],
  ['/api/%2e%2e/admin', 'guarded /admin'],
  ['/api/..;/admin', '400'],
  ['/api/.../x', 'open /.../x'],
];

describe('paths: what is matched is what is forwarded', () => {
  for (const [target, place] of paths) {
    it(`${target} by HTTP/1`, async () => {
      assert.equal(await whereTo(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`), place);
    });
    it(`${target} by HTTP/2`, async () => {
      const got = await whereToByHttp2(target);
      if (place === '400') assert.ok(got === '400' || got === 'reset', got);
      else assert.equal(got, place);
    });
  }
});

const hosts: readonly (readonly [host: string, places: readonly string[]])[] = [
  ['deny.test', ['guarded /']],
  ['DENY.Test', ['guarded /']],
  ['deny.test.', ['guarded /', '400']],
  ['deny.test:8080', ['guarded /']],
  ['deny.test.:80', ['guarded /', '400']],
  ['deny.test..', ['guarded /', '400']],
  ['deny.test:', ['guarded /', '400']],
  ['deny.test:080', ['guarded /', '400']],
  ['x.wild.test', ['guarded /']],
  ['X.Y.WILD.TEST', ['guarded /']],
  ['wild.test', ['open /']],
  ['.wild.test', ['guarded /', '400']],
  ['xdeny.test', ['open /']],
  ['deny.test.evil', ['open /']],
  ['[::1]:80', ['open /']],
  ['127.0.0.1', ['open /']],
  ['xn--dny-bma.test', ['open /']],
  ['d\xc3\xa9ny.test', ['400']],
  ['deny.test%00', ['400']],
  ['deny.test%2e', ['400', 'open /']],
];

describe('hosts', () => {
  for (const [host, places] of hosts) {
    it(`Host ${host}`, async () => {
      const place = await whereTo(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.ok(places.includes(place), place);
    });
  }

  const secure: readonly (readonly [serverName: string, host: string, expected: string])[] = [
    ['a.test', 'a.test', 'open /'],
    ['a.test', 'A.TEST', 'open /'],
    ['a.test', 'a.test:443', 'open /'],
    ['a.test', 'b.test', '421'],
    ['a.test', 'x.wild.test', '421'],
    ['x.wild.test', 'a.test', '421'],
    ['x.wild.test', 'y.wild.test', 'guarded /'],
    ['a.test', 'unknown.test', '404'],
  ];
  for (const [serverName, host, expected] of secure) {
    it(`server name ${serverName}, Host ${host}`, async () => {
      const client = await WireClient.connect({ port: wire.tlsPort, serverName });
      assert.equal(await whereTo(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, client), expected);
    });
  }

  it('server name and :authority that differ', async () => {
    const other = http2.connect(`https://127.0.0.1:${wire.tlsPort}`, {
      servername: 'a.test',
      rejectUnauthorized: false,
    });
    const stream = other.request({ ':path': '/', ':authority': 'b.test' });
    const [headers] = await once(stream, 'response');
    assert.equal(headers[':status'], 421);
    other.destroy();
  });
});

const claims = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Server',
  'Forwarded',
  'X-Real-IP',
  'X-Envoy-External-Address',
  'X-Envoy-Original-Path',
  'X-Original-URL',
];
const ours: Readonly<Record<string, string>> = {
  'x-forwarded-for': '127.0.0.1',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'a.test',
  'x-real-ip': '127.0.0.1',
};

describe('what a client claims about itself is replaced', () => {
  const spellings = [
    (name: string) => name,
    (name: string) => name.toUpperCase(),
    (name: string) => name.replaceAll('-', '_'),
    (name: string) => name.replace('-', '_'),
    (name: string) => name.toLowerCase().replaceAll('-', '_'),
  ];
  for (const claim of claims) {
    it(claim, async () => {
      const fields = spellings.map((spell) => `${spell(claim)}: evil\r\n`).join('');
      await whereTo(`GET /claims HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`);
      const { head, headers } = wire.backend.requests.at(-1)!;
      assert.ok(!head.includes('evil'), head);
      for (const [name, value] of Object.entries(ours)) assert.deepEqual(headers.get(name), [value]);
    });
    it(`${claim} by HTTP/2`, async () => {
      const fields = Object.fromEntries(spellings.map((spell) => [spell(claim).toLowerCase(), 'evil']));
      const stream = session.request({ ':path': '/claims', ':authority': 'a.test', ...fields });
      await once(stream, 'response');
      stream.close();
      const { head, headers } = wire.backend.requests.at(-1)!;
      assert.ok(!head.includes('evil'), head);
      for (const [name, value] of Object.entries(ours)) assert.deepEqual(headers.get(name), [value]);
    });
  }

  it('a match sees all values of a field, not the first', async () => {
    const ask = (...values: string[]) =>
      whereTo(`GET /role HTTP/1.1\r\nHost: a.test\r\n${values.map((value) => `X-Role: ${value}\r\n`).join('')}\r\n`);
    assert.equal(await ask('user'), 'guarded /role');
    assert.equal(await ask('user', 'admin'), 'open /role');
    assert.equal(await ask('admin', 'user'), 'open /role');
  });
});

describe('CR LF from paths', () => {
  it('never stands raw in a Location or at a backend', async () => {
    const redirecting = await startWire({
      routes: {
        all: {
          rules: [
            {
              matches: prefix('/old'),
              filters: [
                {
                  type: 'RequestRedirect',
                  requestRedirect: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } },
                },
              ],
            },
          ],
        },
      },
    });
    try {
      const client = await redirecting.connect();
      client.send('GET /old/%0d%0aSet-Cookie:%20a%3db HTTP/1.1\r\nHost: a.test\r\n\r\n');
      const { status, headers } = await client.answer();
      assert.equal(status, 302);
      assert.ok(headers.get('location')?.endsWith('/new/%0D%0ASet-Cookie:%20a%3Db'), client.received);
      assert.equal(headers.has('set-cookie'), false);
      client.close();
    } finally {
      redirecting.close();
    }
  });

  const filters: Readonly<Record<string, object>> = {
    'a redirect of the path': {
      type: 'RequestRedirect',
      requestRedirect: { path: { type: 'ReplaceFullPath', replaceFullPath: '/a\r\nX: y' } },
    },
    'a rewrite of the path': {
      type: 'URLRewrite',
      urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/a\r\nX: y' } },
    },
    'a field to set': {
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { set: [{ name: 'x', value: 'a\r\nInjected: y' }] },
    },
    'a field to add': {
      type: 'ResponseHeaderModifier',
      responseHeaderModifier: { add: [{ name: 'x', value: 'a\r\nInjected: y' }] },
    },
  };
  for (const [name, filter] of Object.entries(filters)) {
    it(`in a configuration, ${name}: never on the wire`, async () => {
      const backendRefs = 'requestRedirect' in filter ? {} : { backendRefs: to() };
      const injected = await startWire({ routes: { all: { rules: [{ filters: [filter], ...backendRefs }] } } }).catch(
        (error: Error) => error,
      );
      // A value that an API server refuses never gets so far.
      if (injected instanceof Error) return assert.match(injected.message, /Invalid|Refused|Broken/);
      const client = await injected.connect();
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await client.answer();
      assert.ok(!/^(Injected|X: y)/im.test(client.received) && !/^(Injected|X: y)/im.test(injected.backend.received));
      assert.deepEqual(injected.backend.faults, []);
      client.close();
      injected.close();
    });
  }
});
