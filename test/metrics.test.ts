/** docs/metrics.md says what src/proxy/observe/metric-families.ts does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type MetricFamily, metricFamilies } from '../src/proxy/observe/metric-families.ts';

const page = readFileSync(join(dirname(import.meta.dirname), 'docs/metrics.md'), 'utf8');
const families: readonly (readonly [string, MetricFamily])[] = Object.entries(metricFamilies);

test('docs/metrics.md lists every metric with its type, labels and meaning', () => {
  const rows = [...page.matchAll(/^\| `(headgate_\w+)` \| (\w+) \| ([\w, ]*) \| (.+) \|$/gm)];
  const documented = rows.map(([, name, type, labels, help]) => ({ name, type, labels: labels!.split(', '), help }));
  const actual = families.map(([name, { type, labels, help }]) => ({ name, type, labels: [...labels], help }));
  assert.deepEqual(documented, actual);
});

test('docs/metrics.md explains every label, and says where buckets end', () => {
  const explained = new Set(
    [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| /gm)].flatMap(([, names]) => names!.match(/\w+/g) ?? []),
  );
  for (const [name, { labels, bounds }] of families) {
    for (const label of labels) assert.ok(explained.has(label), `${label} of ${name}`);
    if (bounds !== undefined) assert.ok(page.includes(bounds.join(', ')), name);
  }
});
