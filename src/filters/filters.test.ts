import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../contract/exchange.ts';
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { Headers } from '../contract/headers.ts';
import { cors } from './cors/cors.ts';
import { requestHeaderModifier } from './request-header-modifier/request-header-modifier.ts';
import { requestMirror } from './request-mirror/request-mirror.ts';
import { requestRedirect } from './request-redirect/request-redirect.ts';
import { urlRewrite } from './url-rewrite/url-rewrite.ts';

function headersOf(initial: Readonly<Record<string, string>> = {}): Headers {
  let list = Object.entries(initial).map(([name, value]) => [name.toLowerCase(), value] as const);
  const getAll = (name: string) => list.filter(([known]) => known === name.toLowerCase()).map(([, value]) => value);
  const remove = (name: string) => {
    list = list.filter(([known]) => known !== name.toLowerCase());
  };
  const add = (name: string, value: string) => void list.push([name.toLowerCase(), value]);
  return {
    get: (name) => (getAll(name).length === 0 ? undefined : getAll(name).join(', ')),
    getAll,
    has: (name) => getAll(name).length > 0,
    set: (name, value) => (remove(name), add(name, value)),
    add,
    remove,
    entries: () => list,
  };
}

interface Given {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly pathPrefix?: string;
  readonly port?: number;
  readonly scheme?: string;
}

function exchangeOf({ method = 'GET', target = '/', headers, pathPrefix, port = 80, scheme = 'http' }: Given = {}) {
  const mirrored: string[] = [];
  const exchange: Exchange = {
    request: {
      method,
      scheme,
      authority: 'a.com',
      host: 'a.com',
      target,
      headers: headersOf(headers),
      takesTrailers: false,
    },
    response: { status: 200, headers: headersOf() },
    match: { pathPrefix, listenerPort: port, listenerProtocol: 'HTTP' },
    clientAddress: '192.0.2.1',
    mirror: (backend) => void mirrored.push(backend),
    transformRequest: () => {},
    transformResponse: () => {},
    call: async () => ({ failure: 'NoBackend' }),
    readBody: async () => null,
  };
  return { exchange, mirrored };
}

const context = { resolveBackend: () => ({ backend: 'b' }) };

function filterOf(definition: AnyFilterDefinition, spec: unknown, random = 0) {
  const result = definition.compile(spec, context);
  assert.ok('config' in result, JSON.stringify(result));
  // Through JSON, as the channel takes it.
  return definition.create(JSON.parse(JSON.stringify(result.config)), { random: () => random, now: () => 0 });
}

test('prefixes are replaced by whole segments', () => {
  const rows = [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo?q', '/foo', '/', '/?q'],
    ['/a', '/', '/xyz', '/xyz/a'],
    ['/foox', '/foo', '/y', '/foox'],
  ] as const;
  for (const [target, pathPrefix, replacePrefixMatch, expected] of rows) {
    const { exchange } = exchangeOf({ target, pathPrefix });
    const path = { type: 'ReplacePrefixMatch', replacePrefixMatch };
    void filterOf(urlRewrite, { path }).onRequest?.(exchange);
    assert.equal(exchange.request.target, expected, `${target} ${replacePrefixMatch}`);
  }
});

test('redirections derive the port as the API says', () => {
  const rows = [
    [{ hostname: 'b.com' }, { port: 80 }, 'http://b.com/p?q'],
    [{ hostname: 'b.com' }, { port: 8080 }, 'http://b.com:8080/p?q'],
    [{ scheme: 'https' }, { port: 8080 }, 'https://a.com/p?q'],
    [{ scheme: 'http', port: 8080 }, { port: 443, scheme: 'https' }, 'http://a.com:8080/p?q'],
    [{ scheme: 'https', port: 443 }, { port: 80 }, 'https://a.com/p?q'],
    [{ port: 80 }, { port: 8080 }, 'http://a.com/p?q'],
    [{ path: { type: 'ReplaceFullPath', replaceFullPath: '/x' } }, { port: 80 }, 'http://a.com/x?q'],
  ] as const;
  for (const [spec, given, expected] of rows) {
    const reply = filterOf(requestRedirect, spec).onRequest?.(exchangeOf({ target: '/p?q', ...given }).exchange);
    assert.ok(reply && 'headers' in reply && reply.status === 302);
    assert.deepEqual(reply.headers, [['Location', expected]]);
  }
});

test('values that would begin a line, and fields of the connection, are refused', () => {
  for (const spec of [
    { set: [{ name: 'x', value: 'a\r\ny: z' }] },
    { add: [{ name: 'x y', value: 'a' }] },
    { set: [{ name: 'Host', value: 'b.com' }] },
    { remove: ['Transfer-Encoding'] },
  ]) {
    assert.ok('problem' in requestHeaderModifier.compile(spec, context));
  }
  assert.ok('problem' in urlRewrite.compile({ path: { type: 'ReplaceFullPath', replaceFullPath: '/a%2fb' } }, context));
});

test('of two entries with one name the first counts', () => {
  const { exchange } = exchangeOf({ headers: { a: '1', gone: '1' } });
  const set = [
    { name: 'X', value: 'é' },
    { name: 'x', value: '2' },
  ];
  void filterOf(requestHeaderModifier, { set, add: [{ name: 'a', value: '2' }], remove: ['Gone'] }).onRequest?.(
    exchange,
  );
  const all = [...exchange.request.headers.entries()];
  assert.deepEqual(all, [
    ['a', '1'],
    ['x', 'Ã©'],
    ['a', '2'],
  ]);
});

test('a mirror takes its share', () => {
  const cases = [
    [{}, 0.99, 1],
    [{ percent: 0 }, 0, 0],
    [{ percent: 20 }, 0.19, 1],
    [{ percent: 20 }, 0.2, 0],
  ] as const;
  for (const [spec, random, count] of [...cases, [{ fraction: { numerator: 1, denominator: 2 } }, 0.5, 0] as const]) {
    const { exchange, mirrored } = exchangeOf();
    void filterOf(requestMirror, spec, random).onRequest?.(exchange);
    assert.equal(mirrored.length, count);
  }
});

const asks = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a, x-b' };

function preflight(spec: object, origin: string): Readonly<Record<string, string>> {
  const { exchange } = exchangeOf({ method: 'OPTIONS', headers: { origin, ...asks } });
  const reply = filterOf(cors, spec).onRequest?.(exchange);
  assert.ok(reply && 'headers' in reply && reply.status === 200);
  return Object.fromEntries(reply.headers ?? []);
}

test('a preflight is answered for allowed origins only', () => {
  const spec = {
    allowOrigins: ['https://www.foo.com', 'https://*.bar.com'],
    allowMethods: ['GET', 'PUT'],
    allowCredentials: true,
  };
  const allowed = preflight(spec, 'https://a.b.bar.com');
  assert.equal(allowed['Access-Control-Allow-Origin'], 'https://a.b.bar.com');
  assert.equal(allowed['Access-Control-Allow-Methods'], 'GET, PUT');
  assert.equal(allowed['Access-Control-Allow-Credentials'], 'true');
  assert.equal(allowed['Access-Control-Max-Age'], '5');
  assert.equal(preflight(spec, 'https://www.foo.com:443')['Access-Control-Allow-Origin'], 'https://www.foo.com:443');
  for (const origin of [
    'https://bar.com',
    'https://xbar.com',
    'http://a.bar.com',
    'https://a.bar.com:8443',
    'null',
    'https://a.bar.com.evil.com',
    'https://evil.com/.bar.com',
    'https://wwwxfoo.com',
  ]) {
    const names = Object.keys(preflight(spec, origin));
    assert.deepEqual(names, ['Vary'], origin);
  }
});

test('wildcards name what was asked for; the nameless origin never gets credentials', () => {
  const spec = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true };
  const named = preflight(spec, 'https://a.com:1234');
  assert.equal(named['Access-Control-Allow-Origin'], 'https://a.com:1234');
  assert.equal(named['Access-Control-Allow-Methods'], 'PUT');
  assert.equal(named['Access-Control-Allow-Headers'], 'x-a, x-b');
  assert.equal(preflight(spec, 'null')['Access-Control-Allow-Credentials'], undefined);
  assert.equal(preflight({ ...spec, allowCredentials: false }, 'https://a.com')['Access-Control-Allow-Origin'], '*');
});

test('a response says which origin may read it, whatever the backend said', () => {
  const { exchange } = exchangeOf({ headers: { origin: 'https://evil.com' } });
  exchange.response.headers.set('access-control-allow-origin', '*');
  filterOf(cors, { allowOrigins: ['https://foo.com'] }).onResponse?.(exchange);
  assert.equal(exchange.response.headers.has('access-control-allow-origin'), false);
  assert.equal(exchange.response.headers.get('vary'), 'Origin');
});
