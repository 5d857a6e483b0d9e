/** Hostnames and durations: the small grammars of the Gateway API. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../model/duration.ts';
import { compareHostnames, intersectHostnames, isCovered, normaliseHostname } from './hostnames.ts';

test('two hostnames meet in the more specific one', () => {
  assert.equal(intersectHostnames('', 'a.example.com'), 'a.example.com');
  assert.equal(intersectHostnames('*.example.com', ''), '*.example.com');
  assert.equal(intersectHostnames('*.example.com', 'a.b.example.com'), 'a.b.example.com');
  assert.equal(intersectHostnames('*.example.com', '*.b.example.com'), '*.b.example.com');
  assert.equal(intersectHostnames('*.example.com', 'example.com'), null);
  assert.equal(intersectHostnames('*.example.com', '*.example.org'), null);
  assert.equal(intersectHostnames('a.example.com', 'b.example.com'), null);
  assert.equal(intersectHostnames('*.example.com', 'badexample.com'), null);
});

test('a wildcard does not cover the empty hostname', () => {
  assert.equal(isCovered('', '*.example.com'), false);
  assert.equal(isCovered('', ''), true);
});

test('the most specific hostname sorts first', () => {
  const names = ['', '*.com', 'a.example.com', '*.example.com', 'longer.example.com'];
  assert.deepEqual(names.toSorted(compareHostnames), [
    'longer.example.com',
    'a.example.com',
    '*.example.com',
    '*.com',
    '',
  ]);
});

test('hostnames have no case and no trailing dot', () => {
  assert.equal(normaliseHostname('WWW.Example.com.'), 'www.example.com');
  assert.equal(normaliseHostname(undefined), '');
});

test('durations of GEP-2257', () => {
  assert.equal(parseDuration('0s'), 0);
  assert.equal(parseDuration('500ms'), 500);
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('1m30s250ms'), 90_250);
  for (const text of ['', '1', '1.5s', '-1s', '1d', '1s ', '123456s', '1h1m1s1ms1s']) {
    assert.equal(parseDuration(text), undefined, text);
  }
});
