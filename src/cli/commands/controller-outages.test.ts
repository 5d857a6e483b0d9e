/** What `headgate controller` does when its API server or one of its replicas goes away, while clients keep asking. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../../test/headgate.ts';
import { until } from '../../../test/until.ts';
import type { FakeApiServer } from '../../kube/fake-api-server.test-support.ts';
import {
  classes,
  gateway,
  gateways,
  leases,
  ourClass,
  putRoute,
  startBackend,
  startController,
  startServer,
  untilReason,
} from './controller.test-support.ts';

/** A Gateway with a route to a backend of its own, on a server that has just begun. */
async function prepare(t: TestContext): Promise<{ readonly server: FakeApiServer; readonly port: number }> {
  const server = await startServer(t);
  const port = await freePort();
  server.put(classes, ourClass);
  server.put(gateways, gateway('one', port));
  await startBackend(t, server, 'one');
  putRoute(server, 'one', 'one');
  return { server, port };
}

interface Load {
  answers(): number;
  /** Asked again, since the connection broke before an answer began. */
  retries(): number;
  /** Ends it; what was not answered with 200. */
  stop(): Promise<readonly string[]>;
}

const clients = 4;

/**
 * Clients that ask all the time, each time on a new connection. A GET whose connection breaks before an
 * answer begins is asked again, for a second at most, as RFC 9110 §9.2.2 lets clients do and browsers and proxies do.
 */
function startLoad(host: string, port: number): Load {
  const failures: string[] = [];
  let answers = 0;
  let retries = 0;
  const over = new AbortController();
  const ask = () =>
    new Promise<string>((resolve) => {
      const asked = request({ host, port, agent: false, headers: { connection: 'close' } }, (response) => {
        response.resume();
        response.on('error', (error) => resolve(`in the answer: ${error.message}`));
        response.on('end', () => resolve(response.statusCode === 200 ? '' : `${response.statusCode}`));
      });
      asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      asked.end();
    });
  const running = Array.from({ length: clients }, async () => {
    while (!over.signal.aborted) {
      let failure = await ask();
      // A process that is killed takes a moment to close all of its sockets.
      for (const end = performance.now() + 1000; failure === 'ECONNRESET' && performance.now() < end; retries++)
        failure = await ask();
      if (failure === '') answers++;
      else failures.push(failure);
      // As fast as they can they would only take the processor from those they ask.
      await delay(2);
    }
  });
  return {
    answers: () => answers,
    retries: () => retries,
    async stop() {
      over.abort();
      await Promise.all(running);
      return failures;
    },
  };
}

/** So many answers that every client has had several. */
async function serveOn(load: Load, what: string): Promise<void> {
  const before = load.answers();
  await until(() => load.answers() > before + 500, what);
}

const holderOf = (server: FakeApiServer): string | undefined =>
  (server.find(leases, 'default/headgate-controller')?.spec as { holderIdentity?: string } | undefined)?.holderIdentity;

test('the API server is away under load: no request is lost; back again, all is caught up with few writes', async (t) => {
  const { server, port } = await prepare(t);
  const controller = await startController(t, server, '--workers=2');
  const { addresses } = await untilReason(server, 'n/one', 'Programmed');
  const load = startLoad(addresses![0]!.value, port);
  // What is written after Programmed, and heard of, is no part of what is caught up with later.
  await serveOn(load, 'clients are served');
  const apiPort = server.port;
  await server.close();
  await until(() => controller.output().includes('cannot be followed'), 'the controller has noticed');
  await serveOn(load, 'clients are served without an API server');
  const newPort = await freePort();
  server.put(gateways, gateway('two', newPort));
  putRoute(server, 'two', 'one');
  const requests = server.requests.length;
  const backAt = performance.now();
  await server.listen(apiPort);
  await untilReason(server, 'n/two', 'Programmed');
  const tookMs = performance.now() - backAt;
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  assert.deepEqual(await load.stop(), []);
  const writes = server.requests
    .slice(requests)
    .filter(({ method, path }) => method !== 'GET' && !path.includes('/leases'));
  assert.ok(writes.length <= 4, `${writes.length} writes: ${writes.map(({ path }) => path).join(' ')}`);
});

test('one of two replicas on a host ends or is killed: the other one serves on, with the same addresses, and leads', async (t) => {
  const { server, port } = await prepare(t);
  const first = await startController(t, server, '--ports', 'shared');
  const { addresses } = await untilReason(server, 'n/one', 'Programmed');
  const host = addresses![0]!.value;
  const firstHolder = holderOf(server);
  const second = await startController(t, server, '--ports', 'shared');
  const load = startLoad(host, port);
  await until(async () => (await served(first)) > 50 && (await served(second)) > 50, 'both serve');
  assert.equal(load.retries(), 0);

  assert.equal(await first.stop(), 0);
  await serveOn(load, 'the other one serves on');
  // The kernel resets what it has set up for a socket that closes (net.ipv4.tcp_migrate_req is 0 by default).
  assert.ok(load.retries() <= clients, `${load.retries()} retries`);
  await until(() => !['', firstHolder].includes(holderOf(server)), 'the other one leads');

  // Who comes now gets an address from the new leader, and those that were given stay.
  server.put(gateways, gateway('two', port));
  assert.notEqual((await untilReason(server, 'n/two', 'Programmed')).addresses![0]!.value, host);
  assert.deepEqual((await untilReason(server, 'n/one', 'Programmed')).addresses, addresses);

  const third = await startController(t, server, '--ports', 'shared');
  await until(async () => (await served(third)) > 50, 'a third one serves');
  second.process.kill('SIGKILL');
  await serveOn(load, 'the third one serves on');
  assert.deepEqual(await load.stop(), []);
});

/** Requests that it has answered. */
async function served({ admin }: { readonly admin: string }): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  return [...text.matchAll(/^headgate_requests_total\{.*\} (\d+)/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}
