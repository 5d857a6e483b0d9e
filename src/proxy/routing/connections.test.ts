import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyConfig, type ConnectionConfig, type GatewayConfig } from '../../contract/gateway-config.ts';
import type { Snapshot } from '../runtime.ts';
import { buildSnapshot } from './snapshot.ts';

const origin = { kind: 'TLSRoute', namespace: 'n', name: 'r' };

function configOf(connections: Readonly<Record<string, ConnectionConfig>>): GatewayConfig {
  const listener = { origin, gateway: 'g', protocol: 'TLS' as const, addresses: [], port: 443, hostname: '' };
  const names = Object.values(connections).map(({ rule }) => rule);
  const rules = Object.fromEntries(names.map((name) => [name, { route: 'r', origin, filters: [], backends: [] }]));
  return { ...emptyConfig, listeners: { l: listener, other: listener }, connections, rules };
}

function snapshotOf(config: GatewayConfig, previous: Snapshot | null = null): Snapshot {
  const filterContext = { random: () => 0, now: () => 0 };
  return buildSnapshot({ previous, config, version: 1, filterDefinitions: [], backendOf: () => null, filterContext });
}

test('the most specific hostname takes a connection; a listener without an entry takes none', () => {
  const { listeners } = snapshotOf(
    configOf({
      any: { listener: 'l', hostname: '', rule: 'any' },
      wild: { listener: 'l', hostname: '*.a.com', rule: 'wild' },
      exact: { listener: 'l', hostname: 'x.a.com', rule: 'exact' },
    }),
  );
  const ruleOf = (name: string) => listeners.get('l')!.matchConnection(name)?.key;
  assert.deepEqual(['x.a.com', 'y.a.com', 'a.com', ''].map(ruleOf), ['exact', 'wild', 'any', 'any']);
  assert.equal(listeners.get('other')!.matchConnection(''), null);
});

test('a changed rule or entry is replaced, one that is gone is gone', () => {
  const first = snapshotOf(configOf({ c: { listener: 'l', hostname: '', rule: 'one' } }));
  const second = snapshotOf(configOf({ c: { listener: 'l', hostname: '', rule: 'two' } }), first);
  assert.equal(second.listeners.get('l')!.matchConnection('')?.key, 'two');
  const third = snapshotOf(configOf({}), second);
  assert.equal(third.listeners.get('l')!.matchConnection(''), null);
  assert.equal(first.listeners.get('l')!.matchConnection('')?.key, 'one');
});

test('a connection that names a rule which is not there is refused', () => {
  const config = configOf({ c: { listener: 'l', hostname: '', rule: 'one' } });
  assert.throws(() => snapshotOf({ ...config, rules: {} }), /names rule one/);
});
