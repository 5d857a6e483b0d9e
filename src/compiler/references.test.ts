/** What the compiler remembers of policies, ListenerSets and what they refer to: any edit counts, and touches no more than it must. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nameOf, resourceSet, type Resource } from '../model/resources.ts';
import { policyDefinitions } from '../policies/index.ts';
import { compile, createCompiler, noFacts, type CompilerOptions } from './compile.ts';

const options: CompilerOptions = { filters: [], policies: policyDefinitions, gatewaysWithoutClass: 'Ours' };
const pem = readFileSync(join(import.meta.dirname, '../../test/certificates/backend-ca.crt'), 'utf8');

function make(kind: string, name: string, rest: Readonly<Record<string, unknown>>): Resource {
  const metadata = { name, namespace: 'default', generation: 1 };
  return { apiVersion: 'v1', kind, metadata, ...rest };
}

const configMap = (name: string, text: string) => make('ConfigMap', name, { data: { 'ca.crt': text } });
const service = (name: string) => make('Service', name, { spec: { ports: [{ name: 'web', port: 443 }] } });
const policy = (name: string, target: string, ca: string) =>
  make('BackendTLSPolicy', name, {
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: target }],
      validation: { hostname: 'abc.example.com', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: ca }] },
    },
  });
const listener = (name: string, port: number, hostname: string) => ({ name, port, protocol: 'HTTP', hostname });
const listenerSet = (name: string, hostname: string) =>
  make('ListenerSet', name, { spec: { parentRef: { name: 'gw' }, listeners: [listener('a', 80, hostname)] } });
const gateway = (from: string, ca?: string) =>
  make('Gateway', 'gw', {
    spec: {
      gatewayClassName: 'headgate',
      allowedListeners: { namespaces: { from } },
      listeners: [listener('own', 80, 'own.example')],
      ...(ca !== undefined && { tls: { backend: { clientCertificateRef: { name: ca } } } }),
    },
  });
const route = (name: string, target: string, set: string) =>
  make('HTTPRoute', name, {
    spec: {
      parentRefs: [{ name: 'gw' }, { kind: 'ListenerSet', name: set }],
      rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ name: target, port: 443 }] }],
    },
  });

/** A kind that did not change keeps its map, as from a source. */
function createStore() {
  let kinds = new Map<string, ReadonlyMap<string, Resource>>();
  const change = (kind: string, edit: (map: Map<string, Resource>) => void) => {
    const map = new Map(kinds.get(kind));
    edit(map);
    kinds = new Map(kinds).set(kind, map);
  };
  return {
    put: (...resources: readonly Resource[]) => {
      for (const resource of resources) change(resource.kind, (map) => map.set(nameOf(resource), resource));
    },
    drop: (kind: string, name: string) => change(kind, (map) => map.delete(`default/${name}`)),
    set: () => resourceSet(kinds),
  };
}

test('after any edit the result is that of a fresh compiler', () => {
  let seed = 4711;
  const pick = (count: number) => Math.floor(((seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647) * count);
  const store = createStore();
  store.put(gateway('Same'), route('r0', 's0', 'l0'), service('s0'));
  const compiler = createCompiler(options);
  const edits: readonly (() => void)[] = [
    () => store.put(policy(`p${pick(3)}`, `s${pick(3)}`, `c${pick(2)}`)),
    () => store.drop('BackendTLSPolicy', `p${pick(3)}`),
    () => store.put(configMap(`c${pick(2)}`, pick(2) === 0 ? pem : '')),
    () => store.drop('ConfigMap', `c${pick(2)}`),
    () => store.put(service(`s${pick(3)}`)),
    () => store.drop('Service', `s${pick(3)}`),
    () => store.put(listenerSet(`l${pick(3)}`, `h${pick(3)}.example`)),
    () => store.drop('ListenerSet', `l${pick(3)}`),
    () => store.put(gateway(pick(3) === 0 ? 'None' : 'Same', pick(2) === 0 ? 'nobody' : undefined)),
    () => store.put(route(`r${pick(3)}`, `s${pick(3)}`, `l${pick(3)}`)),
    () => store.drop('HTTPRoute', `r${pick(3)}`),
  ];
  for (let step = 0; step < 400; step++) {
    edits[pick(edits.length)]!();
    const result = compiler(store.set(), noFacts);
    const fresh = compile(store.set(), options);
    assert.deepEqual(JSON.parse(JSON.stringify(result.config)), JSON.parse(JSON.stringify(fresh.config)), `${step}`);
    assert.deepEqual(new Map(result.statuses), new Map(fresh.statuses), `${step}`);
    assert.deepEqual(new Set(result.notes), new Set(fresh.notes), `${step}`);
  }
});

test('a CA that comes, goes and comes again is followed, and other Services are left alone', () => {
  const store = createStore();
  store.put(gateway('None'), service('s0'), service('s1'), route('r0', 's0', 'x'), route('r1', 's1', 'x'));
  store.put(policy('p0', 's0', 'c0'));
  const compiler = createCompiler(options);
  const backendOf = (name: string) => compiler(store.set(), noFacts).config.backends[`Service/default/${name}/443`];
  assert.equal(backendOf('s0'), undefined, 'nothing is sent unverified');
  const other = backendOf('s1');
  assert.ok(other);
  store.put(configMap('c0', pem));
  assert.equal(backendOf('s0')?.tls?.serverName, 'abc.example.com');
  store.put(configMap('c0', ''));
  assert.equal(backendOf('s0'), undefined);
  store.put(configMap('c0', pem));
  assert.ok(backendOf('s0')?.tls);
  store.drop('BackendTLSPolicy', 'p0');
  assert.equal(backendOf('s0')?.protocol, 'http1');
  assert.equal(backendOf('s1'), other);
});
