/**
 * `npm test [-- FILE…]`: all tests (or the named ones) by Node's test runner. A process for each file where whole processes,
 * memory or processor time are bounded; one for many files elsewhere, since to start it and load the sources costs more than
 * most tests do.
 */
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from 'node:test';
import report from './reporter.ts';

const root = dirname(import.meta.dirname);
/** The soak leaves most of its processor to others. */
const FILES_AT_ONCE = 5;
/** Outside, because Node runs no tests below `node_modules`. */
const groups = mkdtempSync(join(tmpdir(), 'headgate-tests-'));
const named = process.argv.slice(2);

/** The soak takes a minute of waiting: it goes first, and everything else beside it. Then what takes longest. */
const alone: readonly string[] = [
  'test/soak.test.ts',
  'test/examples.test.ts',
  'src/cli/commands/run.test.ts',
  'src/proxy/http/http2-memory.test.ts',
  'test/wire/attacks.test.ts',
  'test/wire/exhaustion.test.ts',
  'src/proxy/udp/flood.test.ts',
  'test/wire/http2.test.ts',
];

/** By their names. What takes longest goes first here, too. */
const together: Readonly<Record<string, string>> = {
  wire: 'test/wire/*.test.ts',
  cluster: 'src/cli/commands/{controller,proxy}*.test.ts',
  connections: 'src/proxy/{listeners,tcp,udp,health}/**/*.test.ts',
  kube: 'src/{kube,sources,infrastructure}/**/*.test.ts',
  traffic: 'test/golden-traffic.test.ts',
  commands: 'src/cli/**/*.test.ts',
  compiler: 'src/{compiler,contract,filters,channel,policies}/**/*.test.ts',
  http2: 'src/proxy/http/{hpack,http2-}*.test.ts',
  http1: 'src/proxy/http/*.test.ts',
  controller: 'src/{controller,lib}/**/*.test.ts',
  repository: 'test/*.test.ts',
  model: 'src/model/**/*.test.ts',
  proxy: 'src/proxy/**/*.test.ts',
};

function allFiles(): string[] {
  const files = new Set(globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }));
  const missing = alone.filter((file) => !files.delete(file));
  if (missing.length > 0) throw new Error(`test/run.ts names tests that do not exist: ${missing.join(', ')}`);
  const grouped = Object.entries(together).map(([name, pattern]) => groupOf(name, pattern, files));
  return [...alone.map((file) => join(root, file)), ...grouped, ...[...files].map((file) => join(root, file))];
}

/** One file that loads those of the group, each as a suite with hooks of its own. They are taken out of `files`. */
function groupOf(name: string, pattern: string, files: Set<string>): string {
  const members = globSync(pattern, { cwd: root })
    .filter((member) => files.delete(member))
    .toSorted();
  const suites = members.map((member) => {
    const [title, path] = [JSON.stringify(member), JSON.stringify(join(root, member))];
    return `describe(${title}, async () => { await import(${path}); });\n`;
  });
  const path = join(groups, `${name} (${members.length} files).test.mjs`);
  writeFileSync(path, `import { describe } from 'node:test';\n${suites.join('')}`);
  return path;
}

process.on('exit', () => rmSync(groups, { recursive: true }));
// Without the compiled sources each process would compile them again.
process.env['NODE_COMPILE_CACHE'] = join(root, 'node_modules/.cache/compiled');

const waiting = named.length > 0 ? named.map((file) => resolve(file)) : allFiles();
const events = new PassThrough({ objectMode: true });

/** Each file has a run of its own: one run of them all would sort them, and tell of none before the soak is over. */
async function runThoseWaiting(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    for await (const event of run({ files: [file], cwd: root, execArgv: ['--disable-warning=ExperimentalWarning'] })) {
      if (event.type === 'test:fail') process.exitCode = 1;
      events.write(event);
    }
  }
}

void Promise.all(Array.from({ length: FILES_AT_ONCE }, runThoseWaiting)).then(() => events.end());
for await (const text of report(events)) process.stdout.write(text);
