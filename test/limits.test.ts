/** docs/limits.md says what src/proxy/limits.ts does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { defaultLimits } from '../src/proxy/limits.ts';

test('docs/limits.md names every limit with its default', () => {
  const page = readFileSync(join(dirname(import.meta.dirname), 'docs/limits.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, value]) => [name, Number(value)]);
  assert.deepEqual(Object.fromEntries(rows), { ...defaultLimits });
});
