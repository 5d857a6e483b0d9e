import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import { resourceSet, type Resource, type ResourceSet } from '../model/resources.ts';
import { Controller } from './controller.ts';
import type { Acknowledged, ControllerEvent, ControllerParts, SourceProblem } from './parts.ts';

/** A route is a route of the configuration; its `label` stands for its spec. */
function routes(...names: string[]): ResourceSet {
  const entries = names.map((text): [string, Resource] => {
    const [name = '', label = ''] = text.split('=');
    const metadata = { namespace: 'n', name, labels: { label } };
    return [`n/${name}`, { apiVersion: 'v1', kind: 'HTTPRoute', metadata }];
  });
  return resourceSet(new Map([['HTTPRoute', new Map(entries)]]));
}

function compileFake(resources: ResourceSet, acknowledged: Acknowledged) {
  const all = [...resources.of('HTTPRoute').values()];
  const origin = ({ metadata }: Resource) => ({ kind: 'HTTPRoute', namespace: 'n', name: metadata.labels!.label! });
  const config: GatewayConfig = {
    ...emptyConfig,
    routes: Object.fromEntries(all.map((route) => [route.metadata.name, { origin: origin(route) }])),
  };
  const status = acknowledged ? ('True' as const) : ('Unknown' as const);
  const conditions = [{ type: 'Programmed', status, reason: 'x', message: '' }];
  return { config, statuses: new Map([['Gateway/n/g', { conditions }]]), notes: [], infrastructure: new Map() };
}

function harness(overrides: Partial<ControllerParts> = {}) {
  const events: ControllerEvent[] = [];
  const published: { version: number; routes: string[] }[] = [];
  let say: (resources: ResourceSet, problems: readonly SourceProblem[]) => void = () => {};
  let compiled = 0;
  const controller = new Controller({
    source: { start: (onChange) => (say = onChange) },
    kinds: ['HTTPRoute'],
    compile: (resources, acknowledged) => {
      compiled++;
      return compileFake(resources, acknowledged);
    },
    joinEndpoints: () => new Map(),
    publish: (version, { routes: table }) => published.push({ version, routes: Object.keys(table) }),
    onEvent: (event) => events.push(event),
    now: () => 0,
    date: () => new Date(0),
    ...overrides,
  });
  const abort = new AbortController();
  controller.start(abort.signal);
  return {
    controller,
    events,
    published,
    abort,
    compiled: () => compiled,
    say: (resources: ResourceSet, problems: readonly SourceProblem[] = []) => say(resources, problems),
  };
}

const live = (events: readonly ControllerEvent[]) => events.filter((event) => event.type === 'live');

test('is ready and programmed only once the first version is acknowledged', async () => {
  const { controller, events, say } = harness();
  say(routes('a'));
  await turn();
  assert.equal(controller.isReady, false);
  assert.equal(live(events).length, 0);
  controller.acknowledge(1, []);
  assert.equal(controller.isReady, true);
  const [event] = live(events);
  assert.equal(event?.isFirst, true);
  assert.equal(event?.view.statuses.get('Gateway/n/g')?.conditions?.[0]?.status, 'True');
  assert.deepEqual(event?.changes.added, ['HTTPRoute/n/a']);
});

test('a burst is compiled once, with the newest resources', async () => {
  const { published, compiled, say } = harness();
  say(routes('a'));
  say(routes('a', 'b'));
  say(routes('a', 'b', 'c'));
  await turn();
  assert.equal(compiled(), 1);
  assert.deepEqual(published, [{ version: 1, routes: ['a', 'b', 'c'] }]);
});

test('only the acknowledgement of the newest version counts', async () => {
  const { controller, events, say } = harness();
  say(routes('a'));
  await turn();
  say(routes('b'));
  await turn();
  controller.acknowledge(1, []);
  assert.equal(live(events).length, 0);
  controller.acknowledge(2, []);
  assert.deepEqual(live(events)[0]?.changes.added, ['HTTPRoute/n/b']);
});

test('a change is told once it is live, with what was added, changed and removed', async () => {
  const { controller, events, say } = harness();
  say(routes('a=1', 'b=1'));
  await turn();
  controller.acknowledge(1, []);
  const before = controller.view.resources.of('HTTPRoute').get('n/a')!;
  const after = routes('b=2', 'c=1').of('HTTPRoute');
  say(resourceSet(new Map([['HTTPRoute', new Map([['n/a', before] as const, ...after])]])));
  await turn();
  controller.acknowledge(2, []);
  assert.deepEqual(live(events)[1]?.changes, {
    added: ['HTTPRoute/n/c'],
    changed: ['HTTPRoute/n/b'],
    removed: [],
  });
});

test('an edit that changes nothing for the proxies is live at once', async () => {
  const { controller, events, published, say } = harness();
  say(routes('a=1'));
  await turn();
  controller.acknowledge(1, []);
  say(routes('a=1'));
  await turn();
  assert.deepEqual(published.at(-1)?.version, 1);
  assert.deepEqual(live(events)[1]?.changes.changed, ['HTTPRoute/n/a']);
});

test('what keeps a listener from being served is told, and told again when it is over', async () => {
  const { controller, events, say } = harness();
  say(routes('a'));
  await turn();
  const problem = { listener: 'Gateway/n/g/http', reason: 'AddressInUse', message: 'port 80 is taken' };
  controller.acknowledge(1, []);
  controller.acknowledge(1, [problem]);
  assert.deepEqual(live(events)[1]?.view.acknowledged?.problems, [problem]);
  controller.acknowledge(1, []);
  assert.equal(live(events).length, 3);
  controller.acknowledge(1, []);
  assert.equal(live(events).length, 3, 'nothing new is not told');
});

test('problems of documents are told when they come and when they go', async () => {
  const { events, say } = harness();
  const problem: SourceProblem = { severity: 'error', file: 'a.yaml', line: 3, message: 'bad' };
  say(routes('a'), [problem]);
  say(routes('a'), [problem]);
  say(routes('a'), []);
  await turn();
  const told = events.filter((event) => event.type === 'problems');
  assert.deepEqual(
    told.map(({ fresh, solved }) => [fresh.length, solved.length]),
    [
      [1, 0],
      [0, 1],
    ],
  );
});

test('a compiler that throws leaves what is served, and the next change is taken', async () => {
  let isBroken = false;
  const { controller, events, published, say } = harness({
    compile: (resources, acknowledged) => {
      if (isBroken) throw new Error('bug');
      return compileFake(resources, acknowledged);
    },
  });
  say(routes('a'));
  await turn();
  controller.acknowledge(1, []);
  isBroken = true;
  say(routes('b'));
  await turn();
  assert.equal(events.at(-1)?.type, 'refused');
  isBroken = false;
  say(routes('c'));
  await turn();
  assert.deepEqual(published.at(-1), { version: 2, routes: ['c'] });
});

test('nothing is taken after the signal', async () => {
  const { published, abort, say } = harness();
  abort.abort();
  say(routes('a'));
  await turn();
  assert.deepEqual(published, []);
});

test('a version that is refused is told in the statuses, with the reason', async () => {
  const told: unknown[] = [];
  const listener = { origin: { kind: 'Gateway', namespace: 'n', name: 'g' } };
  const { controller, say } = harness({
    compile: (resources, acknowledged) => ({
      ...compileFake(resources, acknowledged),
      config: { ...emptyConfig, listeners: { l: listener as never } },
      statuses: new Map([['Gateway/n/g', { conditions: [], said: acknowledged?.problems }]]),
    }),
    onCompiled: ({ statuses }) => told.push(statuses.get('Gateway/n/g')),
  });
  say(routes('a'));
  await turn();
  controller.refuse(7, 'another version');
  assert.deepEqual(told, []);
  controller.refuse(1, 'too large');
  const message = 'a proxy refuses this version, the last good one stays in use: too large';
  assert.deepEqual(told, [{ conditions: [], said: [{ listener: 'l', reason: 'Refused', message }] }]);
});

test('after a refused version, an edit that the proxies need not see is told in the statuses at once', async () => {
  const told: unknown[] = [];
  const listener = { origin: { kind: 'Gateway', namespace: 'n', name: 'g' } };
  const { controller, published, say } = harness({
    compile: (resources, acknowledged) => ({
      ...compileFake(resources, acknowledged),
      config: { ...emptyConfig, listeners: { l: listener as never } },
      statuses: new Map([
        ['Gateway/n/g', { conditions: [], said: acknowledged?.problems.map(({ reason }) => reason) }],
      ]),
    }),
    onCompiled: ({ statuses }, resources) =>
      told.push([...resources.of('HTTPRoute').keys()].join(), (statuses.get('Gateway/n/g') as { said?: unknown }).said),
  });
  say(routes('a'));
  await turn();
  // A proxy that came later refuses what the others have acknowledged.
  controller.acknowledge(1, []);
  controller.refuse(1, 'too large');
  say(routes('a', 'b'));
  await turn();
  assert.equal(published.length, 1);
  assert.deepEqual(told.splice(0), ['n/a', [], 'n/a', ['Refused'], 'n/a,n/b', ['Refused']]);
  controller.acknowledge(1, []);
  say(routes('a'));
  await turn();
  assert.deepEqual(told, ['n/a,n/b', [], 'n/a', []]);
});

test('that nobody is left who serves is told in the statuses, until somebody acknowledges again', async () => {
  const told: unknown[] = [];
  const listener = { origin: { kind: 'Gateway', namespace: 'n', name: 'g' } };
  const { controller, events, say } = harness({
    compile: (resources, acknowledged) => ({
      ...compileFake(resources, acknowledged),
      config: { ...emptyConfig, listeners: { l: listener as never } },
      statuses: new Map([['Gateway/n/g', { conditions: [], said: acknowledged?.problems }]]),
    }),
    onCompiled: ({ statuses }) => told.push((statuses.get('Gateway/n/g') as { said?: unknown }).said),
  });
  const gone = [{ listener: 'l', reason: 'NoProxy', message: 'start one' }];
  controller.settleUnserved('start one');
  assert.deepEqual(told, [], 'nothing is known yet');
  say(routes('a'));
  await turn();
  controller.acknowledge(1, []);
  controller.settleUnserved('start one');
  controller.settleUnserved('start one');
  assert.deepEqual(told.splice(0), [[], gone, gone]);
  assert.equal(controller.isReady, false);
  assert.equal(events.filter(({ type }) => type === 'unserved').length, 1, 'said once');
  // An edit that the proxies need not see does not bring them back.
  say(routes('a'));
  await turn();
  assert.deepEqual(told, []);
  assert.equal(controller.isWaiting, true);
  controller.acknowledge(1, []);
  assert.deepEqual(told.splice(0), [[]]);
  assert.equal(controller.isReady, true);
  assert.equal(live(events).length, 2, 'and that is told');
});

test('that a refused edit is taken back is told, although nothing differs from what was told before', async () => {
  const { controller, events, say } = harness();
  const good = routes('a');
  say(good);
  await turn();
  controller.acknowledge(1, []);
  say(routes('a', 'b'));
  await turn();
  controller.refuse(2, 'too large');
  say(good);
  await turn();
  controller.acknowledge(3, []);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['live', 'refused', 'live'],
  );
});

test('a version that is refused waits for no answer', async () => {
  const { controller, say } = harness();
  say(routes('a'));
  await turn();
  assert.equal(controller.isWaiting, true);
  controller.refuse(1, 'too large');
  assert.equal(controller.isWaiting, false);
  say(routes('b'));
  await turn();
  assert.equal(controller.isWaiting, true);
});
