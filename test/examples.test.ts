/** Runs every example as its README says: starts it, executes each `$` line and compares what it prints. */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify, stripVTControlCharacters } from 'node:util';
import { startBackends } from '../examples/backends.ts';
import { until } from './until.ts';

const root = dirname(import.meta.dirname);
const examples = join(root, 'examples');
const adminPort = 19181;
const run = promisify(execFile);

interface Step {
  readonly command: string;
  readonly expected: readonly string[];
}

/** The `console` blocks of a page: `$ command`, then the lines it prints. */
function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  for (const [, block = ''] of page.matchAll(/^```console\n(.*?)^```/gms)) {
    for (const part of block.split(/^\$ /m).slice(1)) {
      const [command = '', ...expected] = part.trimEnd().split('\n');
      steps.push({ command, expected });
    }
  }
  return steps;
}

/** `~180 text` stands for a count near 180: random choice, so five standard deviations are allowed. */
function isAsExpected(line: string, expected: string): boolean {
  const about = /^~(\d+) (.*)$/.exec(expected);
  if (!about) return line === expected;
  const found = /^\s*(\d+) (.*)$/.exec(line);
  const wanted = Number(about[1]);
  return found !== null && found[2] === about[2] && Math.abs(Number(found[1]) - wanted) <= 5 * Math.sqrt(wanted);
}

async function readyz(): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => null);
  return answer?.status === 200;
}

async function stop(headgate: ChildProcess): Promise<void> {
  const exited = once(headgate, 'exit');
  headgate.kill('SIGTERM');
  const [code] = await exited;
  assert.equal(code, 0, 'headgate ends with 0 on SIGTERM');
}

async function walk(folder: string, steps: readonly Step[]): Promise<void> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  for (const { command, expected } of steps) {
    const { stdout, stderr } = await run('bash', ['-c', command], { cwd: folder, env, timeout: 60_000 }).catch(
      (error) => error,
    );
    const lines = String(stdout)
      .trimEnd()
      .split('\n')
      .filter((line, i, all) => all.length > 1 || line !== '');
    const isRight = lines.length === expected.length && lines.every((line, i) => isAsExpected(line, expected[i]!));
    assert.ok(isRight, `$ ${command}\nprinted:\n${lines.join('\n')}\n${stderr}expected:\n${expected.join('\n')}`);
  }
}

const names = (await readdir(examples, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** The folder that the page tells to start: one of its own where there are several to choose from. */
const startedBy = (page: string) => /^`npm start(?: -- (\S+))?`/m.exec(page)?.[1] ?? 'quickstart';

const canBuild = ['kustomize', 'kubectl'].some(
  (command) => spawnSync(command, ['version', '--help']).error === undefined,
);
/** What is asked of a kustomization on a machine without either. */
const unbuilt: readonly Step[] = [
  { command: '../../bin/headgate status staging | grep -c "install kustomize or kubectl"', expected: ['1'] },
];

for (const name of names) {
  test(`examples/${name} answers as its README says`, { timeout: 120_000 }, async () => {
    const page = await readFile(join(examples, name, 'README.md'), 'utf8');
    const steps = stepsOf(page);
    assert.ok(steps.length > 0, 'the page has commands');
    // In a copy, because some pages edit their manifests; with `bin` and `node_modules` two levels up, because some use them.
    const copy = await mkdtemp(join(tmpdir(), 'headgate-example-'));
    const folder = join(copy, 'examples', name);
    await cp(join(examples, name), folder, { recursive: true });
    for (const place of ['bin', 'node_modules']) await symlink(join(root, place), join(copy, place));
    const started = join(copy, 'examples', startedBy(page));
    const isBuilt = existsSync(join(started, 'kustomization.yaml'));
    const asked: string[] = [];
    const servers = await startBackends(started, (line) => asked.push(line));
    const headgate = spawn(
      join(root, 'bin/headgate'),
      ['run', started, '--workers', '1', '--admin', `127.0.0.1:${adminPort}`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    try {
      await until(readyz, 'headgate is ready');
      await walk(folder, isBuilt && !canBuild ? unbuilt : steps);
      if (name === 'mirroring') await until(() => asked.includes('shadow POST /orders'), 'the mirror was asked');
    } finally {
      await stop(headgate);
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await rm(copy, { recursive: true });
    }
  });
}

// In this file, because it needs the ports of the quickstart too.
test('npm start serves the quickstart, and its curl lines answer', { timeout: 120_000 }, async () => {
  const flags = ['quickstart', '--workers', '1', '--admin', '127.0.0.1:19182', '--log-format', 'text'];
  const start = spawn('npm', ['start', '--', ...flags], { cwd: root });
  let output = '';
  start.stdout.on('data', (data) => (output += data));
  start.stderr.on('data', (data) => (output += data));
  const curlLines = () => stripVTControlCharacters(output).match(/^\s*curl .*$/gm) ?? [];
  try {
    await until(() => curlLines().length > 0, 'a curl line is printed').catch((error: Error) => {
      throw new Error(`${error.message}; it printed:\n${output}`);
    });
    for (const line of curlLines()) {
      const { stdout } = await run('bash', ['-c', line], { timeout: 60_000 });
      assert.match(stdout, /echo-v[12] GET/, `${line} printed:\n${stdout}`);
    }
  } finally {
    start.kill('SIGTERM');
    const [code] = await once(start, 'close');
    assert.equal(code, 0, 'npm hands the signal on, and nothing is left that holds the ports');
  }
});
