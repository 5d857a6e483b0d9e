/** Holds the table of layers over the import lines: which folder of src/ may import which. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const src = join(dirname(import.meta.dirname), 'src');

/** A folder's own files are always allowed. `types:` allows `import type` only. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  model: ['lib'],
  contract: ['lib', 'types:model'],
  compiler: ['contract', 'model', 'lib'],
  proxy: ['contract', 'lib'],
  filters: ['contract', 'model', 'lib'],
  policies: ['contract', 'model', 'lib'],
  kube: ['model', 'contract', 'lib'],
  sources: ['kube', 'model', 'contract', 'lib'],
  channel: ['model', 'contract', 'lib'],
  infrastructure: ['kube', 'model', 'contract', 'lib'],
  controller: ['compiler', 'kube', 'sources', 'channel', 'infrastructure', 'model', 'contract', 'lib'],
};
/** Only here are lists, planes and sources wired together. */
const unrestricted = new Set(['cli', 'main.ts']);
/** Node modules a pure layer may use. */
const nodeModules: Readonly<Record<string, readonly string[]>> = { compiler: ['node:crypto'] };

interface Import {
  readonly file: string;
  readonly target: string;
  readonly isType: boolean;
}

/** Tests and worker entries wire things up, so only sources count; an entry is named by a URL, not by an import. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8');
  const found = text.matchAll(/^(?:import|export)\s(type\s)?(?:[^'";]*?\sfrom\s)?'([^']+)'|import\('([^']+)'\)/gm);
  return [...found].map(([, type, target, dynamic]) => ({
    file,
    target: target ?? dynamic!,
    isType: type !== undefined,
  }));
}

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !/\.test-|testdata/.test(file),
);

function violation({ file, target, isType }: Import): string | null {
  const layer = file.split('/')[0]!;
  if (unrestricted.has(layer)) return null;
  if (target.startsWith('node:')) {
    const allowed = nodeModules[layer];
    return allowed && !allowed.includes(target) ? `${file} may not import ${target}` : null;
  }
  if (!target.startsWith('.')) return null;
  const other = relative(src, join(src, dirname(file), target)).split('/')[0]!;
  const allowed = mayImport[layer];
  if (!allowed) return `${file} is in no layer`;
  if (other === layer || allowed.includes(other) || (isType && allowed.includes(`types:${other}`))) return null;
  return `${file} may not import ${other}/ (${target})`;
}

test('every import keeps to the layers', () => {
  const imports = sources.flatMap(importsOf);
  assert.ok(imports.length > 100, 'imports are found');
  assert.deepEqual(imports.map(violation).filter(Boolean), []);
});

test('a forbidden import is found', () => {
  assert.equal(
    violation({ file: 'proxy/forward.ts', target: '../model/kinds.ts', isType: false }),
    'proxy/forward.ts may not import model/ (../model/kinds.ts)',
  );
  assert.equal(violation({ file: 'contract/policy.ts', target: '../model/resources.ts', isType: true }), null);
  assert.match(String(violation({ file: 'compiler/compile.ts', target: 'node:fs', isType: false })), /node:fs/);
});

test('no source is longer than 400 lines', () => {
  const long = sources
    .filter((file) => !file.includes('.generated.'))
    .filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 401);
  assert.deepEqual(long, []);
});
