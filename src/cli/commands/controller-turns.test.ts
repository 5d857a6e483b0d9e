/** A replica that takes the place of another one on its host, as a surge of a DaemonSet does it: one admin address, two processes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { freePort, headgate } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import { classes, gateway, gateways, ourClass, startController, startServer } from './controller.test-support.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('the next replica is ready while the one before has the admin address, and then gets it', async (t) => {
  const folder = temporaryFolder(t);
  const files = ['first', 'second'].map((name) => join(folder, name)) as [string, string];
  // Of a process that was killed.
  writeFileSync(files[1], 'ready\n');
  const server = await startServer(t);
  server.put(classes, ourClass);
  server.put(gateways, gateway('one', await freePort()));
  const first = await startController(t, server, '--ports=shared', `--ready-file=${files[0]}`);
  await until(() => existsSync(files[0]), 'the first one is ready');

  const flags = ['--ports=shared', '--address-pool=127.99.0.1-127.99.0.9', '--workers=1', `--admin=${first.admin}`];
  const apiPort = server.port;
  await server.close();
  const second = spawn(join(import.meta.dirname, '../../../bin/headgate'), [
    'controller',
    `--kubeconfig=${first.kubeconfig}`,
    `--ready-file=${files[1]}`,
    ...flags,
  ]);
  const exited = once(second, 'exit');
  t.after(async () => {
    second.kill('SIGKILL');
    await exited;
  });
  let output = '';
  second.stdout.on('data', (data) => (output += data));
  second.stderr.on('data', (data) => (output += data));
  await until(() => output.includes('as soon as it is free'), 'it waits for the address');
  assert.equal(existsSync(files[1]), false, 'it serves nothing yet');
  await server.listen(apiPort);
  await until(() => existsSync(files[1]), 'the second one is ready');
  assert.match(output, new RegExp(`held by \\S+ \\(pid ${first.process.pid}\\)`));

  assert.equal(await first.stop(), 0);
  assert.equal(existsSync(files[0]), false);
  await until(() => output.includes('The admin API is served at'), 'it has the address');
  assert.equal((await fetch(`http://${first.admin}/readyz`)).status, 200);
  second.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null], output);
  assert.equal(existsSync(files[1]), false);
});

test('a ready file that cannot be written is told at the start', async (t) => {
  const folder = temporaryFolder(t);
  const server = await startServer(t);
  const { kubeconfig } = await startController(t, server);
  const file = join(folder, 'none', 'ready');
  const flags = ['--address-pool=127.99.0.1-127.99.0.9', `--kubeconfig=${kubeconfig}`, `--ready-file=${file}`];
  const { code, stderr } = await headgate('controller', ...flags);
  assert.equal(code, 1);
  assert.match(stderr, /ready-file/);
  assert.ok(stderr.includes(file));
});
