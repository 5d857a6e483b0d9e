import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFileSource, type FileSourceOptions } from './files.ts';
import { hostOf, route, watchFolder, type Told } from './files.test-support.ts';

test('folders are read to their depth; hidden, temporary and other files are not', (t) => {
  const { last } = watchFolder(t, {
    'a.yaml': route('one'),
    'deep/er/b.yml': route('two'),
    'c.json': JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }),
    '.hidden.yaml': route('three'),
    'a.yaml~': route('four'),
    '.#a.yaml': route('five'),
    'a.yaml.swp': route('six'),
    'notes.txt': route('seven'),
  });
  assert.deepEqual([...last().resources.of('HTTPRoute').keys()].toSorted(), ['default/one', 'default/two']);
  assert.deepEqual([...last().resources.of('Namespace').keys()], ['shop']);
  assert.deepEqual(last().problems, []);
});

test('where the system has no watches left, folders are looked at, with a warning', async (t) => {
  const exhausted = () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  };
  const files = { 'a.yaml': route('one'), 'deep/b.yaml': route('two') };
  const { folder, last, write, until } = watchFolder(t, files, ['.'], { watchFolder: exhausted });
  assert.equal(last().resources.of('HTTPRoute').size, 2);
  const warnings = last().problems.filter(({ severity }) => severity === 'warning');
  assert.match(warnings[0]!.message, /looked at every 500 ms.*max_user_watches/);
  write('deep/b.yaml', route('two', 'b.example'));
  await until((told) => hostOf(told, 'two') === 'b.example');
  write('c.yaml', route('three'));
  await until((told) => hostOf(told, 'three') !== undefined);
  rmSync(join(folder, 'deep'), { recursive: true });
  await until((told) => hostOf(told, 'two') === undefined);
  mkdirSync(join(folder, 'new'));
  write('new/d.yaml', route('four'));
  await until((told) => hostOf(told, 'four') !== undefined);
});

test('a file that is named is read whatever it is called', (t) => {
  const { last } = watchFolder(t, { 'routes.txt': route('one') }, ['routes.txt']);
  assert.equal(last().resources.of('HTTPRoute').size, 1);
});

test('a missing path is a problem until it is there', async (t) => {
  const { last, write, until } = watchFolder(t, { 'x/keep.txt': '' }, ['later.yaml']);
  assert.match(last().problems[0]!.message, /no such file/);
  write('later.yaml', route('one'));
  assert.deepEqual((await until((told) => hostOf(told, 'one') !== undefined)).problems, []);
});

test('an edit counts the generation; what did not change stays the same object', async (t) => {
  const { last, write, until } = watchFolder(t, {
    'a.yaml': route('one'),
    'b.yaml': `${route('two')}---\n${route('three')}`,
  });
  const before = last().resources.of('HTTPRoute');
  write('b.yaml', `${route('two', 'b.example')}---\n${route('three')}`);
  const after = (await until((told) => hostOf(told, 'two') === 'b.example')).resources.of('HTTPRoute');
  assert.equal(after.get('default/one'), before.get('default/one'));
  assert.equal(after.get('default/three'), before.get('default/three'));
  assert.equal(before.get('default/two')!.metadata.generation, 1);
  assert.equal(after.get('default/two')!.metadata.generation, 2);
});

test('a file that is written again as it was says nothing', async (t) => {
  const { told, write, until } = watchFolder(t, { 'a.yaml': route('one') });
  write('a.yaml', route('one'));
  write('b.yaml', route('two'));
  await until((state) => hostOf(state, 'two') !== undefined);
  assert.equal(told.length, 2);
});

test('a broken edit keeps the last good state and says where it is broken', async (t) => {
  const { write, until } = watchFolder(t, { 'a.yaml': `${route('one')}---\n${route('two')}` });
  write('a.yaml', `${route('one', 'b.example')}---\nkind: [\n`);
  const broken = await until((told) => hostOf(told, 'one') === 'b.example');
  assert.equal(hostOf(broken, 'two'), 'a.example');
  assert.equal(broken.problems.length, 1);
  assert.deepEqual([broken.problems[0]!.severity, broken.problems[0]!.line], ['error', 9]);
  write('a.yaml', route('one', 'c.example'));
  const mended = await until((told) => hostOf(told, 'one') === 'c.example');
  assert.deepEqual([hostOf(mended, 'two'), mended.problems], [undefined, []]);
});

test('a refused object keeps its last good state; others of the file move on', async (t) => {
  const { write, until } = watchFolder(t, { 'a.yaml': `${route('one')}---\n${route('two')}` });
  write('a.yaml', `${route('one', 'not_a_name')}---\n${route('two', 'b.example')}`);
  const told = await until((state) => hostOf(state, 'two') === 'b.example');
  assert.equal(hostOf(told, 'one'), 'a.example');
  assert.deepEqual(
    told.problems.map(({ object, field, line }) => [object, field, line]),
    [['HTTPRoute default/one', 'spec.hostnames[0]', 6]],
  );
});

test('a file that is emptied or cut off keeps what it held; one that is removed does not', async (t) => {
  const whole = `${route('one')}---\n${route('two')}---\n${route('three')}`;
  const { folder, write, until } = watchFolder(t, { 'a.yaml': whole });
  const names = ({ resources }: Told): string[] => [...resources.of('HTTPRoute').keys()];
  // What a shell makes of it before `helm template . > a.yaml` has anything to say.
  write('a.yaml', '');
  const empty = await until(({ problems }) => problems.length > 0);
  assert.match(empty.problems[0]!.message, /is empty/);
  assert.equal(names(empty).length, 3);
  write(
    'a.yaml',
    `${route('one', 'b.example')}---\n${route('two').slice(0, -'spec:\n  hostnames: [a.example]\n'.length)}spec: ho`,
  );
  const cut = await until((told) => hostOf(told, 'one') === 'b.example');
  assert.deepEqual(names(cut).toSorted(), ['default/one', 'default/three', 'default/two']);
  assert.deepEqual(
    cut.problems.map(({ object }) => object),
    ['HTTPRoute default/two'],
  );
  write('a.yaml', `${route('one')}---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRou`);
  assert.equal(names(await until((told) => hostOf(told, 'one') === 'a.example')).length, 3);
  unlinkSync(join(folder, 'a.yaml'));
  assert.deepEqual((await until((told) => names(told).length === 0)).problems, []);
});

test('a file that is renamed is not in two places', async (t) => {
  const { folder, told, write, until } = watchFolder(t, { 'a.yaml': route('one'), 'x/b.yaml': route('two') });
  renameSync(join(folder, 'a.yaml'), join(folder, 'z.yaml'));
  renameSync(join(folder, 'x'), join(folder, 'y'));
  write('c.yaml', route('three'));
  await until((state) => hostOf(state, 'three') !== undefined);
  write('z.yaml', route('one', 'b.example'));
  write('y/b.yaml', route('two', 'b.example'));
  await until((state) => hostOf(state, 'one') === 'b.example' && hostOf(state, 'two') === 'b.example');
  assert.deepEqual(
    told.flatMap(({ problems }) => problems),
    [],
  );
  assert.ok(
    told.every((state) => hostOf(state, 'one') !== undefined && hostOf(state, 'two') !== undefined),
    'neither was gone for a moment',
  );
});

test('what cannot be looked at keeps what it held, and is named', async (t) => {
  const { folder, until } = watchFolder(t, { 'x/a.yaml': route('one'), 'b.yaml': route('two') });
  const place = join(folder, 'x');
  renameSync(place, `${folder}-away`);
  t.after(() => rmSync(`${folder}-away`, { recursive: true, force: true }));
  // A link to itself: like a folder without permission, it is there and cannot be entered.
  symlinkSync('x', place);
  const told = await until(({ problems }) => problems.length > 0);
  assert.match(told.problems[0]!.message, /^cannot be read/);
  assert.deepEqual([hostOf(told, 'one'), hostOf(told, 'two')], ['a.example', 'a.example']);
  unlinkSync(place);
  renameSync(`${folder}-away`, place);
  assert.equal(hostOf(await until(({ problems }) => problems.length === 0), 'one'), 'a.example');
  rmSync(place, { recursive: true });
  symlinkSync('x', place);
  await until(({ problems }) => problems.length > 0);
  unlinkSync(place);
  await until((state) => state.problems.length === 0 && hostOf(state, 'one') === undefined);
});

test('a file that is missing for a moment again and again, and comes back as it was, is never gone', (t) => {
  let now = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => now);
  let happen = (_name: string): void => {};
  const byHand: FileSourceOptions['watchFolder'] = (_folder, { onChange }) => {
    happen = onChange;
    return { close() {} };
  };
  const { folder, told, write } = watchFolder(t, { 'a.yaml': route('one') }, ['.'], { watchFolder: byHand });
  const pass = (ms: number): void => {
    happen('a.yaml');
    now += ms;
    t.mock.timers.tick(ms);
  };
  for (let times = 0; times < 3; times++) {
    renameSync(join(folder, 'a.yaml'), join(folder, 'a.yaml~'));
    pass(5);
    renameSync(join(folder, 'a.yaml~'), join(folder, 'a.yaml'));
    pass(100);
  }
  write('a.yaml', route('one', 'b.example'));
  pass(100);
  assert.deepEqual(
    told.map((state) => hostOf(state, 'one')),
    ['a.example', 'b.example'],
  );
});

test('an atomic rename replaces, a removal removes', async (t) => {
  const { folder, write, until } = watchFolder(t, { 'a.yaml': route('one'), 'b.yaml': route('two') });
  write('.new', route('one', 'b.example'));
  renameSync(join(folder, '.new'), join(folder, 'a.yaml'));
  await until((told) => hostOf(told, 'one') === 'b.example');
  unlinkSync(join(folder, 'b.yaml'));
  const told = await until((state) => hostOf(state, 'two') === undefined);
  assert.equal(hostOf(told, 'one'), 'b.example');
});

test('a link whose file comes later is followed', async (t) => {
  const { folder, write, until } = watchFolder(t, { 'x/a.yaml': route('one'), 'y/keep.txt': '' }, ['x']);
  symlinkSync('../y/b.yaml', join(folder, 'x/b.yaml'));
  write('x/c.yaml', route('three'));
  await until((told) => hostOf(told, 'three') !== undefined);
  write('y/b.yaml', route('two'));
  await until((told) => hostOf(told, 'two') === 'a.example');
  unlinkSync(join(folder, 'y/b.yaml'));
  await until((told) => hostOf(told, 'two') === undefined);
});

test('a ConfigMap volume swaps its files by one link', async (t) => {
  const { folder, until } = watchFolder(t, {
    'mount/..1/a.yaml': route('one'),
    'mount/..2/a.yaml': route('one', 'b.example'),
  });
  const mount = join(folder, 'mount');
  symlinkSync('..1', join(mount, '..data'));
  symlinkSync('..data/a.yaml', join(mount, 'a.yaml'));
  await until((told) => hostOf(told, 'one') === 'a.example');
  symlinkSync('..2', join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  await until((told) => hostOf(told, 'one') === 'b.example');
});

test('an object in two files: the first by path counts, both are named', async (t) => {
  const { folder, last, until } = watchFolder(t, { 'a.yaml': route('one'), 'b.yaml': route('one', 'b.example') });
  assert.equal(hostOf(last(), 'one'), 'a.example');
  const [problem] = last().problems;
  assert.equal(problem!.severity, 'error');
  assert.equal(problem!.file, join(folder, 'b.yaml'));
  assert.match(problem!.message, /a\.yaml:1/);
  unlinkSync(join(folder, 'a.yaml'));
  const told = await until((state) => hostOf(state, 'one') === 'b.example');
  assert.deepEqual(told.problems, []);
});

test('an unknown kind is named once', (t) => {
  const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n';
  const { last } = watchFolder(t, { 'a.yaml': `${deployment}---\n${deployment}`, 'b.yaml': deployment });
  assert.deepEqual(
    last().problems.map(({ severity, message }) => [severity, message.slice(0, 18)]),
    [['notice', 'apps/v1 Deployment']],
  );
});

test('a kind that is misspelt is an error that names the right one', (t) => {
  const wrong = 'apiVersion: gateway.networking.k8s.io/v1\nkind: HttpRoute\nmetadata: { name: a }\n';
  const foreign = 'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: a }\n';
  const { problems } = watchFolder(t, { 'a.yaml': wrong, 'b.yaml': foreign }).last();
  assert.deepEqual(
    problems.map(({ severity }) => severity),
    ['error', 'notice'],
  );
  assert.match(problems[0]!.message, /did you mean gateway\.networking\.k8s\.io\/v1 HTTPRoute\?/);
});

test('nothing is told after the end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-files-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const abort = new AbortController();
  let count = 0;
  createFileSource({ paths: [folder] }).start(() => count++, abort.signal);
  abort.abort();
  const other = new AbortController();
  const seen = new Promise<void>((resolve) => {
    createFileSource({ paths: [folder] }).start(({ of }) => void (of('HTTPRoute').size > 0 && resolve()), other.signal);
  });
  writeFileSync(join(folder, 'a.yaml'), route('one'));
  await seen;
  other.abort();
  assert.equal(count, 1);
});
