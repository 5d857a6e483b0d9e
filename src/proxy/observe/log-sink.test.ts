import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLogSink } from './log-sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'headgate-log-'));
after(() => rmSync(folder, { recursive: true }));

test('everything is written in order, and flush waits for it', async () => {
  const file = join(folder, 'log');
  const fd = fs.openSync(file, 'w');
  const sink = createLogSink({ fd });
  let done = 0;
  let expected = '';
  for (let i = 0; i < 100; i++) {
    expected += `line ${i} ä\n`;
    sink.write(`line ${i} ä\n`, 1, () => done++);
  }
  await sink.flush(5000);
  assert.equal(fs.readFileSync(file, 'utf8'), expected);
  assert.equal(done, 100);
  assert.equal(sink.droppedLines, 0);
  fs.closeSync(fd);
});

test('a reader that does not read costs lines, never memory or time', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const fd = fs.openSync(pipe, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  const sink = createLogSink({ fd, maxWaitingBytes: 256 * 1024 });
  let done = 0;
  const line = `${'x'.repeat(64 * 1024 - 1)}\n`;
  for (let i = 0; i < 20; i++) sink.write(line, 1, () => done++);
  assert.equal(sink.droppedLines, 16);
  assert.equal(done, 16);
  await sink.flush(50);
  // Somebody reads again: what waited comes whole.
  let read = 0;
  const buffer = Buffer.alloc(64 * 1024);
  while (read < 4 * line.length) {
    try {
      read += fs.readSync(fd, buffer);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await sink.flush(5000);
  assert.equal(done, 20);
  assert.equal(sink.droppedLines, 16);
  fs.closeSync(fd);
});

test('a descriptor that is gone is only a count', async () => {
  const fd = fs.openSync(join(folder, 'read-only'), 'w');
  fs.closeSync(fd);
  const sink = createLogSink({ fd: 999_999 });
  sink.write('a\n', 1, () => {});
  await sink.flush(5000);
  sink.write('b\n', 1, () => {});
  assert.equal(sink.droppedLines, 2);
});
