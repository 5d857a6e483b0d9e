/** What the compiler remembers: after any edits it says what a fresh one says, and what an edit does not touch keeps its object. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffConfig, patchConfig } from '../contract/config-diff.ts';
import { emptyConfig } from '../contract/gateway-config.ts';
import type { ListenerProblem } from '../contract/messages.ts';
import { nameOf, resourceSet, type Resource, type ResourceSet } from '../model/resources.ts';
import { compile, createCompiler, noFacts, type CompilerOptions, type ResourceStatus } from './compile.ts';

const options: CompilerOptions = { filters: [], policies: [], gatewaysWithoutClass: 'Ours' };
const api = 'gateway.networking.k8s.io/v1';

/** Resources that can be edited as a source does it: a kind that did not change keeps its map. */
function createStore(...resources: readonly Resource[]) {
  let kinds = new Map<string, ReadonlyMap<string, Resource>>();
  const put = (resource: Resource) => {
    const map = new Map(kinds.get(resource.kind)).set(nameOf(resource), resource);
    kinds = new Map(kinds).set(resource.kind, map);
  };
  for (const resource of resources) put(resource);
  return {
    put,
    drop(kind: string, name: string) {
      const map = new Map(kinds.get(kind));
      map.delete(name);
      kinds = new Map(kinds).set(kind, map);
    },
    set: (): ResourceSet => resourceSet(kinds),
  };
}

function make(kind: string, name: string, spec: unknown, generation = 1): Resource {
  const metadata = { name, namespace: 'default', generation };
  return { apiVersion: api, kind, metadata, spec } as unknown as Resource;
}

function gateway(...hostnames: readonly string[]): Resource {
  const listeners = hostnames.map((hostname, i) => ({ name: `l${i}`, port: 80, protocol: 'HTTP', hostname }));
  return make('Gateway', 'gw', { gatewayClassName: 'headgate', listeners });
}

function route(name: string, path: string, more: { service?: string; hostnames?: readonly string[] } = {}): Resource {
  const backendRefs = [{ name: more.service ?? 'v1', port: 80 }];
  const type = path.includes('*') ? 'RegularExpression' : 'PathPrefix';
  const rules = [{ matches: [{ path: { type, value: path } }], backendRefs }];
  return make('HTTPRoute', name, { parentRefs: [{ name: 'gw' }], hostnames: more.hostnames, rules });
}

/** Listeners for requests and for connections. */
function gatewayOfAll(...hostnames: readonly string[]): Resource {
  const listeners = hostnames.flatMap((hostname, i) => [
    { name: `l${i}`, port: 80, protocol: 'HTTP', hostname },
    { name: `tls${i}`, port: 443, protocol: 'TLS', hostname, tls: { mode: 'Passthrough' } },
  ]);
  const tcp = { name: 'tcp', port: 9000, protocol: 'TCP' };
  return make('Gateway', 'gw', { gatewayClassName: 'headgate', listeners: [...listeners, tcp] });
}

/** A route of connections. */
function tcpRoute(
  kind: 'TCPRoute' | 'TLSRoute',
  name: string,
  more: { service: string; hostnames?: readonly string[] },
) {
  const rules = [{ backendRefs: [{ name: more.service, port: 80 }] }];
  return make(kind, name, { parentRefs: [{ name: 'gw' }], hostnames: more.hostnames, rules });
}

const service = (name: string): Resource => make('Service', name, { ports: [{ port: 80 }] });

/** Always the same numbers in [0, 1). */
function createDice(): () => number {
  let seed = 42;
  return () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
}

test('after any sequence of edits the result is that of a fresh compiler', () => {
  const dice = createDice();
  const pick = (count: number) => Math.floor(dice() * count);
  const hosts = ['a.example.com', '*.example.com', 'b.example.com', 'other.org'];
  const paths = ['/', '/p', '/p/q', '/pq', '/p/.*', '/.*'];
  const store = createStore(gatewayOfAll('a.example.com', '*.example.com'), service('v0'), service('v1'));
  const compiler = createCompiler(options);
  let published = emptyConfig;
  for (let step = 0; step < 600; step++) {
    const name = `r${pick(12)}`;
    const dies = pick(18);
    if (dies < 7) {
      const hostnames = pick(3) === 0 ? undefined : [hosts[pick(4)] ?? '', hosts[pick(4)] ?? ''];
      store.put(route(name, paths[pick(6)] ?? '', { service: `v${pick(3)}`, hostnames }));
    } else if (dies < 9) store.drop('HTTPRoute', `default/${name}`);
    else if (dies === 9) store.put(service(`v${pick(3)}`));
    else if (dies === 10) store.drop('Service', `default/v${pick(3)}`);
    else if (dies === 11) store.put(gatewayOfAll(...hosts.slice(0, 1 + pick(4))));
    else if (dies < 14) store.put(tcpRoute('TCPRoute', `r${pick(3)}`, { service: `v${pick(3)}` }));
    else if (dies === 14) store.drop('TCPRoute', `default/r${pick(3)}`);
    else if (dies < 17) {
      const hostnames = [hosts[pick(4)] ?? '', hosts[pick(4)] ?? ''];
      store.put(tcpRoute('TLSRoute', name, { service: `v${pick(3)}`, hostnames }));
    } else store.drop('TLSRoute', `default/${name}`);
    const result = compiler(store.set(), noFacts);
    const fresh = compile(store.set(), options);
    assert.deepEqual(plain(result.config), plain(fresh.config), `step ${step}`);
    assert.deepEqual(new Map(result.statuses), new Map(fresh.statuses), `step ${step}`);
    // What the patches add up to is what the compiler says.
    const patch = diffConfig(published, result.config);
    published = patch ? patchConfig(published, patch) : published;
    if (step % 20 === 0) assert.deepEqual(plain(published), plain(fresh.config), `published at step ${step}`);
  }
});

/** Sorted by key, since tables have no order. */
function plain(config: object): unknown {
  return Object.fromEntries(
    Object.entries(config).map(([name, table]) => [name, new Map(Object.entries(table as object).toSorted(byKey))]),
  );
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

test('an edit that says the same changes nothing, down to the object', () => {
  const store = createStore(gateway('a.example.com'), service('v1'), route('r', '/a'), route('s', '/b'));
  const compiler = createCompiler(options);
  const before = compiler(store.set(), noFacts);
  store.put(route('r', '/a'));
  store.put(gateway('a.example.com'));
  const after = compiler(store.set(), noFacts);
  assert.equal(after.config, before.config);
  for (const [key, status] of after.statuses) assert.equal(status, before.statuses.get(key), key);
});

test('one changed route touches its own entries and status only', () => {
  const routes = Array.from({ length: 20 }, (_, i) =>
    route(`r${i}`, `/p${i}`, { hostnames: [`h${i % 4}.example.com`] }),
  );
  const store = createStore(gateway('*.example.com'), service('v1'), service('v2'), ...routes);
  const compiler = createCompiler(options);
  const before = compiler(store.set(), noFacts);
  store.put(route('r7', '/new', { hostnames: ['h3.example.com'], service: 'v2' }));
  const after = compiler(store.set(), noFacts);
  const patch = diffConfig(before.config, after.config);
  assert.deepEqual(Object.keys(patch?.rules ?? {}), ['HTTPRoute/default/r7/rules/0']);
  const table = 'Gateway/default/gw/l0/h3.example.com/h3.example.com';
  assert.deepEqual(Object.keys(patch?.paths ?? {}), [`${table} PathPrefix /p7`, `${table} PathPrefix /new`]);
  assert.deepEqual(Object.keys(patch?.backends ?? {}), ['Service/default/v2/80']);
  assert.equal(patch?.routes, undefined);
  assert.equal(after.config.rules['HTTPRoute/default/r3/rules/0'], before.config.rules['HTTPRoute/default/r3/rules/0']);
  assert.equal(after.statuses.get('HTTPRoute/default/r3'), before.statuses.get('HTTPRoute/default/r3'));
});

interface Conditioned {
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

function programmedText({ conditions }: Conditioned): string | undefined {
  return conditions.filter((one) => one.type === 'Programmed').map((one) => `${one.status} ${one.reason}`)[0];
}

function programmed(status: ResourceStatus | undefined): unknown {
  assert.ok(status && 'listeners' in status);
  return { gateway: programmedText(status), listeners: status.listeners.map(programmedText) };
}

function problem(i: number, reason: string): ListenerProblem {
  return { listener: `Gateway/default/gw/l${i}`, reason, message: 'why' };
}

test('Programmed follows what the proxies say', () => {
  const store = createStore(gateway('a.example.com', 'b.example.com'));
  const compiler = createCompiler(options);
  const at = (problems: readonly ListenerProblem[] | null) => {
    const facts = { acknowledged: problems && { problems }, defaultAddresses: ['127.0.0.1'] };
    return programmed(compiler(store.set(), facts).statuses.get('Gateway/default/gw'));
  };
  assert.deepEqual(at(null), { gateway: 'Unknown Pending', listeners: ['Unknown Pending', 'Unknown Pending'] });
  assert.deepEqual(at([]), { gateway: 'True Programmed', listeners: ['True Programmed', 'True Programmed'] });
  assert.deepEqual(at([problem(0, 'AddressInUse')]), {
    gateway: 'True Programmed',
    listeners: ['False PortUnavailable', 'True Programmed'],
  });
  assert.deepEqual(at([problem(0, 'PermissionDenied'), problem(1, 'PermissionDenied')]), {
    gateway: 'False PortUnavailable',
    listeners: ['False PortUnavailable', 'False PortUnavailable'],
  });
  assert.deepEqual(at([problem(0, 'AddressNotAvailable')]), {
    gateway: 'False AddressNotUsable',
    listeners: ['False AddressNotUsable', 'True Programmed'],
  });
});

test('where no proxy is left nothing is programmed, in the words of each object', () => {
  const store = createStore(
    make('Gateway', 'gw', {
      gatewayClassName: 'headgate',
      allowedListeners: { namespaces: { from: 'Same' } },
      listeners: [{ name: 'l0', port: 80, protocol: 'HTTP' }],
    }),
    make('ListenerSet', 'more', {
      parentRef: { name: 'gw' },
      listeners: [{ name: 'l0', port: 81, protocol: 'HTTP' }],
    }),
  );
  const facts = {
    acknowledged: {
      problems: [
        problem(0, 'NoProxy'),
        { listener: 'ListenerSet/default/more/l0', reason: 'NoProxy', message: 'start one' },
      ],
    },
    defaultAddresses: ['127.0.0.1'],
  };
  const { statuses } = createCompiler(options)(store.set(), facts);
  assert.deepEqual(programmed(statuses.get('Gateway/default/gw')), {
    gateway: 'False NoResources',
    listeners: ['False Pending'],
  });
  assert.deepEqual(programmed(statuses.get('ListenerSet/default/more')), {
    gateway: 'False ParentNotProgrammed',
    listeners: ['False Pending'],
  });
});

test('where the oldest route of a listener goes, the next one has the connections and is told so', () => {
  const old = tcpRoute('TCPRoute', 'a', { service: 'v1' });
  const store = createStore(gatewayOfAll(), service('v1'), old, tcpRoute('TCPRoute', 'b', { service: 'v1' }));
  const compiler = createCompiler(options);
  const takerOf = ({ config }: ReturnType<typeof compile>) => config.connections['Gateway/default/gw/tcp/*']?.rule;
  const isTold = ({ statuses }: ReturnType<typeof compile>) =>
    JSON.stringify(statuses.get('TCPRoute/default/b')).includes('Shadowed');
  const both = compiler(store.set(), noFacts);
  assert.equal(takerOf(both), 'TCPRoute/default/a/rules/0');
  assert.equal(isTold(both), true);
  store.drop('TCPRoute', 'default/a');
  const one = compiler(store.set(), noFacts);
  assert.equal(takerOf(one), 'TCPRoute/default/b/rules/0');
  assert.equal(isTold(one), false);
  const patch = diffConfig(both.config, one.config);
  assert.deepEqual(Object.keys(patch ?? {}).toSorted(), ['connections', 'routes', 'rules']);
});
