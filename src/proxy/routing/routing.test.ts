import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { normaliseTarget } from '../../lib/canonical-target.ts';
import { Field, FieldList } from '../http/fields.ts';
import type { Snapshot } from '../runtime.ts';
import { compilePattern } from './pattern.ts';
import { translatePattern } from './pattern-translation.ts';
import { parseAuthority } from './request-target.ts';
import { configOf, requestOf, snapshotOf } from './routing.test-support.ts';
import { selectListener, selectSecureListener } from './select-listener.ts';

test('a second header field does not hide behind the first', () => {
  const headers = [{ name: 'x', type: 'Exact', value: '1' }] as const;
  const config = configOf([
    {
      hostname: '',
      own: '',
      matches: [{ rule: 'r', path: { type: 'PathPrefix', value: '/' }, headers }],
    },
  ]);
  const router = snapshotOf(config).listeners.get('l0')!;
  assert.ok(router.match(requestOf({ headers: new FieldList([new Field('x', '1')]) })));
  assert.equal(router.match(requestOf({ headers: new FieldList([new Field('x', '1'), new Field('x', '2')]) })), null);
});

test('a changed rule is replaced, and only it', () => {
  const path = { type: 'PathPrefix', value: '/' } as const;
  const config = configOf([
    { hostname: 'a.com', own: 'a.com', matches: [{ rule: 'one', path }] },
    { hostname: 'b.com', own: 'b.com', matches: [{ rule: 'two', path }] },
  ]);
  const before = snapshotOf(config);
  const changed = { ...config.rules['one']!, requestTimeoutMs: 5 };
  const after = snapshotOf({ ...config, rules: { ...config.rules, one: changed } }, before);
  const ruleOf = (snapshot: Snapshot, of: string) => snapshot.listeners.get('l0')!.match(requestOf({ host: of }))!.rule;
  assert.equal(ruleOf(after, 'a.com').config, changed);
  assert.equal(ruleOf(before, 'a.com').config, config.rules['one']);
  assert.equal(ruleOf(after, 'b.com'), ruleOf(before, 'b.com'));
  assert.equal(snapshotOf({ ...config }, before).listeners, before.listeners);
});

test('the most specific listener takes a host; another one than the server name chose is misdirected', () => {
  const { listeners } = snapshotOf(configOf([], ['', '*.a.com', 'x.a.com', '*.x.a.com']));
  const list = [...listeners.values()];
  const keyOf = (of: string) => selectListener(list, of)?.key;
  assert.deepEqual(['z.com', 'y.a.com', 'x.a.com', 'p.q.x.a.com', 'a.com'].map(keyOf), ['l0', 'l1', 'l2', 'l3', 'l0']);
  assert.equal(selectSecureListener(list, 'x.a.com', 'y.a.com'), 'Misdirected');
  assert.equal(selectSecureListener(list, 'y.a.com', 'z.a.com'), list[1]);
  assert.equal(selectSecureListener(list, '', 'x.a.com'), 'Misdirected');
  assert.equal(selectSecureListener(list.slice(1), 'x.a.com', 'z.com'), null);
});

test('translated expressions mean what RE2 means by them', () => {
  const atom = fc.constantFrom('a', '/', '.', '\\.', '\\d', '\\w', '[a-c]', '[^/]', '[0-9-]', '-', '$', '[.]', '(a|b)');
  const item = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}')).map((parts) => parts.join(''));
  const source = fc.array(item, { maxLength: 6 }).map((items) => items.join(''));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '1', '-', '\n', '\r', '\u2028', '😀', '$') });
  let translated = 0;
  fc.assert(
    fc.property(source, fc.array(text, { minLength: 5 }), (pattern, texts) => {
      const fast = translatePattern(pattern);
      if (fast === null) return;
      translated++;
      const linear = RE2JS.compile(pattern);
      for (const one of texts)
        assert.equal(fast.test(one), linear.testExact(one), `${pattern} on ${JSON.stringify(one)}`);
    }),
    { numRuns: 3000 },
  );
  assert.ok(translated > 300);
});

test('no expression takes more than linear time', () => {
  const text = `${'a'.repeat(20_000)}!`;
  for (const source of ['(a+)+', '(a|a)*', 'a*a*a*a*b', '.*.*.*=', '[a-z]+[a-z]+']) {
    const start = performance.now();
    assert.equal(compilePattern(source)(text), false);
    assert.ok(performance.now() - start < 1000, source);
  }
});

test('authorities lose port, case and trailing dot', () => {
  assert.deepEqual(parseAuthority('A.com.:8080'), { host: 'a.com', port: 8080 });
  assert.deepEqual(parseAuthority('[::1]'), { host: '[::1]', port: 0 });
  assert.deepEqual(parseAuthority('[::1]:80'), { host: '[::1]', port: 80 });
});

test('targets have one form', () => {
  const forms: readonly (readonly [string, string | null])[] = [
    ['/a/../b', '/b'],
    ['/%2e%2E/x', '/x'],
    ['/a//b', '/a/b'],
    ['/a/.', '/a/'],
    ['/a/..', '/'],
    ['/..', '/'],
    ['/%7ea%c3%a9', '/~a%C3%A9'],
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/a?x=//../%zz', '/a?x=//../%zz'],
    ['/%252e', '/%252e'],
    ['*', '*'],
    ['/..;x/', null],
    ['/a%2fb', null],
    ['/a%5Cb', null],
    ['/a\\b', null],
    ['/a%00', null],
    ['/a#b', null],
    ['/a?#b', null],
    ['/a%zz', null],
    ['/a%4', null],
    ['/a\tb', null],
    ['', null],
    ['a', null],
    ['/\u00e9', null],
  ];
  for (const [target, form] of forms) assert.equal(normaliseTarget(target), form, target);
});

test('the form of a form is itself, and it has neither dot segments nor empty ones', () => {
  const target = fc
    .array(fc.constantFrom('/', '.', '%2e', '%2E', 'a', ';', '%3b', '%25', '?', '%C3%a9'))
    .map((list) => `/${list.join('')}`);
  fc.assert(
    fc.property(target, (one) => {
      const form = normaliseTarget(one);
      if (form === null) return;
      assert.equal(normaliseTarget(form), form);
      assert.doesNotMatch(form.split('?')[0]!, /\/\/|\/\.{1,2}(?:[/;]|$)/);
    }),
    { numRuns: 2000 },
  );
});
