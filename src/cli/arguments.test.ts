import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parseBackend, parseCount, parseDurationMs, parseHostPort } from './arguments.ts';

const refuses = (parse: () => unknown) => assert.throws(parse, { code: 'commander.invalidArgument' });

test('addresses with ports', () => {
  assert.deepEqual(parseHostPort('127.0.0.1:80'), { host: '127.0.0.1', port: 80 });
  assert.deepEqual(parseHostPort('[::1]:0'), { host: '::1', port: 0 });
  assert.deepEqual(parseHostPort('localhost:3000'), { host: 'localhost', port: 3000 });
  for (const text of ['80', ':80', '::1:80', 'a:65536', '[a]:1', 'a:b', '']) refuses(() => parseHostPort(text));
});

test('addresses are collected', () => {
  assert.deepEqual(parseAddress('[::1]', parseAddress('127.0.0.1')), ['127.0.0.1', '::1']);
  for (const text of ['localhost', '1.2.3', '']) refuses(() => parseAddress(text));
});

test('mapped backends are collected', () => {
  assert.deepEqual(parseBackend('shop/cart:80=localhost:3000'), [
    { namespace: 'shop', name: 'cart', port: 80, target: { host: 'localhost', port: 3000 } },
  ]);
  assert.equal(parseBackend('a/b:1=[::1]:2', parseBackend('a/b:1=127.0.0.1:2')).length, 2);
  for (const text of ['cart:80=localhost:3000', 'shop/cart=localhost:3000', 'shop/cart:80=3000', 'shop/cart:99999=a:1'])
    refuses(() => parseBackend(text));
});

test('counts', () => {
  assert.equal(parseCount('4'), 4);
  for (const text of ['0', '-1', '1.5', 'x', '', '4096']) refuses(() => parseCount(text));
});

test('durations are those of the Gateway API', () => {
  assert.equal(parseDurationMs('60s'), 60_000);
  assert.equal(parseDurationMs('1m30s'), 90_000);
  assert.equal(parseDurationMs('250ms'), 250);
  assert.equal(parseDurationMs('0s'), 0);
  for (const text of ['60', '1d', '1.5s', '-1s', '']) refuses(() => parseDurationMs(text));
});
