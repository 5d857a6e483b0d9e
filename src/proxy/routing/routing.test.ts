import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import {
  emptyConfig,
  type GatewayConfig,
  type HostnameConfig,
  type MatchConfig,
} from '../../contract/gateway-config.ts';
import { normaliseTarget } from '../../lib/canonical-target.ts';
import { Field, FieldList } from '../http/fields.ts';
import type { MatchInput, Snapshot } from '../runtime.ts';
import { compareHostnames } from './hostname-table.ts';
import { compilePattern } from './pattern.ts';
import { translatePattern } from './pattern-translation.ts';
import { parseAuthority } from './request-target.ts';
import { selectListener, selectSecureListener } from './select-listener.ts';
import { buildSnapshot } from './snapshot.ts';

const origin = { kind: 'HTTPRoute', namespace: 'n', name: 'r' };

function configOf(hostnames: readonly HostnameConfig[], listenerHostnames: readonly string[] = ['']): GatewayConfig {
  const listeners: Record<string, GatewayConfig['listeners'][string]> = {};
  for (const [i, hostname] of listenerHostnames.entries()) {
    listeners[`l${i}`] = { origin, gateway: 'g', protocol: 'HTTP', addresses: [], port: 80, hostname };
  }
  const rules: Record<string, GatewayConfig['rules'][string]> = {};
  for (const { matches } of hostnames) {
    for (const { rule } of matches) rules[rule] = { route: 'r', origin, filters: [], backends: [] };
  }
  const table = Object.fromEntries(hostnames.map((hostname, i) => [`h${i}`, hostname]));
  return { ...emptyConfig, listeners, hostnames: table, rules, routes: { r: { origin } } };
}

function snapshotOf(config: GatewayConfig, previous: Snapshot | null = null): Snapshot {
  const filterContext = { random: () => 0, now: () => 0 };
  return buildSnapshot({ previous, config, version: 1, filterDefinitions: [], backendOf: () => null, filterContext });
}

function requestOf(over: Partial<MatchInput>): MatchInput {
  return { host: 'a.com', method: 'GET', path: '/', query: '', headers: new FieldList(), ...over };
}

const segments = fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 });
const pathOf = segments.map((list) => `/${list.join('/')}`);
const host = fc.constantFrom('a.com', 'x.a.com', 'y.x.a.com', 'b.com');
const hostname = fc.constantFrom('', 'a.com', '*.a.com', '*.x.a.com', '*.com', 'x.a.com');
const match = fc.record(
  {
    path: fc.oneof(
      fc.record({ type: fc.constantFrom('Exact' as const, 'PathPrefix' as const), value: pathOf }),
      fc.record({
        type: fc.constant('RegularExpression' as const),
        value: fc.constantFrom('/a.*', '/(a|b)', '/[ab]+/b'),
      }),
    ),
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.constant([{ name: 'x', type: 'Exact' as const, value: '1' }]),
    query: fc.constant([{ name: 'q', type: 'Exact' as const, value: '1 2' }]),
    isGrpc: fc.constant(true as const),
  },
  { requiredKeys: ['path'] },
);

function naivePath({ type, value }: MatchConfig['path'], path: string): boolean {
  if (type === 'Exact') return path === value;
  if (type === 'RegularExpression') return new RegExp(`^(?:${value})$`).test(path);
  const wanted = value.split('/').filter((segment) => segment !== '');
  const given = path.split('/').slice(1);
  return wanted.every((segment, i) => given[i] === segment);
}

function naiveHost(wanted: string, given: string): boolean {
  if (wanted === '') return true;
  return wanted.startsWith('*.') ? given.endsWith(wanted.slice(1)) && given.length >= wanted.length : wanted === given;
}

function naive(tables: readonly HostnameConfig[], request: MatchInput): string | null {
  const ordered = tables.toSorted((a, b) => compareHostnames(a.hostname, b.hostname) || compareHostnames(a.own, b.own));
  for (const table of ordered) {
    if (!naiveHost(table.hostname, request.host)) continue;
    for (const one of table.matches) {
      const fits =
        naivePath(one.path, request.path) &&
        (one.method === undefined || one.method === request.method) &&
        (one.isGrpc === undefined || /^application\/grpc/i.test(request.headers.get('content-type') ?? '')) &&
        (one.headers === undefined || request.headers.get('x') === '1') &&
        (one.query === undefined || new URLSearchParams(request.query).get('q') === '1 2');
      if (fits) return one.rule;
    }
  }
  return null;
}

test('the router agrees with a walk over the list', () => {
  const table = fc.record({ hostname, own: hostname, matches: fc.array(match, { maxLength: 8 }) });
  const request = fc.record({
    host,
    path: fc.tuple(pathOf, fc.constantFrom('', '/')).map(([path, end]) => (path === '/' ? path : path + end)),
    method: fc.constantFrom('GET', 'POST'),
    query: fc.constantFrom('', 'q=1+2', 'q=1%202&q=3', 'q=3&q=1+2', '%71=1+2', 'qq=1+2'),
    headers: fc.constantFrom(undefined, '1', '2'),
    type: fc.constantFrom(
      undefined,
      'text/plain',
      'application/grpc',
      'Application/GRPC+proto',
      'application/grpc-web',
    ),
  });
  const drawn = fc.tuple(
    fc.uniqueArray(table, { maxLength: 6, selector: (one) => `${one.hostname} ${one.own}` }),
    fc.array(request, { minLength: 5, maxLength: 20 }),
  );
  fc.assert(
    fc.property(drawn, ([tables, requests]) => {
      const hostnames = tables.map((one, i) => ({
        ...one,
        listener: 'l0',
        matches: one.matches.map((each, j) => ({ ...each, rule: `${i}/${j}` })),
      }));
      const router = snapshotOf(configOf(hostnames)).listeners.get('l0')!;
      for (const { headers, type, ...rest } of requests) {
        const fields = new FieldList([
          ...(headers === undefined ? [] : [new Field('x', headers)]),
          ...(type === undefined ? [] : [new Field('content-type', type)]),
        ]);
        const input = requestOf({ ...rest, headers: fields });
        assert.equal(router.match(input)?.rule.key ?? null, naive(hostnames, input));
      }
    }),
    { numRuns: 500 },
  );
});

test('a second header field does not hide behind the first', () => {
  const headers = [{ name: 'x', type: 'Exact', value: '1' }] as const;
  const config = configOf([
    {
      listener: 'l0',
      hostname: '',
      own: '',
      matches: [{ rule: 'r', path: { type: 'PathPrefix', value: '/' }, headers }],
    },
  ]);
  const router = snapshotOf(config).listeners.get('l0')!;
  assert.ok(router.match(requestOf({ headers: new FieldList([new Field('x', '1')]) })));
  assert.equal(router.match(requestOf({ headers: new FieldList([new Field('x', '1'), new Field('x', '2')]) })), null);
});

test('a changed rule is replaced, and only it', () => {
  const path = { type: 'PathPrefix', value: '/' } as const;
  const config = configOf([
    { listener: 'l0', hostname: 'a.com', own: 'a.com', matches: [{ rule: 'one', path }] },
    { listener: 'l0', hostname: 'b.com', own: 'b.com', matches: [{ rule: 'two', path }] },
  ]);
  const before = snapshotOf(config);
  const changed = { ...config.rules['one']!, requestTimeoutMs: 5 };
  const after = snapshotOf({ ...config, rules: { ...config.rules, one: changed } }, before);
  const ruleOf = (snapshot: Snapshot, of: string) => snapshot.listeners.get('l0')!.match(requestOf({ host: of }))!.rule;
  assert.equal(ruleOf(after, 'a.com').config, changed);
  assert.equal(ruleOf(before, 'a.com').config, config.rules['one']);
  assert.equal(ruleOf(after, 'b.com'), ruleOf(before, 'b.com'));
  assert.equal(snapshotOf({ ...config }, before).listeners, before.listeners);
});

test('the most specific listener takes a host; another one than the server name chose is misdirected', () => {
  const { listeners } = snapshotOf(configOf([], ['', '*.a.com', 'x.a.com', '*.x.a.com']));
  const list = [...listeners.values()];
  const keyOf = (of: string) => selectListener(list, of)?.key;
  assert.deepEqual(['z.com', 'y.a.com', 'x.a.com', 'p.q.x.a.com', 'a.com'].map(keyOf), ['l0', 'l1', 'l2', 'l3', 'l0']);
  assert.equal(selectSecureListener(list, 'x.a.com', 'y.a.com'), 'Misdirected');
  assert.equal(selectSecureListener(list, 'y.a.com', 'z.a.com'), list[1]);
  assert.equal(selectSecureListener(list, '', 'x.a.com'), 'Misdirected');
  assert.equal(selectSecureListener(list.slice(1), 'x.a.com', 'z.com'), null);
});

test('translated expressions mean what RE2 means by them', () => {
  const atom = fc.constantFrom('a', '/', '.', '\\.', '\\d', '\\w', '[a-c]', '[^/]', '[0-9-]', '-', '$', '[.]', '(a|b)');
  const item = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}')).map((parts) => parts.join(''));
  const source = fc.array(item, { maxLength: 6 }).map((items) => items.join(''));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '1', '-', '\n', '\r', '\u2028', '😀', '$') });
  let translated = 0;
  fc.assert(
    fc.property(source, fc.array(text, { minLength: 5 }), (pattern, texts) => {
      const fast = translatePattern(pattern);
      if (fast === null) return;
      translated++;
      const linear = RE2JS.compile(pattern);
      for (const one of texts)
        assert.equal(fast.test(one), linear.testExact(one), `${pattern} on ${JSON.stringify(one)}`);
    }),
    { numRuns: 3000 },
  );
  assert.ok(translated > 300);
});

test('no expression takes more than linear time', () => {
  const text = `${'a'.repeat(20_000)}!`;
  for (const source of ['(a+)+', '(a|a)*', 'a*a*a*a*b', '.*.*.*=', '[a-z]+[a-z]+']) {
    const start = performance.now();
    assert.equal(compilePattern(source)(text), false);
    assert.ok(performance.now() - start < 1000, source);
  }
});

test('authorities lose port, case and trailing dot', () => {
  assert.deepEqual(parseAuthority('A.com.:8080'), { host: 'a.com', port: 8080 });
  assert.deepEqual(parseAuthority('[::1]'), { host: '[::1]', port: 0 });
  assert.deepEqual(parseAuthority('[::1]:80'), { host: '[::1]', port: 80 });
});

test('targets have one form', () => {
  const forms: readonly (readonly [string, string | null])[] = [
    ['/a/../b', '/b'],
    ['/%2e%2E/x', '/x'],
    ['/a//b', '/a/b'],
    ['/a/.', '/a/'],
    ['/a/..', '/'],
    ['/..', '/'],
    ['/%7ea%c3%a9', '/~a%C3%A9'],
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/a?x=//../%zz', '/a?x=//../%zz'],
    ['/%252e', '/%252e'],
    ['*', '*'],
    ['/..;x/', null],
    ['/a%2fb', null],
    ['/a%5Cb', null],
    ['/a\\b', null],
    ['/a%00', null],
    ['/a#b', null],
    ['/a?#b', null],
    ['/a%zz', null],
    ['/a%4', null],
    ['/a\tb', null],
    ['', null],
    ['a', null],
    ['/\u00e9', null],
  ];
  for (const [target, form] of forms) assert.equal(normaliseTarget(target), form, target);
});

test('the form of a form is itself, and it has neither dot segments nor empty ones', () => {
  const target = fc
    .array(fc.constantFrom('/', '.', '%2e', '%2E', 'a', ';', '%3b', '%25', '?', '%C3%a9'))
    .map((list) => `/${list.join('')}`);
  fc.assert(
    fc.property(target, (one) => {
      const form = normaliseTarget(one);
      if (form === null) return;
      assert.equal(normaliseTarget(form), form);
      assert.doesNotMatch(form.split('?')[0]!, /\/\/|\/\.{1,2}(?:[/;]|$)/);
    }),
    { numRuns: 2000 },
  );
});
