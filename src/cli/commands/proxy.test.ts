/** `headgate proxy` beside `headgate controller`, as processes: what is served while a controller is killed and comes again. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { freePort } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import {
  classes,
  gateway,
  gateways,
  ourClass,
  putRoute,
  reasonOf,
  routes,
  startBackend,
  startServer,
  statusOf,
  untilReason,
  writeKubeconfig,
} from './controller.test-support.ts';

const bin = join(import.meta.dirname, '../../../bin/headgate');
const address = '127.98.0.1';

/** Ended with the test, whatever became of it. */
function start(t: TestContext, ...args: readonly string[]): { child: ChildProcess; output(): string } {
  const child = spawn(bin, args);
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return { child, output: () => output };
}

/** Asks all the time, four at once, until it is stopped; counts who answered and what went wrong. */
function startLoad(port: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const answers = new Map<string, number>();
  const stopped = new AbortController();
  const ask = () =>
    new Promise<string>((resolve) => {
      const request = http.get({ host: address, port, agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () =>
          resolve(response.statusCode === 200 ? body.split(' ', 1)[0]! : String(response.statusCode)),
        );
      });
      request.on('error', (error) => resolve(error.message));
    });
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const answer = await ask();
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  const loops = Promise.all([loop(), loop(), loop(), loop()]);
  return {
    answers,
    countOf: (answer: string) => answers.get(answer) ?? 0,
    async stop() {
      stopped.abort();
      await loops;
      agent.destroy();
    },
  };
}

/** An API server with a Gateway `web`, and the two commands, which meet at one socket. `admin` is the controller's. */
async function prepare(t: TestContext) {
  const server = await startServer(t);
  const [port, admin] = [await freePort(), await freePort()];
  server.put(classes, ourClass);
  server.put(gateways, gateway('web', port));
  const folder = mkdtempSync(join(tmpdir(), 'headgate-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const channel = `--channel=${join(folder, 'channel.sock')}`;
  const flags = [
    '--infrastructure=proxies',
    `--kubeconfig=${await writeKubeconfig(folder, server)}`,
    `--address-pool=${address}-127.98.0.9`,
    '--leader-election=false',
    `--admin=127.0.0.1:${admin}`,
  ];
  return {
    server,
    port,
    admin,
    startController: () => start(t, 'controller', channel, ...flags),
    async startProxy(...more: readonly string[]) {
      const adminOfProxy = await freePort();
      const started = start(t, 'proxy', channel, `--admin=127.0.0.1:${adminOfProxy}`, ...more);
      return { ...started, isReady: () => isReadyAt(adminOfProxy) };
    },
  };
}

const isReadyAt = async (admin: number): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${admin}/readyz`).catch(() => null))?.status === 200;

test('without a proxy the statuses say so, and what does not depend on one; as soon as one is back, it counts', async (t) => {
  const { server, admin, startController, startProxy } = await prepare(t);
  putRoute(server, 'web', 'gone');
  const controller = startController();
  await until(
    () => reasonOf(statusOf(server, classes, 'headgate'), 'Accepted') === 'Accepted',
    'the class is accepted',
  );
  await until(() => statusOf(server, routes, 'n/web').parents?.length === 1, 'the route has a status');
  const status = await untilReason(server, 'n/web', 'NoResources');
  const listener = status.listeners![0]!.conditions!.find(({ type }) => type === 'Programmed')!;
  assert.equal(`${listener.status} ${listener.reason}`, 'False Pending');
  assert.match(listener.message, /no proxy is connected at .*headgate proxy --channel/);

  const startOne = () => startProxy('--workers=1', '--ports=shared');
  const proxies = [await startOne(), await startOne()];
  const isReady = () => isReadyAt(admin);
  await untilReason(server, 'n/web', 'Programmed').catch((error: Error) => {
    throw new Error(`${error.message}\n${proxies.map((proxy) => proxy.output()).join('\n')}`);
  });
  assert.equal(await isReady(), true);
  for (const { child } of proxies) child.kill('SIGKILL');
  await Promise.all(proxies.map(({ child }) => once(child, 'exit')));
  const goneAt = performance.now();
  await untilReason(server, 'n/web', 'NoResources');
  const tookMs = performance.now() - goneAt;
  assert.ok(tookMs < 1000, `said after ${tookMs} ms`);
  assert.equal(await isReady(), false);
  await startOne();
  await untilReason(server, 'n/web', 'Programmed');
  assert.equal(await isReady(), true);
  assert.match(controller.output(), /Nothing is served: no proxy is connected/);
  assert.match(controller.output(), /all listeners are served now/);
});

test('a controller that is killed and comes again costs no request, and what changed meanwhile is served', async (t) => {
  const { server, port, startController, startProxy } = await prepare(t);
  for (const name of ['old', 'new']) await startBackend(t, server, name);
  putRoute(server, 'web', 'old');
  const proxy = await startProxy('--workers=2');
  const first = startController();
  await until(proxy.isReady, 'the proxy serves').catch((error: Error) => {
    throw new Error(`${error.message}\n${proxy.output()}${first.output()}`);
  });
  const load = startLoad(port);
  await until(() => load.countOf('old') > 100, 'requests are answered');

  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const atDeath = load.countOf('old');
  putRoute(server, 'web', 'new');
  await until(() => load.countOf('old') > atDeath + 200, 'requests are answered without a controller');
  assert.equal(load.countOf('new'), 0);

  const second = startController();
  await until(() => load.countOf('new') > 200, 'the change is served').catch((error: Error) => {
    throw new Error(`${error.message}\n${proxy.output()}${second.output()}`);
  });
  second.child.kill('SIGTERM');
  assert.equal((await once(second.child, 'exit'))[0], 0);
  const atEnd = load.countOf('new');
  await until(() => load.countOf('new') > atEnd + 200, 'requests are answered after an orderly end');
  await load.stop();
  assert.deepEqual([...load.answers.keys()].toSorted(), ['new', 'old']);
  assert.match(proxy.output(), /No controller at .*: what is served stays/);
});
