/** Mirrors get a copy in time or none at all, and the request they copy never notices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointAt, type FakeTry, Scene, sendBody } from '../forward-testing.ts';
import type { PooledBackend } from './pooled-backend.ts';

/** The first try is the mirror's: it is opened before the request goes out. */
function mirrored() {
  let copy: PooledBackend | null = null;
  const scene = new Scene({
    filters: [
      {
        onRequest(exchange) {
          exchange.mirror('copy');
          return undefined;
        },
      },
    ],
    forwarder: { backendOf: (key) => (key === 'copy' ? copy : null) },
  });
  copy = scene.addBackend('copy', [endpointAt(9)]);
  return { scene, copy };
}

function bothTries(scene: Scene): { mirror: FakeTry; main: FakeTry } {
  assert.equal(scene.tries[0]!.endpoint, '10.0.0.1:9');
  return { mirror: scene.tries[0]!, main: scene.tries[1]! };
}

test('a mirror gets head and body; its answer goes nowhere', () => {
  const { scene } = mirrored();
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: 4, target: '/a' });
  const { mirror, main } = bothTries(scene);
  sendBody(run, 'ab');
  sendBody(run, 'cd');
  run.onRequestEnd(null);
  assert.deepEqual([mirror.body, main.body], ['abcd', 'abcd']);
  assert.ok(mirror.isEnded);
  assert.equal(mirror.request.target, '/a');
  assert.match(mirror.headers, /X-Forwarded-For: 192\.0\.2\.7/);
  mirror.answer(500, 'nobody reads this');
  main.answer(200, 'ok');
  assert.equal(downstream.status, 200);
  assert.equal(downstream.body, 'ok');
  assert.equal(scene.finished[0]!.endpoint!.name, '10.0.0.1:1');
});

test('a mirror that fails, or has no endpoint, is nobody’s business', () => {
  const { scene, copy } = mirrored();
  const { downstream } = scene.request();
  const { mirror, main } = bothTries(scene);
  mirror.fail('Connect');
  main.answer(200);
  assert.equal(downstream.status, 200);
  copy.updateEndpoints([]);
  const alone = scene.request();
  scene.tries[2]!.answer(204);
  assert.equal(alone.downstream.status, 204);
});

test('a mirror that falls behind is given up and holds nobody up', () => {
  const { scene } = mirrored();
  const { run, downstream } = scene.request({ method: 'POST', bodyLength: 200_000 });
  const { mirror, main } = bothTries(scene);
  mirror.takesMore = false;
  for (let i = 0; i < 5; i++) sendBody(run, 'x'.repeat(40_000));
  run.onRequestEnd(null);
  assert.ok(mirror.isAborted);
  assert.ok(!downstream.isPaused);
  assert.equal(main.body.length, 200_000);
});

test('what waited for a mirror arrives whole and in order', () => {
  const { scene, copy } = mirrored();
  const { run } = scene.request({ method: 'POST', bodyLength: 6 });
  const { mirror } = bothTries(scene);
  mirror.takesMore = false;
  for (const text of ['ab', 'cd', 'ef']) sendBody(run, text);
  run.onRequestEnd(null);
  assert.equal(mirror.body, 'ab');
  assert.ok(!mirror.isEnded);
  mirror.sink.onUpstreamDrain();
  assert.equal(mirror.body, 'abcd');
  mirror.takesMore = true;
  mirror.sink.onUpstreamDrain();
  assert.equal(mirror.body, 'abcdef');
  assert.ok(mirror.isEnded);
  mirror.answer(200);
  assert.equal(copy.retryBudget.active, 0);
});

test('a mirror ends with a request that is never completed', () => {
  const { scene, copy } = mirrored();
  const { run } = scene.request({ method: 'POST', bodyLength: 6 });
  run.onDownstreamClose('ClientClosed');
  assert.ok(bothTries(scene).mirror.isAborted);
  assert.equal(copy.retryBudget.active, 0);
});

test('a retry is not mirrored again', () => {
  const retry = { codes: [500], attempts: 1, backoffMs: 0, connectionErrors: true };
  const { scene } = mirrored();
  Object.assign(scene.rule, { retry });
  const { downstream } = scene.request();
  bothTries(scene).main.answer(500);
  assert.equal(scene.tries.length, 3);
  scene.tries[2]!.answer(200);
  assert.equal(downstream.status, 200);
});
