/** Statuses in a cluster over a real socket: what is written, how often, and what is left alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from '../../test/until.ts';
import { keyOf } from '../contract/keys.ts';
import type { Condition } from '../model/conditions.ts';
import { answer, send } from '../kube/fake-api-server.test-support.ts';
import {
  condition,
  foreign,
  gateway,
  gateways,
  parent,
  patches,
  route,
  routes,
  start,
  written,
} from './status-writer.test-support.ts';
import type { ResourceStatus } from './statuses.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

test('one write for an object, with a time in whole seconds, and none where nothing is new', async (t) => {
  const { server, say, status, writer } = await start(t, ['HTTPRoute', 'r']);
  say(
    new Map([[route, { parents: [parent('gw', condition('Accepted', 'True'), condition('ResolvedRefs', 'True'))] }]]),
  );
  await written(server, 1);
  const { parents } = status('HTTPRoute', 'r') as { parents: { conditions: { lastTransitionTime: string }[] }[] };
  assert.deepEqual(
    parents[0]!.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    ['2030-01-01T00:00:00Z', '2030-01-01T00:00:00Z'],
  );
  say(
    new Map([[route, { parents: [parent('gw', condition('Accepted', 'True'), condition('ResolvedRefs', 'True'))] }]]),
  );
  writer.observed('HTTPRoute', 'n/r');
  writer.rewrite();
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).length, 1);
  assert.match(patches(server)[0]!.path, /\/namespaces\/n\/httproutes\/r\/status$/);
});

test('entries of others stay to the timestamp and in their place; ours go with their parentRef', async (t) => {
  const old = { ...parent('gone'), conditions: [] };
  const { server, say, status } = await start(t, ['HTTPRoute', 'r', { parents: [old, foreign] }]);
  say(new Map([[route, { parents: [parent('gw', condition('Accepted', 'True'))] }]]));
  await written(server, 1);
  const { parents } = status('HTTPRoute', 'r') as { parents: { parentRef: { name: string } }[] };
  assert.equal(parents.length, 2);
  assert.deepEqual(parents[0], foreign);
  assert.deepEqual(parents[1]!.parentRef, { name: 'gw' });
});

test('entries of ours from an earlier life go, where we have nothing to say any more', async (t) => {
  const { server, say, status } = await start(
    t,
    ['HTTPRoute', 'r', { parents: [parent('gw'), foreign] }],
    ['HTTPRoute', 'other', { parents: [foreign] }],
  );
  say(new Map());
  await written(server, 1);
  assert.deepEqual(status('HTTPRoute', 'r'), { parents: [foreign] });
  assert.equal(patches(server).length, 1);
});

test('foreign conditions of a Gateway and its listeners stay; a condition that does not flip keeps its time', async (t) => {
  const strange = { type: 'example.com/Strange', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' };
  const accepted = { ...condition('Accepted', 'True'), lastTransitionTime: '2021-01-01T00:00:00Z' };
  const pending = { ...condition('Programmed', 'Unknown'), lastTransitionTime: '2021-01-01T00:00:00Z' };
  const before = {
    conditions: [strange, accepted, pending],
    listeners: [{ name: 'l', conditions: [strange] }],
    attachedListenerSets: 1,
  };
  const { server, say, status } = await start(t, ['Gateway', 'g', before]);
  const conditions = [condition('Accepted', 'True', 'other words'), condition('Programmed', 'True')];
  say(new Map([[gateway, { conditions, listeners: [{ name: 'l', conditions: [] }] }]]));
  await written(server, 1);
  const after = status('Gateway', 'g') as { conditions: object[]; listeners: object[]; attachedListenerSets: null };
  assert.deepEqual(after.conditions, [
    strange,
    { ...accepted, message: 'other words' },
    { ...condition('Programmed', 'True'), lastTransitionTime: '2030-01-01T00:00:00Z' },
  ]);
  assert.deepEqual(after.listeners, [{ name: 'l', conditions: [strange] }]);
  assert.equal(after.attachedListenerSets, null, 'a merge patch takes it away');
});

test("on a Gateway, what is our vocabulary elsewhere is somebody else's; a full list and a long message are as the API takes them", async (t) => {
  const foreignTypes = ['Conflicted', 'PartiallyInvalid', 'a.b/1', 'a.b/2', 'a.b/3', 'a.b/4'];
  const strange = foreignTypes.map((type) => ({ type, status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }));
  const { server, say, status } = await start(t, ['Gateway', 'g', { conditions: strange }]);
  const types = ['Accepted', 'Programmed', 'ResolvedRefs'];
  const conditions = types.map((type) => condition(type, 'True', 'x'.repeat(40_000)));
  say(new Map([[gateway, { conditions }]]));
  await written(server, 1);
  const after = status('Gateway', 'g') as { conditions: { type: string; message: string }[] };
  assert.deepEqual(after.conditions.slice(0, 6), strange);
  assert.deepEqual(
    after.conditions.slice(6).map(({ type, message }) => [type, message.length]),
    [
      ['Accepted', 32_768],
      ['Programmed', 32_768],
    ],
  );
});

test('what we said of a Gateway that is not ours any more is taken back, to where nobody has looked at it', async (t) => {
  const strange = { type: 'example.com/Strange', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' };
  const { server, say, status } = await start(t, ['Gateway', 'g', { conditions: [strange] }]);
  const conditions = [
    condition('Accepted', 'True'),
    condition('Programmed', 'True'),
    condition('ResolvedRefs', 'True'),
  ];
  const addresses = [{ type: 'IPAddress', value: '127.0.0.1' }];
  const said = { conditions, addresses, listeners: [{ name: 'l', conditions }], attachedListenerSets: 1 };
  say(new Map([[gateway, said]]));
  await written(server, 1);
  say(new Map());
  await written(server, 2);
  const after = status('Gateway', 'g') as { conditions: Condition[]; listeners: []; addresses: [] };
  assert.deepEqual(
    after.conditions.map(({ type, status: value, reason }) => [type, value, reason]),
    [
      ['example.com/Strange', 'True', undefined],
      ['Accepted', 'Unknown', 'Pending'],
      ['Programmed', 'Unknown', 'Pending'],
    ],
  );
  assert.match(after.conditions[1]!.message, /GatewayClass is gone, or belongs to another controller/);
  assert.deepEqual([after.listeners, after.addresses], [[], []]);
  say(new Map());
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).length, 2, 'once');
});

test('what could not be taken back at once is taken back later', async (t) => {
  const { server, say, status } = await start(t, ['Gateway', 'g']);
  say(new Map([[gateway, { conditions: [condition('Accepted', 'True')] }]]));
  await written(server, 1);
  server.once((request, response) =>
    request.method === 'PATCH' ? answer(response, 503, 'ServiceUnavailable') : false,
  );
  server.once((request, response) => (request.method === 'PATCH' ? answer(response, 409, 'Conflict') : false));
  say(new Map());
  await written(server, 4);
  const { conditions } = status('Gateway', 'g') as { conditions: Condition[] };
  assert.deepEqual(
    conditions.map(({ type, status: value }) => [type, value]),
    [
      ['Accepted', 'Unknown'],
      ['Programmed', 'Unknown'],
    ],
  );
});

test('what was said by a process before this one, or by one that did not see it written, is taken back as well', async (t) => {
  const { server, say, status, writer } = await start(t, ['Gateway', 'g'], ['Gateway', 'theirs']);
  const said = { conditions: [condition('Accepted', 'True')] };
  const by = (name: string, manager: string) => {
    const { metadata } = server.find(gateways, `n/${name}`)!;
    server.put(gateways, { metadata, status: said }, manager);
  };
  by('g', 'headgate');
  by('theirs', 'other');
  say(new Map());
  await written(server, 1);
  const reasonOf = (name: string) => (status('Gateway', name) as typeof said).conditions[0]!.reason;
  assert.deepEqual([reasonOf('g'), reasonOf('theirs')], ['Pending', 'Accepted']);
  // The words that are to be written are not yet those that are there.
  say(new Map([[gateway, { conditions: [condition('Accepted', 'True', 'one')] }]]));
  await written(server, 2);
  say(new Map([[gateway, { conditions: [condition('Accepted', 'True', 'two')] }]]));
  say(new Map());
  await written(server, 3);
  assert.equal(reasonOf('g'), 'Pending');
  writer.rewrite();
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).length, 3);
});

test('who does not lead forgets what was said of objects that are gone', async (t) => {
  const { server, writer, say, lead } = await start(t, ['HTTPRoute', 'r'], ['Gateway', 'g']);
  lead(false);
  const made = [route, gateway].map((key) => {
    const status = { conditions: [condition('Accepted', 'True')] };
    say(new Map([[key, status]]));
    return new WeakRef(status);
  });
  // One goes before it is compiled without, the other one after.
  server.remove(gateways, 'n/g');
  say(new Map());
  server.remove(routes, 'n/r');
  writer.observed('HTTPRoute', 'n/r');
  // A WeakRef holds on to what it was made of until the turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  assert.deepEqual(
    made.map((one) => one.deref()),
    [undefined, undefined],
  );
});

test('what was said of an object that goes while it is written is forgotten', async (t) => {
  const { server, writer, say } = await start(t, ['Gateway', 'g']);
  const { promise: isGone, resolve: go } = Promise.withResolvers<void>();
  server.once(async (request, response) => {
    if (request.method !== 'PATCH') return false;
    await isGone;
    send(response, 200, {});
  });
  const sayIt = () => {
    const status = { conditions: [condition('Accepted', 'True')] };
    say(new Map([[gateway, status]]));
    return new WeakRef(status);
  };
  const said = sayIt();
  await server.until(() => patches(server).length === 1);
  server.remove(gateways, 'n/g');
  writer.observed('Gateway', 'n/g');
  say(new Map());
  go();
  await until(() => {
    gc();
    return said.deref() === undefined;
  }, 'it is forgotten');
});

test('where another controller has spoken since, nothing is taken back', async (t) => {
  const { server, say, status, lead, writer } = await start(t, ['Gateway', 'g']);
  say(new Map([[gateway, { conditions: [condition('Accepted', 'True')] }]]));
  await written(server, 1);
  lead(false);
  say(new Map());
  const theirs = { conditions: [condition('Accepted', 'True', 'said by another')] };
  const { metadata } = server.find(gateways, 'n/g')!;
  server.put(gateways, { metadata, status: theirs });
  lead(true);
  writer.rewrite();
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).length, 1);
  assert.deepEqual(status('Gateway', 'g'), theirs);
});

test('who does not lead writes nothing, and all of it once it leads', async (t) => {
  const { server, say, writer, lead, status } = await start(t, ['HTTPRoute', 'r']);
  lead(false);
  say(new Map([[route, { parents: [parent('gw', condition('Accepted', 'True'))] }]]));
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).length, 0);
  lead(true);
  writer.rewrite();
  await written(server, 1);
  assert.equal((status('HTTPRoute', 'r') as { parents: object[] }).parents.length, 1);
});

test('a Conflict is read again and retried, and so is a server that fails; the failure is told once', async (t) => {
  const { server, say, status, errors } = await start(t, ['HTTPRoute', 'r']);
  server.once((request, response) => {
    if (request.method !== 'PATCH') return false;
    // Somebody else is faster.
    server.put(routes, { metadata: { name: 'r', namespace: 'n', generation: 1 }, status: { parents: [foreign] } });
    answer(response, 409, 'Conflict');
    return true;
  });
  say(new Map([[route, { parents: [parent('gw', condition('Accepted', 'True'))] }]]));
  await written(server, 2);
  assert.equal((status('HTTPRoute', 'r') as { parents: object[] }).parents.length, 2);
  assert.deepEqual(errors, []);
  for (let failures = 0; failures < 2; failures++)
    server.once((request, response) =>
      request.method === 'PATCH' ? answer(response, 503, 'ServiceUnavailable') : false,
    );
  say(new Map([[route, { parents: [parent('gw', condition('Accepted', 'False'))] }]]));
  await written(server, 5);
  assert.deepEqual(errors, ['HTTPRoute/n/r it is ServiceUnavailable']);
});

test('nothing is said of a spec that was not compiled yet', async (t) => {
  const { server, say } = await start(t, ['HTTPRoute', 'r']);
  server.put(routes, { metadata: { name: 'r', namespace: 'n', generation: 2 } });
  say(new Map([[route, { parents: [parent('gw', condition('Accepted', 'True'))] }]]));
  await fetch(`http://127.0.0.1:${server.port}/none`);
  assert.equal(patches(server).length, 0);
});

test('an object that keeps changing is written now and then, and at last as it is', async (t) => {
  const { server, say, writer, status } = await start(t, ['Gateway', 'g']);
  const startedAt = performance.now();
  const listenersOf = (attachedRoutes: number) => [{ name: 'l', attachedRoutes, conditions: [] }];
  for (let count = 1; count <= 200; count++) {
    say(new Map([[gateway, { listeners: listenersOf(count) }]]));
    await fetch(`http://127.0.0.1:${server.port}/none`);
    writer.observed('Gateway', 'n/g');
  }
  await until(() => {
    const { listeners } = (status('Gateway', 'g') ?? {}) as { listeners?: unknown };
    return isDeepStrictEqual(listeners, listenersOf(200));
  }, 'the last count is written');
  // The gaps grow to 800 ms: eight writes in the first second and a half.
  const most = 8 + (performance.now() - startedAt) / 800;
  assert.ok(patches(server).length <= most, `${patches(server).length} writes`);
});

test('a Gateway does not wait for the routes that came before it', async (t) => {
  const names = Array.from({ length: 50 }, (_, i) => `r${i}`);
  const { server, say } = await start(t, ...names.map((name) => ['HTTPRoute', name] as const), ['Gateway', 'g']);
  const ofRoutes = names.map(
    (name) => [keyOf('HTTPRoute', 'n', name), { parents: [parent('g', condition('Accepted', 'True'))] }] as const,
  );
  say(new Map<string, ResourceStatus>([...ofRoutes, [gateway, { conditions: [condition('Programmed', 'True')] }]]));
  await written(server, 51);
  const place = patches(server).findIndex(({ path }) => path.includes('/gateways/'));
  // So many writes may be under way at once.
  assert.ok(place >= 0 && place < 16, `its write is number ${place}`);
});
