/** A PostgreSQL of the distribution with an empty database of its own, which is thrown away at the end. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '../backends.ts';

/** PostgreSQL refuses to run as root; this is `nobody` everywhere. */
const NOBODY = 65534;
const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

export async function startBackend({ port, address }: { port: number; address: string }): Promise<Backend> {
  const programs = findPrograms();
  const folder = mkdtempSync(join(tmpdir(), 'headgate-postgres-'));
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  // For a database of a minute: nobody is asked who they are, and nothing waits for the disk.
  const init = ['-D', data, '-U', 'demo', '-A', 'trust', '--locale=C', '--encoding=UTF8', '--no-sync'];
  execFileSync(join(programs, 'initdb'), init, { ...owner, cwd: folder, stdio: 'pipe' });
  const options = ['-h', address, '-p', String(port), '-k', '', '-F', '-c', 'shared_buffers=16MB'];
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...options], {
    ...owner,
    cwd: folder,
    stdio: 'ignore',
  });
  const close = () => {
    if (!server.kill('SIGQUIT')) return;
    process.off('exit', close);
  };
  process.on('exit', close);
  server.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await accepts(server, { port, host: address });
  return { close, closeAllConnections() {} };
}

/** Where Debian puts them, beside each other by version; elsewhere they are mostly in the PATH. */
function findPrograms(): string {
  const folders = globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed();
  const found = [...folders, ...(process.env['PATH'] ?? '').split(':')].find((folder) =>
    existsSync(join(folder, 'initdb')),
  );
  if (found === undefined) throw new Error('PostgreSQL is missing; install it: apt-get install postgresql');
  return found;
}

async function accepts(server: ChildProcess, where: { port: number; host: string }): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode} as it started`);
    const socket = connect(where);
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
