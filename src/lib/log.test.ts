import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from './log.ts';
import { plainStyle } from './style.ts';

const now = () => new Date('2026-11-21T10:00:00.000Z');

function logTo(format: 'text' | 'json'): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = [];
  return { lines, log: createLog({ format, style: plainStyle, now, write: (text) => lines.push(text) }) };
}

test('a JSON record is one line with its fields', () => {
  const { lines, log } = logTo('json');
  log.error('port in use', { port: 80, where: 'a\nb' });
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.indexOf('\n'), lines[0]!.length - 1);
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: '2026-11-21T10:00:00.000Z',
    level: 'error',
    message: 'port in use',
    port: 80,
    where: 'a\nb',
  });
});

test('text from strangers cannot steer the terminal', () => {
  const { lines, log } = logTo('text');
  log.warn('name \x1b]0;title\x07 and \x1b[2J\r');
  assert.match(lines[0]!, /▲ name \\x1b\]0;title\\x07 and \\x1b\[2J\\x0d\n$/);
});

test('further lines of a message stand under the first', () => {
  const { lines, log } = logTo('text');
  log.info('one\ntwo');
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d ● one\n {11}two\n$/);
});
