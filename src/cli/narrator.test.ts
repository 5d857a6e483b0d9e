import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Changes } from '../controller/changes.ts';
import type { ControllerView, SourceProblem } from '../controller/parts.ts';
import { createLog } from '../lib/log.ts';
import { plainStyle } from '../lib/style.ts';
import { createNarrator } from './narrator.ts';
import { cart, documents, gateway, route, viewOf } from './view.test-support.ts';

const toCart = 'rules: [{ backendRefs: [{ name: cart, port: 80 }] }]';
const good = viewOf(documents(gateway, cart, route('cart', toCart)));
const nothing: Changes = { added: [], changed: [], removed: [] };

function narrate(format: 'text' | 'json') {
  let text = '';
  const write = (more: string) => void (text += more);
  const log = createLog({ format, style: plainStyle, write });
  const tell = createNarrator({ log, style: plainStyle, write, defaultAddresses: ['0.0.0.0'] });
  const taken = () => {
    const all = text;
    text = '';
    return all;
  };
  const live = (view: ControllerView, changes: Changes = nothing, isFirst = false) =>
    tell({ type: 'live', view, changes, tookMs: 7.25, isFirst });
  const problems = (fresh: SourceProblem[], solved: SourceProblem[] = []) =>
    tell({ type: 'problems', view: good, fresh, solved });
  return { tell, taken, live, problems };
}

test('the start is a report for people and records for programs', () => {
  const people = narrate('text');
  people.live(good, nothing, true);
  assert.match(
    people.taken(),
    /LISTENER[^]*Try it:\n {2}curl [^]*Serving 1 listener, 1 route, 1 backend; edits are followed\n$/,
  );
  const programs = narrate('json');
  programs.live(good, nothing, true);
  const records = programs
    .taken()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ message }) => message.split(' ')[0]),
    ['listener', 'route', 'backend', 'try', 'Serving'],
  );
});

test('a change is a line with names and time', () => {
  const { live, taken } = narrate('text');
  live(good, nothing, true);
  taken();
  live(good, { added: ['HTTPRoute/shop/new'], changed: ['HTTPRoute/shop/cart'], removed: ['Service/shop/old'] });
  assert.match(
    taken(),
    /added HTTPRoute shop\/new; changed HTTPRoute shop\/cart; removed Service shop\/old; live in 7\.3 ms\n$/,
  );
  live(good, { ...nothing, changed: Array.from({ length: 9 }, (_, i) => `HTTPRoute/shop/r${i}`) });
  assert.match(taken(), /r4 and 4 more; live/);
});

test('of a path that is gone nothing is said to stay in use', () => {
  const { live, problems, taken } = narrate('text');
  live(good, nothing, true);
  taken();
  problems([{ severity: 'error', file: 'k8s', message: 'no such file or folder', isMissing: true }], []);
  const text = taken();
  assert.match(text, /k8s: no such file or folder\n +What it held is served no more/);
});

test('a broken edit is told at once, with its place and what stays in use', () => {
  const { live, problems, taken } = narrate('text');
  live(good, nothing, true);
  taken();
  const problem = {
    severity: 'error' as const,
    file: 'r.yaml',
    line: 4,
    object: 'HTTPRoute shop/cart',
    field: 'spec.rules',
    message: 'is bad',
  };
  problems([problem]);
  assert.match(
    taken(),
    /✖ r\.yaml:4 HTTPRoute shop\/cart spec\.rules: is bad\n +The last good version of HTTPRoute shop\/cart stays in use\.\n$/,
  );
  problems([{ ...problem, object: 'HTTPRoute shop/unknown' }]);
  assert.doesNotMatch(taken(), /last good/);
  problems([{ severity: 'error', file: 'r.yaml', line: 1, message: 'no YAML' }]);
  assert.match(taken(), /The last good version of what the file holds stays in use/);
  problems([], [problem]);
  assert.match(taken(), /● r\.yaml is in order again\n$/);
});

test('what a condition says is told when it is new, and not again', () => {
  const { live, taken } = narrate('text');
  live(good, nothing, true);
  taken();
  const bad = viewOf(documents(gateway, cart, route('cart', 'rules: [{ backendRefs: [{ name: gone, port: 80 }] }]')));
  live(bad, { ...nothing, changed: ['HTTPRoute/shop/cart'] });
  assert.match(taken(), /routes\.yaml:3 HTTPRoute shop\/cart parent web: ResolvedRefs=False BackendNotFound/);
  live(bad, { ...nothing, changed: ['Service/shop/cart'] });
  assert.doesNotMatch(taken(), /BackendNotFound/);
});

test('a version that proxies refuse is an error, and the last good one stays', () => {
  const { tell, taken } = narrate('json');
  tell({ type: 'refused', version: 3, message: 'no memory' });
  const record = JSON.parse(taken());
  assert.equal(record.level, 'error');
  assert.match(record.message, /no memory.*last good version stays/);
});
