/** Folders that move, go, come and are replaced, by what is read from them. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFileSource, type FileSourceOptions } from './files.ts';
import { hostOf, route, watchFolder } from './files.test-support.ts';

test('in the present folder too, what is gone is gone', async (t) => {
  const { folder } = watchFolder(t, { 'a.yaml': route('one'), 'b.yaml': route('two') });
  const before = process.cwd();
  process.chdir(folder);
  const abort = new AbortController();
  t.after(() => abort.abort());
  t.after(() => process.chdir(before));
  let happen = (): void => {};
  const watchByHand: FileSourceOptions['watchFolder'] = (place, { onChange }) => {
    if (place === '.') happen = () => onChange(null);
    return { close() {} };
  };
  await new Promise<void>((resolve) => {
    const source = createFileSource({ paths: ['./'], watchFolder: watchByHand });
    source.start(({ of }) => void (of('HTTPRoute').size === 1 && resolve()), abort.signal);
    unlinkSync('b.yaml');
    happen();
  });
});

test('folders that come and go are followed', async (t) => {
  const { folder, until } = watchFolder(t, { 'a.yaml': route('one') });
  mkdirSync(join(folder, 'new/deep'), { recursive: true });
  writeFileSync(join(folder, 'new/deep/b.yaml'), route('two'));
  await until((told) => hostOf(told, 'two') !== undefined);
  writeFileSync(join(folder, 'new/deep/b.yaml'), route('two', 'b.example'));
  await until((told) => hostOf(told, 'two') === 'b.example');
  rmSync(join(folder, 'new'), { recursive: true });
  await until((told) => hostOf(told, 'two') === undefined);
});

test('a folder that another one takes the place of is followed', async (t) => {
  const { folder, until } = watchFolder(t, { 'x/a.yaml': route('one') });
  const [place, next] = [join(folder, 'x'), `${folder}-next`];
  t.after(() => rmSync(`${folder}-old`, { recursive: true, force: true }));
  mkdirSync(next);
  writeFileSync(join(next, 'a.yaml'), route('one', 'b.example'));
  renameSync(place, `${folder}-old`);
  renameSync(next, place);
  await until((told) => hostOf(told, 'one') === 'b.example');
  writeFileSync(join(place, 'a.yaml'), route('one', 'c.example'));
  await until((told) => hostOf(told, 'one') === 'c.example');
  rmSync(place, { recursive: true });
  mkdirSync(place);
  writeFileSync(join(place, 'a.yaml'), route('one', 'd.example'));
  await until((told) => hostOf(told, 'one') === 'd.example');
  writeFileSync(join(place, 'a.yaml'), route('one', 'e.example'));
  await until((told) => hostOf(told, 'one') === 'e.example');
});

test('a given folder that is moved away is gone, however its path is written', async (t) => {
  const { folder, until } = watchFolder(t, { 'x/a.yaml': route('one') }, ['x/', './x']);
  renameSync(join(folder, 'x'), join(folder, 'away'));
  const gone = await until((told) => hostOf(told, 'one') === undefined);
  assert.deepEqual(
    gone.problems.map(({ file, isMissing }) => [file, isMissing]),
    [[join(folder, 'x'), true]],
  );
  renameSync(join(folder, 'away'), join(folder, 'x'));
  assert.deepEqual((await until((told) => hostOf(told, 'one') !== undefined)).problems, []);
});
