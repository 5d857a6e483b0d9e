import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceSet, type Resource } from '../model/resources.ts';
import { changesBetween, isNoChange } from './changes.ts';
import { diffEndpoints } from './endpoints-diff.ts';
import { mappedEndpoints, mapServices } from './mapped-backends.ts';

const mapped = (name: string, port: number, host = 'localhost') => ({
  namespace: 'shop',
  name,
  port,
  target: { host, port: 3000 },
});
const service = (name: string, ...ports: number[]): Resource & { spec: object } => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name },
  spec: { ports: ports.map((port) => ({ port })) },
});
const setOf = (...services: Resource[]) =>
  resourceSet(new Map([['Service', new Map(services.map((one) => [`shop/${one.metadata.name}`, one]))]]));
const portsOf = (resources: ReturnType<typeof setOf>, name: string) =>
  resources
    .of<Resource & { spec: { ports: { port: number; protocol?: string }[] } }>('Service')
    .get(`shop/${name}`)
    ?.spec.ports.map(({ port, protocol }) => (protocol ? `${port}/${protocol}` : port));

test('a mapped Service is known without a document, and keeps what its document says', () => {
  const map = mapServices([mapped('new', 80), mapped('new', 81), mapped('cart', 8080), mapped('cart', 80)]);
  const resources = map(setOf(service('cart', 80)));
  assert.deepEqual(portsOf(resources, 'new'), [80, '80/UDP', 81, '81/UDP']);
  assert.deepEqual(portsOf(resources, 'cart'), [80, 8080, '8080/UDP']);
});

test('a Service whose ports are all known stays the same object, and the Map stays while the Services do', () => {
  const map = mapServices([mapped('cart', 80)]);
  const before = setOf(service('cart', 80));
  assert.equal(map(before).of('Service').get('shop/cart'), before.of('Service').get('shop/cart'));
  assert.equal(map(before).of('Service'), map(before).of('Service'));
  assert.equal(mapServices([])(before), before);
});

test('a mapped port answers however a route uses it', () => {
  const keys = [...mappedEndpoints([mapped('db', 5432)]).keys()];
  const uses = ['', '/grpc', '/tcp', '/udp'];
  assert.deepEqual(
    keys,
    uses.map((use) => `Service/shop/db/5432${use}`),
  );
});

test('several targets of one port share its requests', () => {
  const endpoints = mappedEndpoints([mapped('cart', 80, '127.0.0.1'), mapped('cart', 80, '::1')]);
  assert.deepEqual(
    endpoints.get('Service/shop/cart/80')?.map(({ address, ready }) => [address, ready]),
    [
      ['127.0.0.1', true],
      ['::1', true],
    ],
  );
});

test('only backends whose endpoints changed are sent', () => {
  const a = [{ address: '10.0.0.1', port: 80, ready: true, serving: true, terminating: false }];
  const before = new Map([
    ['a', a],
    ['b', a],
    ['c', a],
  ]);
  const after = new Map([
    ['a', a],
    ['b', [{ ...a[0]!, ready: false }]],
    ['d', []],
  ]);
  assert.deepEqual(diffEndpoints(before, after), { b: after.get('b'), c: null, d: [] });
  assert.equal(diffEndpoints(before, new Map([...before].map(([key, list]) => [key, [...list]]))), null);
});

test('changes are told by identity', () => {
  const cart = service('cart', 80);
  const before = setOf(cart, service('old', 80), service('edited', 80));
  const after = setOf(cart, service('new', 80), service('edited', 80));
  const changes = changesBetween(before, after, ['Service', 'Gateway']);
  assert.deepEqual(changes, {
    added: ['Service/shop/new'],
    changed: ['Service/shop/edited'],
    removed: ['Service/shop/old'],
  });
  assert.ok(isNoChange(changesBetween(before, before, ['Service'])));
});
