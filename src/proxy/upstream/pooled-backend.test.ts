/** A backend's endpoints: which may be used, which are left out, and what survives a change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from '../../contract/endpoints.ts';
import type { UpstreamRequest, ResponseSink, Upstream } from '../http/streams.ts';
import { endpointAt, plainBackend } from '../forward-testing.ts';
import { Backends } from './backends.ts';
import { PooledBackend } from './pooled-backend.ts';

function createWorld() {
  const world = {
    now: 0,
    made: [] as number[],
    closed: [] as number[],
    pending: 0,
    ejected: [] as string[],
    createPool(endpoint: Endpoint) {
      world.made.push(endpoint.port);
      return {
        get pending() {
          return world.pending;
        },
        open: () => ({}) as Upstream,
        close: () => void world.closed.push(endpoint.port),
      };
    },
  };
  const onEjected = (_backend: string, endpoint: string) => world.ejected.push(endpoint);
  const environment = { createPool: world.createPool, random: () => 0, now: () => world.now, onEjected };
  return { world, environment };
}

const any = { tried: [], affinity: 0, sticky: '' };
const request = {} as UpstreamRequest;
const sink = {} as ResponseSink;

function backendWith(endpoints: readonly Endpoint[]) {
  const { world, environment } = createWorld();
  const backend = new PooledBackend('b', plainBackend, environment);
  backend.updateEndpoints(endpoints);
  return { world, backend };
}

/** Ports that eight picks in a row find. */
function portsOf(backend: PooledBackend): number[] {
  const picked = Array.from({ length: 8 }, () => backend.pick(any)?.endpoint.port ?? 0);
  return [...new Set(picked)].toSorted((a, b) => a - b);
}

function failTimes(backend: PooledBackend, port: number, times: number): void {
  for (let i = 0; i < times; i++) {
    const endpoint = backend.pick({ ...any, sticky: `10.0.0.1:${port}` })!;
    assert.equal(endpoint.endpoint.port, port);
    endpoint.open(request, sink);
    endpoint.done(false);
  }
}

const terminating = { ready: false, terminating: true };

test('ready endpoints; without any those that terminate but serve; otherwise none', () => {
  const { backend } = backendWith([endpointAt(1), endpointAt(2, terminating), endpointAt(3, { ready: false })]);
  assert.deepEqual(portsOf(backend), [1]);
  backend.updateEndpoints([endpointAt(1, { ready: false, serving: false }), endpointAt(2, terminating)]);
  assert.deepEqual(portsOf(backend), [2]);
  backend.updateEndpoints([endpointAt(2, { ...terminating, serving: false })]);
  assert.deepEqual(portsOf(backend), [0]);
});

test('an endpoint named twice counts once, by its better state', () => {
  const { backend } = backendWith([endpointAt(1), endpointAt(1, { ready: false })]);
  assert.deepEqual(portsOf(backend), [1]);
});

test('connections survive a change of the endpoints, and end with theirs', () => {
  const { world, backend } = backendWith([endpointAt(1), endpointAt(2)]);
  for (let i = 0; i < 2; i++) backend.pick(any)!.open(request, sink);
  backend.updateEndpoints([endpointAt(2), endpointAt(3)]);
  for (let i = 0; i < 2; i++) backend.pick(any)!.open(request, sink);
  assert.deepEqual(
    world.made.toSorted((a, b) => a - b),
    [1, 2, 3],
  );
  assert.deepEqual(world.closed, [1]);
});

test('connections are made anew only when how they are made changes', () => {
  const { world, backend } = backendWith([endpointAt(1)]);
  backend.pick(any)!.open(request, sink);
  backend.updateConfig({ ...plainBackend, loadBalancing: { type: 'Random' } });
  assert.deepEqual(world.closed, []);
  backend.updateConfig({ ...plainBackend, protocol: 'h2c' });
  backend.pick(any)!.open(request, sink);
  assert.deepEqual(world.closed, [1]);
  assert.deepEqual(world.made, [1, 1]);
});

test('tried endpoints come again only when nothing else is left', () => {
  const { backend } = backendWith([endpointAt(1), endpointAt(2)]);
  const first = backend.pick(any)!;
  const second = backend.pick({ ...any, tried: [first] })!;
  assert.notEqual(second, first);
  assert.ok(backend.pick({ ...any, tried: [first, second] }) !== null);
});

test('five failures in a row leave an endpoint out, longer each time', () => {
  const { world, backend } = backendWith([endpointAt(1), endpointAt(2)]);
  failTimes(backend, 1, 4);
  const good = backend.pick({ ...any, sticky: '10.0.0.1:1' })!;
  good.open(request, sink);
  good.done(true);
  failTimes(backend, 1, 4);
  assert.deepEqual(portsOf(backend), [1, 2]);
  failTimes(backend, 1, 1);
  assert.deepEqual(portsOf(backend), [2]);
  world.now = 9_999;
  assert.deepEqual(portsOf(backend), [2]);
  world.now = 10_000;
  assert.deepEqual(portsOf(backend), [1, 2]);
  failTimes(backend, 1, 5);
  world.now = 29_999;
  assert.deepEqual(portsOf(backend), [2]);
  world.now = 30_000;
  assert.deepEqual(portsOf(backend), [1, 2]);
});

test('a client that leaves says nothing about the endpoint', () => {
  const { backend } = backendWith([endpointAt(1), endpointAt(2)]);
  failTimes(backend, 1, 4);
  const endpoint = backend.pick({ ...any, sticky: '10.0.0.1:1' })!;
  endpoint.open(request, sink);
  endpoint.done(undefined);
  failTimes(backend, 1, 1);
  assert.deepEqual(portsOf(backend), [2]);
  assert.equal(endpoint.active, 0);
});

test('never more than half are left out, and never the last', () => {
  const { backend } = backendWith([1, 2, 3, 4].map((port) => endpointAt(port)));
  for (const port of [1, 2, 3]) failTimes(backend, port, 5);
  assert.deepEqual(portsOf(backend), [3, 4]);
  const alone = backendWith([endpointAt(1)]).backend;
  failTimes(alone, 1, 20);
  assert.deepEqual(portsOf(alone), [1]);
});

test('an endpoint that another worker leaves out is left out here, for its time and within the same bounds', () => {
  const { world, backend } = backendWith([endpointAt(1), endpointAt(2)]);
  backend.eject('10.0.0.1:1');
  backend.eject('10.0.0.1:2');
  backend.eject('10.0.0.1:3');
  assert.deepEqual(portsOf(backend), [2]);
  world.now = 5_000;
  backend.eject('10.0.0.1:1');
  world.now = 10_000;
  assert.deepEqual(portsOf(backend), [1, 2]);
  assert.deepEqual(world.ejected, []);
  failTimes(backend, 2, 5);
  assert.deepEqual(world.ejected, ['10.0.0.1:2']);
});

test('the last ready endpoint is used although it is left out', () => {
  const { backend } = backendWith([endpointAt(1), endpointAt(2)]);
  failTimes(backend, 1, 5);
  backend.updateEndpoints([endpointAt(1)]);
  assert.deepEqual(portsOf(backend), [1]);
});

test('unhealthy endpoints take no requests, also not of sessions; when all are unhealthy, all do', () => {
  const { backend } = backendWith([endpointAt(1), endpointAt(2), endpointAt(3, terminating)]);
  backend.updateHealth(new Set(['10.0.0.1:1']));
  assert.deepEqual(portsOf(backend), [2]);
  assert.equal(backend.pick({ ...any, sticky: '10.0.0.1:1' })!.endpoint.port, 2);
  backend.updateEndpoints([endpointAt(1), endpointAt(2), endpointAt(4)]);
  assert.deepEqual(portsOf(backend), [2, 4]);
  backend.updateHealth(new Set([1, 2, 4].map((port) => `10.0.0.1:${port}`)));
  assert.deepEqual(portsOf(backend), [1, 2, 4]);
  backend.updateHealth(new Set());
  assert.deepEqual(portsOf(backend), [1, 2, 4]);
});

test('what health checks found is kept for a backend that is not there yet', () => {
  const backends = new Backends(createWorld().environment);
  backends.applyHealth({ a: ['10.0.0.1:1'] });
  backends.applyEndpoints({ a: [endpointAt(1), endpointAt(2)] });
  backends.applyConfig({ a: plainBackend });
  assert.deepEqual(portsOf(backends.get('a')!), [2]);
  backends.applyHealth({ a: [] });
  assert.deepEqual(portsOf(backends.get('a')!), [1, 2]);
});

test('an endpoint overflows when too many requests wait for a connection', () => {
  const { world, backend } = backendWith([endpointAt(1)]);
  const endpoint = backend.pick(any)!;
  endpoint.open(request, sink);
  world.pending = 1023;
  assert.equal(endpoint.isOverflowing, false);
  world.pending = 1024;
  assert.equal(endpoint.isOverflowing, true);
});

test('backends live as long as their key, and endpoints may come first', () => {
  const { world, environment } = createWorld();
  const backends = new Backends(environment);
  backends.applyEndpoints({ a: [endpointAt(1)] });
  backends.applyConfig({ a: plainBackend });
  const backend = backends.get('a')!;
  backend.pick(any)!.open(request, sink);
  backends.applyConfig({ a: { ...plainBackend }, b: plainBackend });
  assert.equal(backends.get('a'), backend);
  backends.applyConfig({ b: plainBackend });
  assert.equal(backends.get('a'), backend, 'still there for the snapshot in use');
  backends.retire();
  assert.equal(backends.get('a'), null);
  assert.deepEqual(world.closed, [1]);
  backends.applyEndpoints({ a: null, b: [endpointAt(2)] });
  assert.equal(backends.get('b')!.pick(any)!.endpoint.port, 2);
});
