/** Sessions through whole exchanges: who gets a token, where it leads, and when it is over. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { SessionPersistenceConfig } from '../../contract/gateway-config.ts';
import { endpointAt, fieldsFrom, Scene, type SceneOptions } from '../forward-testing.ts';

const cookie: SessionPersistenceConfig = {
  type: 'Cookie',
  sessionName: 'sid',
  cookieLifetime: 'Session',
  absoluteTimeoutMs: 0,
  idleTimeoutMs: 0,
};

function sceneWith(sessionPersistence: SessionPersistenceConfig, options: SceneOptions = {}): Scene {
  const endpoints = [1, 2, 3].map((port) => endpointAt(port));
  return new Scene({ endpoints, ...options, rule: { sessionPersistence } });
}

/** One exchange: which endpoint got it, and what the client was told. */
function visit(scene: Scene, headers: Record<string, string> = {}) {
  const { downstream } = scene.request({ headers: fieldsFrom(headers) });
  const last = scene.tries.at(-1)!;
  last.answer(200);
  return {
    endpoint: last.endpoint,
    cookie: downstream.headers.get('set-cookie'),
    header: downstream.headers.get('sid'),
  };
}

function tokenOf(setCookie: string | undefined): string {
  return /^sid=([^;]+)/.exec(setCookie ?? '')![1]!;
}

test('a cookie keeps a client at its endpoint and gives no address away', () => {
  const scene = sceneWith(cookie);
  const first = visit(scene);
  assert.match(first.cookie!, /^sid=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.ok(!Buffer.from(tokenOf(first.cookie), 'base64url').includes('10.0.0'));
  for (let i = 0; i < 5; i++) {
    const again = visit(scene, { cookie: `a=b; sid=${tokenOf(first.cookie)}` });
    assert.equal(again.endpoint, first.endpoint);
    assert.equal(again.cookie, undefined);
  }
});

test('a cookie has the path that the route gives it', () => {
  assert.match(visit(sceneWith({ ...cookie, cookiePath: '/shop' })).cookie!, /; Path=\/shop; /);
});

test('a header does the same', () => {
  const scene = sceneWith({ ...cookie, type: 'Header' });
  const first = visit(scene);
  const again = visit(scene, { sid: first.header! });
  assert.equal(again.endpoint, first.endpoint);
  assert.equal(visit(scene, { sid: 'no token at all' }).header !== undefined, true);
});

test('the same token leads to the same endpoint in another worker', () => {
  const first = visit(sceneWith(cookie));
  const other = sceneWith(cookie);
  visit(other);
  assert.equal(visit(other, { cookie: `sid=${tokenOf(first.cookie)}` }).endpoint, first.endpoint);
});

test('a session whose endpoint is gone moves on with a new token', () => {
  const scene = sceneWith(cookie);
  const first = visit(scene);
  scene.backend.updateEndpoints(
    [1, 2, 3].map((port) => endpointAt(port)).filter((one) => !first.endpoint.endsWith(`:${one.port}`)),
  );
  const next = visit(scene, { cookie: `sid=${tokenOf(first.cookie)}` });
  assert.notEqual(next.endpoint, first.endpoint);
  assert.notEqual(tokenOf(next.cookie), tokenOf(first.cookie));
});

test('a session stays with its backend whatever the weights, until that is 0', () => {
  const weights = { first: 1, other: 99 };
  const scene = sceneWith(cookie, {
    choices: (self) => {
      const other = self.addBackend('other', [endpointAt(9)]);
      return [
        {
          ref: {
            filters: [],
            get weight() {
              return weights.first;
            },
          },
          backend: self.backend,
          filters: [],
        },
        { ref: { filters: [], weight: weights.other }, backend: other, filters: [] },
      ];
    },
    forwarder: { random: () => 0 },
  });
  const first = visit(scene);
  const headers = { cookie: `sid=${tokenOf(first.cookie)}` };
  assert.equal(visit(scene, headers).endpoint, first.endpoint);
  weights.first = 0;
  assert.equal(visit(scene, headers).endpoint, '10.0.0.1:9');
});

test('time-outs end a session; use puts the idle one off', (context) => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  context.after(() => mock.timers.reset());
  const scene = sceneWith({ ...cookie, cookieLifetime: 'Permanent', absoluteTimeoutMs: 60_000, idleTimeoutMs: 20_000 });
  const first = visit(scene);
  assert.match(first.cookie!, /; Max-Age=60$/);
  mock.timers.tick(15_000);
  const second = visit(scene, { cookie: `sid=${tokenOf(first.cookie)}` });
  assert.equal(second.endpoint, first.endpoint);
  assert.match(second.cookie!, /; Max-Age=45$/);
  mock.timers.tick(15_000);
  const third = visit(scene, { cookie: `sid=${tokenOf(second.cookie)}` });
  assert.equal(third.endpoint, first.endpoint);
  mock.timers.tick(25_000);
  const idle = visit(scene, { cookie: `sid=${tokenOf(third.cookie)}` });
  assert.match(idle.cookie!, /; Max-Age=60$/);
});
