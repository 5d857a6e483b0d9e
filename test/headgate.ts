/** Starts the real `bin/headgate run` on a folder of its own, and other commands, for tests of the whole program. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { until } from './until.ts';

const root = dirname(import.meta.dirname);

/** Below the ports that systems choose themselves, which another process may have at any moment. */
let nextPort = 20_000 + Math.floor(Math.random() * 10_000);

/** A port that nobody has at this moment, and that nobody gets by chance before it is used. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort;
    nextPort = port < 30_000 ? port + 1 : 20_000;
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Writes a file beside its place and moves it there, as careful editors and `kubectl` volumes do. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const beside = join(dirname(path), `.${Math.random().toString(36).slice(2)}`);
  await writeFile(beside, text);
  await rename(beside, path);
}

export interface RunningHeadgate {
  readonly folder: string;
  readonly process: ChildProcess;
  /** Base address of the admin API. */
  readonly admin: string;
  /** Everything it wrote to stdout and stderr so far. */
  output(): string;
  /** Moves new text into a file of the folder. */
  write(file: string, text: string): Promise<void>;
  /** SIGTERM; resolves with the exit code when it has ended and the folder is gone. */
  stop(): Promise<number | null>;
}

/** Resolves once it is ready. `files` are the manifests by file name; `under` is a command that becomes what it is given, such as prlimit. */
export async function startHeadgate(
  files: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
  under: readonly string[] = [],
): Promise<RunningHeadgate> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const admin = `127.0.0.1:${await freePort()}`;
  const [command = '', ...args] = [...under, join(root, 'bin/headgate'), 'run', folder, '--admin', admin, ...flags];
  const child = spawn(command, args);
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  const exited = once(child, 'exit');
  const isReady = async () => {
    if (child.exitCode !== null) throw new Error(`headgate ended with ${child.exitCode}:\n${output}`);
    const answer = await fetch(`http://${admin}/readyz`).catch(() => null);
    await answer?.body?.cancel();
    return answer?.status === 200;
  };
  const stop = async () => {
    child.kill('SIGTERM');
    const [code] = (await exited) as [number | null];
    await rm(folder, { recursive: true });
    return code;
  };
  await until(isReady, 'headgate is ready').catch(async (error: Error) => {
    await stop();
    throw new Error(`${error.message}\n${output}`);
  });
  return {
    folder,
    process: child,
    admin: `http://${admin}`,
    output: () => output,
    write: (file, text) => replaceFile(join(folder, file), text),
    stop,
  };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `bin/headgate` with these arguments, to its end. */
export async function headgate(...args: readonly string[]): Promise<Ended> {
  const child = spawn(join(root, 'bin/headgate'), args);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
