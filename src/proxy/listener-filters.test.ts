/** Filters of listeners (GEP-5224): before a route is chosen, and without a say in which host the request is for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Filter } from '../contract/filter.ts';
import { fieldsFrom, Scene } from './forward-testing.ts';

test('they run in order before the match, which sees what they made of the request, once', () => {
  const seen: string[] = [];
  const note = (name: string): Filter => ({
    onRequest({ request }) {
      seen.push(`${name} ${request.target}`);
      request.target = `${request.target}${name}`;
      request.headers.set('x-name', name);
      return undefined;
    },
    onResponse: () => void seen.push(`${name} response`),
    onFinish: () => void seen.push(`${name} finish`),
  });
  const scene = new Scene({ listenerFilters: [note('a'), note('b')], filters: [note('rule')] });
  const { downstream } = scene.request({ target: '/?' });
  const [sent] = scene.tries;
  assert.equal(sent?.request.target, '/?abrule');
  assert.match(sent.headers, /x-name: rule/);
  sent.answer(200);
  assert.equal(downstream.status, 200);
  const hooks = [
    ['a /?', 'b /?a', 'rule /?ab'],
    ['rule response', 'b response', 'a response'],
    ['a finish', 'b finish', 'rule finish'],
  ];
  assert.deepEqual(seen, hooks.flat());
});

test('a new path leads to another route, or to none', () => {
  const toNowhere: Filter = {
    onRequest({ request }) {
      request.target = '/none?q';
      return undefined;
    },
  };
  const { downstream } = new Scene({ listenerFilters: [toNowhere] }).request({ target: '/' });
  assert.equal(downstream.status, 404);
});

test('they cannot change the host, and see no false claims about the client', async () => {
  let claimed: string | undefined;
  const evil: Filter = {
    async onRequest({ request }) {
      claimed = request.headers.get('x-forwarded-for');
      request.authority = 'evil.example';
      request.headers.set('Host', 'evil.example');
      return undefined;
    },
  };
  const scene = new Scene({ listenerFilters: [evil] });
  scene.request({ headers: fieldsFrom({ 'x-forwarded-for': '1.2.3.4' }) });
  for (let i = 0; i < 5; i++) await Promise.resolve();
  const [sent] = scene.tries;
  assert.equal(sent?.request.authority, 'shop.example.com');
  assert.equal(claimed, '192.0.2.7');
  assert.doesNotMatch(sent.headers, /^host:/im);
  assert.equal(sent.headers.match(/x-forwarded-for/gi)?.length, 1);
});

test('one that answers, or fails, is the last', async () => {
  let later = 0;
  const count: Filter = { onRequest: () => void later++ };
  const deny: Filter = { onRequest: () => ({ status: 401, reason: 'Denied' }) };
  const fail: Filter = { onRequest: () => Promise.reject(new Error('broken')) };
  for (const [first, status] of [
    [deny, 401],
    [fail, 500],
  ] as const) {
    const scene = new Scene({ listenerFilters: [first, count], filters: [count] });
    const { downstream } = scene.request();
    for (let i = 0; i < 5; i++) await Promise.resolve();
    assert.deepEqual([downstream.status, later, scene.tries.length], [status, 0, 0]);
  }
});
