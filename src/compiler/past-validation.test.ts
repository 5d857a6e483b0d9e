/** What the newest CRDs refuse may still come, past older ones: each mistake ends in a condition, and harms nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../model/conditions.ts';
import { nameOf, resourceSet, type Resource } from '../model/resources.ts';
import { compile, noFacts, type Compiled } from './compile.ts';

const redirect = { type: 'RequestRedirect', spec: 'requestRedirect' };
const rewrite = { type: 'URLRewrite', spec: 'urlRewrite' };
const filters = [redirect, rewrite].map((one) => ({
  ...one,
  supportedFeatures: [],
  summary: '',
  compile: (spec: unknown) => ({ config: spec }),
  create: () => ({}),
}));

function make(kind: string, name: string, spec: unknown): Resource {
  const metadata = { name, namespace: 'default', generation: 1 };
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec } as unknown as Resource;
}

const http = { name: 'http', port: 80, protocol: 'HTTP' };

/** Rules attached to `listeners`, with Service `v1`, port 80. */
function compileRules(rules: readonly unknown[], listeners: readonly unknown[] = [http]): Compiled {
  const resources = [
    make('Gateway', 'gw', { gatewayClassName: 'headgate', listeners }),
    make('HTTPRoute', 'route', { parentRefs: [{ name: 'gw' }], rules }),
    make('Service', 'v1', { ports: [{ port: 80 }] }),
  ];
  const kinds = new Map(resources.map((one) => [one.kind, new Map([[nameOf(one), one]])]));
  return compile(resourceSet(kinds), { filters, policies: [], gatewaysWithoutClass: 'Ours' }, noFacts);
}

function routeConditions({ statuses }: Compiled): ReadonlyMap<string, Condition> {
  const status = statuses.get('HTTPRoute/default/route');
  assert.ok(status && 'parents' in status);
  return new Map(status.parents[0]?.conditions.map((condition) => [condition.type, condition]));
}

const backendRefs = [{ name: 'v1', port: 80 }];
const good = { backendRefs };
const at = (value: string, rest: object) => ({
  matches: [{ path: { type: 'PathPrefix', value } }],
  backendRefs,
  ...rest,
});

test('two listeners that cannot be told apart are both refused; the third is served', () => {
  const same = { port: 80, protocol: 'HTTP', hostname: 'a.example.com' };
  const listeners = [
    { ...same, name: 'a' },
    { ...same, name: 'b' },
    { ...same, name: 'c', hostname: 'c.example.com' },
  ];
  const result = compileRules([good], listeners);
  assert.deepEqual(Object.keys(result.config.listeners), ['Gateway/default/gw/c']);
  const status = result.statuses.get('Gateway/default/gw');
  assert.ok(status && 'listeners' in status);
  for (const listener of status.listeners.slice(0, 2)) {
    const reasons = listener.conditions.filter((one) => one.reason === 'HostnameConflict').map((one) => one.type);
    assert.deepEqual(reasons, ['Accepted', 'Programmed', 'Conflicted']);
  }
  assert.equal(status.conditions[0]?.reason, 'ListenersNotValid');
  assert.equal(status.conditions[0]?.status, 'True');
});

test('redirect and rewrite in one rule: its requests get 500, the other rule works', () => {
  const both = [
    { type: 'RequestRedirect', requestRedirect: {} },
    { type: 'URLRewrite', urlRewrite: {} },
  ];
  const result = compileRules([at('/both', { filters: both }), good]);
  const condition = routeConditions(result).get('PartiallyInvalid');
  assert.equal(condition?.reason, 'IncompatibleFilters');
  assert.match(condition?.message ?? '', /^Dropped Rule rules\[0\]: /);
  const broken = result.config.rules['HTTPRoute/default/route/rules/0'];
  assert.deepEqual(broken?.backends, [{ problem: 'IncompatibleFilters', weight: 1, filters: [] }]);
  assert.deepEqual(broken?.filters, []);
});

test('the same filter twice', () => {
  const twice = { type: 'URLRewrite', urlRewrite: {} };
  const condition = routeConditions(compileRules([{ ...good, filters: [twice, twice] }])).get('Accepted');
  assert.equal(condition?.status, 'False');
  assert.equal(condition?.reason, 'IncompatibleFilters');
});

test('a backendRef without port', () => {
  const condition = routeConditions(compileRules([{ backendRefs: [{ name: 'v1' }] }])).get('ResolvedRefs');
  assert.equal(condition?.reason, 'BackendNotFound');
  assert.match(condition?.message ?? '', /names no port: name one that it has \(80\)/);
});

test('a permanent cookie without a lifetime, and a time-out that is no duration', () => {
  const session = { sessionPersistence: { cookie: { lifetimeType: 'Permanent' } } };
  const result = compileRules([at('/a', session), at('/b', { timeouts: { request: 'soon' } }), good]);
  const message = routeConditions(result).get('PartiallyInvalid')?.message ?? '';
  assert.match(message, /rules\[0\]: .*needs absoluteTimeout/);
  assert.match(message, /rules\[1\]: timeouts\.request: "soon" is no duration/);
});

test('a match of an unknown type drops its rule', () => {
  const odd = { matches: [{ path: { type: 'Fuzzy', value: '/' } }], backendRefs };
  const result = compileRules([odd, at('/good', {})]);
  assert.deepEqual(Object.keys(result.config.rules), ['HTTPRoute/default/route/rules/1']);
  assert.match(routeConditions(result).get('PartiallyInvalid')?.message ?? '', /type Fuzzy is not supported/);
});

test('the session of releases before 1.7 has its name in another place', () => {
  const result = compileRules([{ ...good, sessionPersistence: { type: 'Header', sessionName: 'X-Old' } }]);
  assert.equal(result.config.rules['HTTPRoute/default/route/rules/0']?.sessionPersistence?.sessionName, 'X-Old');
});

test('a route whose two parentRefs meet in one listener is counted once', () => {
  const resources = [
    make('Gateway', 'gw', { gatewayClassName: 'headgate', listeners: [http] }),
    make('HTTPRoute', 'route', { parentRefs: [{ name: 'gw' }, { name: 'gw', port: 80 }], rules: [good] }),
  ];
  const kinds = new Map(resources.map((one) => [one.kind, new Map([[nameOf(one), one]])]));
  const { config, statuses } = compile(resourceSet(kinds), { filters, policies: [], gatewaysWithoutClass: 'Ours' });
  const status = statuses.get('Gateway/default/gw');
  assert.ok(status && 'listeners' in status);
  assert.equal(status.listeners[0]?.attachedRoutes, 1);
  assert.equal(Object.values(config.paths)[0]?.matches.length, 1);
});

test('a cookie path that would end the header or the attribute', () => {
  for (const path of ['/; Domain=other.example', '/\r\nX: y', 'shop']) {
    const session = { sessionPersistence: { cookie: { path } } };
    const condition = routeConditions(compileRules([at('/a', session), good])).get('PartiallyInvalid');
    assert.equal(condition?.reason, 'UnsupportedValue');
    assert.match(condition?.message ?? '', /cookie\.path/);
  }
});
