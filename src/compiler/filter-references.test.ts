/** Filters that refer to objects: what an edit of these touches, and mistakes that only come past older definitions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { GatewayConfig } from '../contract/gateway-config.ts';
import { nameOf, resourceSet, type Resource } from '../model/resources.ts';
import { compile, createCompiler, noFacts, type CompilerOptions, type Compiled } from './compile.ts';

const label: AnyFilterDefinition = {
  type: 'Label',
  spec: { kind: 'Label', plural: 'labels', description: '', schema: { type: 'object' } },
  supportedFeatures: [],
  summary: '',
  compile: (spec: { text?: string }) =>
    spec.text === 'bad' ? { problem: { reason: 'UnsupportedValue', message: 'bad text' } } : { config: spec },
  create: () => ({}),
};
const ask: AnyFilterDefinition = {
  type: 'ExternalAuth',
  spec: 'externalAuth',
  supportedFeatures: [],
  summary: '',
  compile(spec: { ref: unknown }, context) {
    const resolved = context.resolveBackend(spec.ref, 'GRPC');
    return 'problem' in resolved ? resolved : { config: resolved };
  },
  create: () => ({}),
};
const options: CompilerOptions = { filters: [ask, label], policies: [], gatewaysWithoutClass: 'Ours' };

function make(kind: string, name: string, spec: unknown): Resource {
  const metadata = { name, namespace: 'default', generation: 1 };
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec } as unknown as Resource;
}

const labelled = (name: string) => ({
  type: 'ExtensionRef',
  extensionRef: { group: 'headgate.dev', kind: 'Label', name },
});
const asked = (name: string) => ({ type: 'ExternalAuth', externalAuth: { ref: { name, port: 80 } } });

const gateway = (requests: readonly unknown[], protocol = 'HTTP') =>
  make('Gateway', 'gw', {
    gatewayClassName: 'headgate',
    listeners: [
      { name: 'filtered', port: 80, protocol, hostname: 'a.example', filters: { requests } },
      { name: 'plain', port: 81, protocol: 'HTTP' },
    ],
  });
const route = (name: string, ...filters: readonly unknown[]) =>
  make('HTTPRoute', name, {
    parentRefs: [{ name: 'gw' }],
    rules: [{ filters, backendRefs: [{ name: 'v1', port: 80 }] }],
  });
const service = (name: string) => make('Service', name, { ports: [{ port: 80 }] });

/** Kinds that did not change keep their map, as from a source. */
function createStore(...resources: readonly Resource[]) {
  const kinds = new Map<string, ReadonlyMap<string, Resource>>();
  const put = (one: Resource) => kinds.set(one.kind, new Map(kinds.get(one.kind)).set(nameOf(one), one));
  for (const resource of resources) put(resource);
  return {
    put,
    drop(kind: string, name: string) {
      const map = new Map(kinds.get(kind));
      map.delete(`default/${name}`);
      kinds.set(kind, map);
    },
    set: () => resourceSet(new Map(kinds)),
  };
}

const plain = (config: GatewayConfig): unknown => structuredClone({ ...config });

/** Of the first listener. */
function listenerConditions({ statuses }: Compiled): Record<string, string> {
  const status = statuses.get('Gateway/default/gw');
  assert.ok(status && 'listeners' in status);
  const conditions = status.listeners?.[0]?.conditions ?? [];
  return Object.fromEntries(conditions.map(({ type, reason, message }) => [type, `${reason}: ${message}`]));
}

test('an edit of an object touches the routes and listeners that name it, and no others', () => {
  const store = createStore(
    gateway([labelled('edge')]),
    service('v1'),
    route('one', labelled('one')),
    route('two', labelled('two')),
    ...['edge', 'one', 'two'].map((name) => make('Label', name, { text: name })),
  );
  const compiler = createCompiler(options);
  const first = compiler(store.set(), noFacts).config;
  assert.deepEqual(first.filters['Gateway/default/gw/filtered/filters/0'], { type: 'Label', config: { text: 'edge' } });
  store.put(make('Label', 'one', { text: 'new' }));
  const second = compiler(store.set(), noFacts).config;
  const changed = Object.keys(second.filters).filter((key) => second.filters[key] !== first.filters[key]);
  assert.deepEqual(changed, ['HTTPRoute/default/one/rules/0/filters/0']);
  assert.equal(second.listeners, first.listeners);
  store.put(make('Label', 'edge', { text: 'new' }));
  const third = compiler(store.set(), noFacts).config;
  assert.deepEqual(third.filters['Gateway/default/gw/filtered/filters/0']?.config, { text: 'new' });
  assert.equal(third.rules, second.rules);
});

test('after any sequence of edits the result is that of a fresh compiler', () => {
  let seed = 7;
  const pick = (count: number) => (seed = (seed * 16_807) % 2_147_483_647) % count;
  const filter = () => (pick(2) === 0 ? labelled(`l${pick(3)}`) : asked(`v${pick(3)}`));
  const store = createStore(gateway([labelled('l0')]), service('v1'));
  const compiler = createCompiler(options);
  for (let step = 0; step < 150; step++) {
    const edit = pick(7);
    if (edit === 0) store.put(gateway(Array.from({ length: pick(3) }, filter)));
    else if (edit === 1) store.put(route(`r${pick(3)}`, filter()));
    else if (edit === 2) store.put(make('Label', `l${pick(3)}`, { text: ['a', 'b', 'bad'][pick(3)] }));
    else if (edit === 3) store.put(service(`v${pick(3)}`));
    else store.drop(['HTTPRoute', 'Label', 'Service'][edit - 4]!, `${['r', 'l', 'v'][edit - 4]}${pick(3)}`);
    const result = compiler(store.set(), noFacts);
    const fresh = compile(store.set(), options);
    assert.deepEqual(plain(result.config), plain(fresh.config), `step ${step}`);
    assert.deepEqual(new Map(result.statuses), new Map(fresh.statuses), `step ${step}`);
  }
});

test('a listener takes no other filters, and none at all where requests are not seen', () => {
  const resources = [service('v1'), route('one'), make('Label', 'bad', { text: 'bad' })];
  const judge = (...given: Parameters<typeof gateway>) => {
    const compiled = compile(createStore(gateway(...given), ...resources).set(), options);
    assert.deepEqual(Object.keys(compiled.config.listeners), ['Gateway/default/gw/plain']);
    return listenerConditions(compiled)['Accepted'] ?? '';
  };
  const mirror = judge([{ type: 'RequestMirror', requestMirror: {} }]);
  assert.match(
    mirror,
    /^UnsupportedValue: filters.requests\[0\]: filter type RequestMirror is not supported on listeners/,
  );
  assert.match(
    judge([labelled('l')], 'TCP'),
    /^InvalidListenerFilter: filters.requests needs a listener of protocol HTTP or/,
  );
  assert.match(judge([asked('v1'), labelled('bad')]), /^InvalidListenerFilter: filters.requests\[1\]: bad text/);
});

test('a gRPC server that filters ask has a backend of its own, over HTTP/2', () => {
  const compiled = compile(createStore(gateway([asked('v1')]), service('v1'), route('one')).set(), options);
  const protocols = Object.entries(compiled.config.backends).map(([key, { protocol }]) => [key, protocol]);
  assert.deepEqual(Object.fromEntries(protocols), {
    'Service/default/v1/80': 'http1',
    'Service/default/v1/80/grpc': 'h2c',
  });
});
