/** `npm start` does what the README promises: the quickstart is served, and the curl lines it prints work. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify, stripVTControlCharacters } from 'node:util';
import { until } from './until.ts';

const root = dirname(import.meta.dirname);
const run = promisify(execFile);

test('npm start serves the quickstart, and its curl lines answer', { timeout: 60_000 }, async () => {
  const flags = ['quickstart', '--workers', '1', '--admin', '127.0.0.1:19182', '--log-format', 'text'];
  const start = spawn(process.execPath, [join(root, 'examples/start.ts'), ...flags]);
  let output = '';
  start.stdout.on('data', (data) => (output += data));
  start.stderr.on('data', (data) => (output += data));
  const curlLines = () => stripVTControlCharacters(output).match(/^\s*curl .*$/gm) ?? [];
  try {
    await until(() => curlLines().length > 0, 'a curl line is printed').catch((error: Error) => {
      throw new Error(`${error.message}; it printed:\n${output}`);
    });
    for (const line of curlLines()) {
      const { stdout } = await run('bash', ['-c', line], { timeout: 10_000 });
      assert.match(stdout, /echo-v[12] GET/, `${line} printed:\n${stdout}`);
    }
  } finally {
    start.kill('SIGTERM');
    await once(start, 'exit');
  }
});
