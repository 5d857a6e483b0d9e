/**
 * `npm test [-- FILE…]`: all tests (or the named ones) by Node's test runner. A process for each file where sockets, processes
 * or memory are tested; one for all files of a folder that only computes.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
/** Outside, because Node runs no tests below `node_modules`. */
const groups = mkdtempSync(join(tmpdir(), 'headgate-tests-'));
const named = process.argv.slice(2);

/** The soak takes a minute of waiting: it goes first, and everything else beside it. Then what takes longest. */
const first = [
  'test/soak.test.ts',
  'test/examples.test.ts',
  'src/cli/commands/controller-outages.test.ts',
  'src/cli/commands/run.test.ts',
  'src/proxy/http/http2-memory.test.ts',
  'src/cli/commands/controller.test.ts',
  'src/cli/commands/proxy.test.ts',
];

/** To start a process and load the sources costs more than these tests themselves. */
const together: Readonly<Record<string, string>> = {
  model: 'src/model/**/*.test.ts',
  compiler: 'src/{compiler,contract,filters,channel,policies}/**/*.test.ts',
  controller: 'src/{controller,lib}/**/*.test.ts',
  cli: 'src/cli/*.test.ts',
  proxy: 'src/proxy/{routing,upstream,observe}/**/*.test.ts',
  http2: 'src/proxy/http/{hpack,http2-}*.test.ts',
  repository: 'test/{golden,layers,limits,metrics,own-kinds,random-documents}.test.ts',
};

function allFiles(): string[] {
  const files = new Set(globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }));
  const grouped = Object.entries(together).map(([name, pattern]) => groupOf(name, pattern, files));
  const missing = first.filter((file) => !files.delete(file));
  if (missing.length > 0) throw new Error(`test/run.ts names tests that do not exist: ${missing.join(', ')}`);
  return [...first, ...grouped, ...[...files].toSorted()];
}

/** A hook of the whole file would be one of the whole group. */
function hasHooks(file: string): boolean {
  return /^(?:before|after)(?:Each)?\(/m.test(readFileSync(join(root, file), 'utf8'));
}

/** One file that loads those of the group, which are taken out of `files`. */
function groupOf(name: string, pattern: string, files: Set<string>): string {
  const members = globSync(pattern, { cwd: root })
    .filter((member) => !first.includes(member) && !hasHooks(member))
    .toSorted();
  for (const member of members) files.delete(member);
  const path = join(groups, `${name} (${members.length} files).test.mjs`);
  writeFileSync(path, members.map((member) => `await import(${JSON.stringify(join(root, member))});\n`).join(''));
  return path;
}

const files = named.length > 0 ? named : allFiles();
const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    // The soak leaves most of its processor to others.
    '--test-concurrency=5',
    '--test-reporter=./test/reporter.ts',
    '--test-reporter-destination=stdout',
    ...files,
  ],
  // Without the compiled sources each process would compile them again.
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled') },
  },
);
rmSync(groups, { recursive: true });
process.exit(status ?? 1);
