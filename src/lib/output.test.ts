import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { outputTo } from './output.ts';
import { colouredStyle, plainStyle, styleFor } from './style.ts';

test('a closed pipe is no error, and what follows is dropped', async () => {
  const stream = new PassThrough();
  const output = outputTo(stream as unknown as NodeJS.WriteStream);
  stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  await new Promise((resolve) => stream.once('close', resolve));
  output.write('lost\n');
  assert.equal(output.dropped, 1);
});

test('a reader that does not read costs a bounded amount of memory', () => {
  const stream = new PassThrough();
  const output = outputTo(stream as unknown as NodeJS.WriteStream);
  for (let i = 0; i < 100; i++) output.write('x'.repeat(100_000));
  assert.ok(stream.writableLength + stream.readableLength < 5_000_000);
  assert.ok(output.dropped > 40);
});

test('colours are for terminals, unless the environment says otherwise', () => {
  assert.equal(styleFor({ isTerminal: true }, {}), colouredStyle);
  assert.equal(styleFor({ isTerminal: false }, {}), plainStyle);
  assert.equal(styleFor({ isTerminal: true }, { NO_COLOR: '1' }), plainStyle);
  assert.equal(styleFor({ isTerminal: true }, { NO_COLOR: '' }), colouredStyle);
  assert.equal(styleFor({ isTerminal: false }, { FORCE_COLOR: '1' }), colouredStyle);
  assert.equal(styleFor({ isTerminal: true }, { TERM: 'dumb' }), plainStyle);
});
