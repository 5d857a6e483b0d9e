import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colouredStyle } from './style.ts';
import { tableLines } from './table.ts';

test('columns are as wide as their widest cell, and lines end without blanks', () => {
  const lines = tableLines(['NAME', 'STATE'], [['a', 'ok'], ['much-longer', ''], ['b']]);
  assert.deepEqual(lines, ['NAME         STATE', 'a            ok', 'much-longer', 'b']);
});

test('colour codes take no width', () => {
  const lines = tableLines(
    ['A', 'B'],
    [
      [colouredStyle.good('x'), 'y'],
      ['long', 'z'],
    ],
  );
  assert.equal(lines[1], `${colouredStyle.good('x')}     y`);
});

test('headings are painted and indented', () => {
  assert.deepEqual(tableLines(['A', 'B'], [['xx', 'y']], { heading: (text) => `<${text}>`, indent: '  ' }), [
    '  <A >  <B>',
    '  xx  y',
  ]);
});
