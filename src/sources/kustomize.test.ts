import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createFileSource } from './files.ts';
import { foldersOf } from './kustomize.ts';
import type { SourceProblem } from './source.ts';

/** An overlay of a base, and a `kustomize` that joins the base's files. */
function overlay(t: TestContext): { folder: string; base: string } {
  const root = mkdtempSync(join(tmpdir(), 'headgate-kustomize-'));
  const [folder, base, bin] = ['overlay', 'base', 'bin'].map((name) => join(root, name)) as [string, string, string];
  for (const path of [folder, base, bin]) mkdirSync(path);
  writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [../base]\n');
  writeFileSync(join(base, 'kustomization.yaml'), 'resources: [a.yaml]\n');
  writeFileSync(join(base, 'a.yaml'), namespace('one'));
  writeFileSync(join(bin, 'kustomize'), `#!/bin/sh\ncat "$2"/../base/a.yaml\n`);
  chmodSync(join(bin, 'kustomize'), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${bin}${delimiter}${path}`;
  t.after(() => {
    process.env.PATH = path;
    rmSync(root, { recursive: true });
  });
  return { folder, base };
}

const namespace = (name: string): string => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;

test('the folders of a kustomization are its own and those it reads from', (t) => {
  const { folder, base } = overlay(t);
  assert.deepEqual([...foldersOf(folder)], [folder, base]);
});

test('what is built is read, and again after a change of its base', async (t) => {
  const { folder, base } = overlay(t);
  const abort = new AbortController();
  t.after(() => abort.abort());
  const names: string[][] = [];
  const changed = new Promise<void>((resolve) => {
    createFileSource({ paths: [folder] }).start(({ of }) => {
      names.push([...of('Namespace').keys()]);
      if (names.length === 2) resolve();
    }, abort.signal);
  });
  writeFileSync(join(base, 'a.yaml'), `${namespace('one')}---\n${namespace('two')}`);
  await changed;
  assert.deepEqual(names, [['one'], ['one', 'two']]);
});

test('a kustomization that goes and comes leaves nothing behind', async (t) => {
  const { folder, base } = overlay(t);
  writeFileSync(join(folder, 'a.yaml'), namespace('unbuilt'));
  const abort = new AbortController();
  t.after(() => abort.abort());
  let look = (_state: string): void => {};
  const become = (wanted: string) =>
    new Promise<void>((resolve) => (look = (state) => void (state === wanted && resolve())));
  createFileSource({ paths: [folder] }).start(
    ({ of }, { length }) => look(`${[...of('Namespace').keys()].join()}, ${length} problems`),
    abort.signal,
  );
  rmSync(join(folder, 'kustomization.yaml'));
  await become('unbuilt, 0 problems');
  writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [../base]\n');
  await become('one, 0 problems');
  renameSync(base, `${base}-away`);
  await become('one, 1 problems');
  renameSync(`${base}-away`, base);
  await become('one, 0 problems');
  writeFileSync(join(base, 'a.yaml'), namespace('two'));
  await become('two, 0 problems');
  rmSync(folder, { recursive: true });
  await become(', 1 problems');
});

test('without kustomize and kubectl it says what to install', (t) => {
  const { folder } = overlay(t);
  process.env.PATH = '/nowhere';
  const abort = new AbortController();
  t.after(() => abort.abort());
  let told: readonly SourceProblem[] = [];
  createFileSource({ paths: [folder] }).start((_resources, problems) => (told = problems), abort.signal);
  assert.match(told[0]!.message, /install kustomize or kubectl/);
});

test('a kustomization somewhere below is not built, which is said; what is built has no lines', (t) => {
  const { folder, base } = overlay(t);
  const abort = new AbortController();
  t.after(() => abort.abort());
  let told: readonly SourceProblem[] = [];
  createFileSource({ paths: [join(base, '..')] }).start((_resources, problems) => (told = problems), abort.signal);
  assert.deepEqual(
    told.map(({ severity, file }) => [severity, file]),
    [base, folder].map((place) => ['warning', join(place, 'kustomization.yaml')]),
  );
  assert.match(told[1]!.message, new RegExp(`name its folder ${folder} instead`));
  const source = createFileSource({ paths: [folder] });
  source.start(() => {}, abort.signal);
  assert.deepEqual(source.locate?.('Namespace one'), { file: join(folder, 'kustomization.yaml'), line: 1 });
});
