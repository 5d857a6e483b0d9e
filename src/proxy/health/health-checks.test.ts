/** Whom health checks probe and when, and what they tell: with probes that the test answers, and timers that it moves. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Endpoint, EndpointsPatch } from '../../contract/endpoints.ts';
import type { BackendConfig } from '../../contract/gateway-config.ts';
import type { ToProxy } from '../../contract/messages.ts';
import { endpointAt, plainBackend } from '../forward-testing.ts';
import { HealthChecks } from './health-checks.ts';

const healthCheck = {
  probe: { type: 'TCP' },
  intervalMs: 1000,
  timeoutMs: 100,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
} as const;
const checked: BackendConfig = { ...plainBackend, healthCheck };

const turn = () => new Promise(setImmediate);

/** What a worker would know, and which probes wait for their answer, by port. */
function createWorld(t: TestContext, maxProbes = 100) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pending: { readonly port: number; readonly intervalMs: number; answer(problem: string | null): void }[] = [];
  const changes: string[] = [];
  const told: Record<string, readonly string[]>[] = [];
  const checks = new HealthChecks({
    probe: ({ endpoint, check }) => {
      const { promise, resolve } = Promise.withResolvers<string | null>();
      pending.push({ port: endpoint.port, intervalMs: check.intervalMs, answer: resolve });
      return promise;
    },
    certificateOf: () => undefined,
    maxProbes,
    random: () => 0.5,
    onChange: ({ endpoint, problem }) => changes.push(`${endpoint} ${problem ?? 'well'}`),
  });
  const hear = (message: ToProxy) => message.type === 'health' && told.push({ ...message.unhealthy });
  checks.subscribe(hear);
  return {
    checks,
    pending,
    changes,
    told,
    hear,
    config: (backends: Record<string, BackendConfig | null>, endpoints: EndpointsPatch = {}, isSnapshot = false) =>
      checks.take({ type: 'config', version: 1, isSnapshot, config: { backends }, endpoints }),
    endpoints: (endpoints: EndpointsPatch) => checks.take({ type: 'endpoints', endpoints }),
    /** Moves the clock, answers what is asked then, and waits until that has been taken. */
    async pass(ms: number, answer: (port: number) => string | null): Promise<number[]> {
      t.mock.timers.tick(ms);
      const asked = pending.splice(0);
      for (const one of asked) one.answer(answer(one.port));
      // Taken in one turn, told in the next.
      await turn();
      await turn();
      return asked.map(({ port }) => port).toSorted((a, b) => a - b);
    },
  };
}

const well = () => null;
const onlyOneDown = (port: number) => (port === 1 ? 'broken' : null);
const one = endpointAt(1);
const two = endpointAt(2);

test('so many failures in a row make an endpoint unhealthy, and so many successes make it healthy again', async (t) => {
  const world = createWorld(t);
  world.config({ a: checked, b: plainBackend }, { a: [one, two], b: [endpointAt(3)] });
  assert.deepEqual(await world.pass(500, onlyOneDown), [1, 2]);
  assert.deepEqual(await world.pass(999, onlyOneDown), []);
  assert.deepEqual(await world.pass(1, well), [1, 2]);
  assert.deepEqual(await world.pass(1000, onlyOneDown), [1, 2]);
  assert.deepEqual(world.changes, []);
  await world.pass(1000, onlyOneDown);
  assert.deepEqual(world.changes, ['10.0.0.1:1 broken']);
  assert.deepEqual(world.told, [{ a: ['10.0.0.1:1'] }]);
  assert.deepEqual(
    world.checks.counts().map(({ healthy, unhealthy }) => [healthy, unhealthy]),
    [[1, 1]],
  );
  await world.pass(1000, well);
  await world.pass(1000, onlyOneDown);
  await world.pass(1000, well);
  assert.equal(world.told.length, 1);
  await world.pass(1000, well);
  assert.deepEqual(world.changes, ['10.0.0.1:1 broken', '10.0.0.1:1 well']);
  assert.deepEqual(world.told, [{ a: ['10.0.0.1:1'] }, { a: [] }]);
});

async function withOneDown(t: TestContext) {
  const world = createWorld(t);
  world.config({ a: checked }, { a: [one, two] });
  await world.pass(500, onlyOneDown);
  await world.pass(1000, onlyOneDown);
  assert.deepEqual(world.told.splice(0), [{ a: ['10.0.0.1:1'] }]);
  return world;
}

test('who comes later is told what is unhealthy, and who is gone nothing', async (t) => {
  const world = await withOneDown(t);
  const end = world.checks.subscribe((message) => world.hear(message));
  assert.deepEqual(world.told.splice(0), [{ a: ['10.0.0.1:1'] }]);
  end();
  world.config({ a: plainBackend });
  await turn();
  assert.deepEqual(world.told, [{ a: [] }], 'told once, to the first subscriber');
});

const ends: readonly (readonly [what: string, change: (world: ReturnType<typeof createWorld>) => void])[] = [
  ['the policy', (world) => world.config({ a: plainBackend })],
  ['the backend', (world) => world.config({ a: null })],
  ['the endpoint', (world) => world.endpoints({ a: [two] })],
  ['the list of endpoints', (world) => world.endpoints({ a: null })],
  ['readiness', (world) => world.endpoints({ a: [{ ...one, ready: false, serving: false }, two] })],
  ['the backend, by a snapshot,', (world) => world.config({}, { a: [one] }, true)],
  ['the list of endpoints, by a snapshot,', (world) => world.config({ a: checked }, {}, true)],
];
for (const [what, change] of ends) {
  test(`when ${what} goes, nothing is held against the endpoint, nor is it asked any more`, async (t) => {
    const world = await withOneDown(t);
    change(world);
    await turn();
    assert.deepEqual(world.told, [{ a: [] }]);
    assert.ok(!(await world.pass(2000, well)).includes(1));
  });
}

test('an endpoint that stays keeps what is thought of it; a new one is given credit', async (t) => {
  const world = await withOneDown(t);
  const changed: Endpoint = { ...one, ready: false, serving: true, terminating: true };
  world.endpoints({ a: [changed, two, endpointAt(4)] });
  world.config({ a: { ...checked, loadBalancing: { type: 'Random' } } });
  await turn();
  assert.deepEqual(world.told, []);
  assert.deepEqual(await world.pass(1000, onlyOneDown), [1, 2, 4]);
  assert.deepEqual(world.told, []);
});

test('another interval counts at once, and a probe under way says nothing when its endpoint has gone', async (t) => {
  const world = await withOneDown(t);
  world.config({ a: { ...checked, healthCheck: { ...healthCheck, intervalMs: 100, unhealthyThreshold: 1 } } });
  t.mock.timers.tick(50);
  assert.deepEqual(
    world.pending.map(({ port, intervalMs }) => [port, intervalMs]),
    [
      [1, 100],
      [2, 100],
    ],
  );
  world.endpoints({ a: [one] });
  world.changes.length = 0;
  await world.pass(0, () => 'broken');
  assert.deepEqual(world.changes, []);
  assert.deepEqual(await world.pass(100, well), [1]);
});

test('only so many probes run at a time, and whoever waits comes next', async (t) => {
  const world = createWorld(t, 2);
  world.config({ a: checked }, { a: [1, 2, 3, 4, 5].map((port) => endpointAt(port)) });
  t.mock.timers.tick(500);
  const order: number[] = [];
  while (world.pending.length > 0) {
    assert.ok(world.pending.length <= 2);
    const next = world.pending.shift()!;
    order.push(next.port);
    next.answer(null);
    await turn();
  }
  assert.deepEqual(order, [1, 2, 3, 4, 5]);
});

test('after close nobody is probed', async (t) => {
  const world = await withOneDown(t);
  world.checks.close();
  assert.deepEqual(await world.pass(5000, well), []);
  assert.deepEqual(world.told, []);
});
