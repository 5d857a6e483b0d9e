/** `npm test [-- FILE…]`: all tests (or the named ones) by Node's test runner, one process a file. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const named = process.argv.slice(2);
// The soak takes a minute of waiting: it goes first, and everything else beside it.
const soak = 'test/soak.test.ts';
const files =
  named.length > 0
    ? named
    : globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).toSorted(
        (a, b) => Number(b === soak) - Number(a === soak) || a.localeCompare(b),
      );

// Every file is a process of its own: without this each would compile the same sources again.
const compiled = join(root, 'node_modules/.cache/compiled');

const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-concurrency=2',
    '--test-reporter=./test/reporter.ts',
    '--test-reporter-destination=stdout',
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: compiled } },
);
process.exit(status ?? 1);
