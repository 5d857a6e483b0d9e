import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { ToProxy } from '../contract/messages.ts';
import { createChannel } from './in-process.ts';

const endpoint = { address: '10.0.0.1', port: 80, ready: true, serving: true, terminating: false };

function configWith(...names: string[]): GatewayConfig {
  const routes = names.map((name) => [name, { origin: { kind: 'HTTPRoute', namespace: 'test', name } }] as const);
  return { ...emptyConfig, routes: Object.fromEntries(routes) };
}

test('who is there gets patches; who comes late gets everything', () => {
  const channel = createChannel();
  const early: ToProxy[] = [];
  const unsubscribe = channel.subscribe((message) => early.push(message));
  assert.deepEqual(early, []);
  channel.publish(1, configWith('a'), { x: [endpoint], y: [] });
  channel.publish(2, configWith('b'), { y: null });
  channel.publish(2, configWith('b'), { x: [] });
  channel.publish(2, configWith('b'), null);
  const origin = (name: string) => ({ origin: { kind: 'HTTPRoute', namespace: 'test', name } });
  assert.deepEqual(early, [
    {
      type: 'config',
      version: 1,
      isSnapshot: false,
      config: { routes: { a: origin('a') } },
      endpoints: { x: [endpoint], y: [] },
    },
    {
      type: 'config',
      version: 2,
      isSnapshot: false,
      config: { routes: { b: origin('b'), a: null } },
      endpoints: { y: null },
    },
    { type: 'endpoints', endpoints: { x: [] } },
  ]);
  const late: ToProxy[] = [];
  channel.subscribe((message) => late.push(message));
  assert.deepEqual(late, [
    { type: 'config', version: 2, isSnapshot: true, config: { routes: { b: origin('b') } }, endpoints: { x: [] } },
  ]);
  unsubscribe();
  channel.publish(3, emptyConfig, null);
  assert.equal(early.length, 3);
  assert.equal(late.length, 2);
});

test('an empty configuration is a version, too', () => {
  const channel = createChannel();
  const messages: ToProxy[] = [];
  channel.subscribe((message) => messages.push(message));
  channel.publish(1, emptyConfig, null);
  assert.deepEqual(messages, [{ type: 'config', version: 1, isSnapshot: false, config: {}, endpoints: {} }]);
});
