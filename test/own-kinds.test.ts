/** What is generated from the kinds of our own is what their definitions say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ownKindFiles } from '../scripts/generate/own-kinds.ts';

test('the generated files are those of `npm run generate`', () => {
  const root = dirname(import.meta.dirname);
  const files = [...ownKindFiles()];
  assert.ok(files.length >= 2, 'the list, and a CustomResourceDefinition at least');
  for (const [path, text] of files) assert.equal(readFileSync(join(root, path), 'utf8'), text, path);
});
