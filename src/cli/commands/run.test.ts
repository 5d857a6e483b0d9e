/** `headgate run` as a process: what it prints, serves and answers, and how it ends. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startEcho } from '../../../examples/echo.ts';
import { freePort, startHeadgate, type RunningHeadgate } from '../../../test/headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../../../test/manifests.ts';
import { until } from '../../../test/until.ts';

const bin = join(import.meta.dirname, '../../../bin/headgate');
const execute = promisify(execFile);

const echo = await startEcho({ name: 'echo', port: 0, address: '127.0.0.1' });
const echoPort = (echo.address() as AddressInfo).port;
after(() => {
  echo.closeAllConnections();
  echo.close();
});

interface LogRecord {
  readonly level: string;
  readonly message: string;
  readonly [name: string]: unknown;
}

function records(headgate: RunningHeadgate): LogRecord[] {
  const lines = headgate.output().split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LogRecord);
}

const toEcho = [{ backendRefs: [{ name: 'echo', port: 80 }] }];

async function start(spec: object = { rules: toEcho }, flags: readonly string[] = []) {
  const port = await freePort();
  const files = {
    'gateway.yaml': manifests(gatewayClass(), gateway(httpListener(port)), service('echo', [echoPort])),
    'route.yaml': manifests(httpRoute('r', { ...spec })),
  };
  const headgate = await startHeadgate(files, ['--workers', '1', ...flags]);
  return { headgate, port, url: `http://127.0.0.1:${port}` };
}

/** A process that is expected to end by itself. */
async function runToEnd(...args: readonly string[]): Promise<{ code: number | null; stderr: string; stdout: string }> {
  const child = spawn(bin, ['run', ...args]);
  let stderr = '';
  let stdout = '';
  child.stderr.on('data', (data) => (stderr += data));
  child.stdout.on('data', (data) => (stdout += data));
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, stderr, stdout };
}

/** One process for what does not change it: a route to a Service, and one to a port that is given on the command line. */
let shared: Awaited<ReturnType<typeof start>>;
before(async () => {
  const mine = httpRoute('mine', {
    hostnames: ['mine.test'],
    rules: [{ backendRefs: [{ name: 'mine', port: 8000 }] }],
  });
  const flags = ['--access-log', 'json', '--backend', `test/mine:8000=localhost:${echoPort}`];
  shared = await start({ hostnames: ['echo.example.com'], rules: toEcho }, flags);
  await shared.headgate.write('mine.yaml', manifests(mine));
});
after(async () => assert.equal(await shared.headgate.stop(), 0));

/** What is answered for a hostname. */
async function ask(host: string, path = '/'): Promise<string> {
  return (await execute('curl', ['-s', '-H', `Host: ${host}`, `${shared.url}${path}`], { timeout: 60_000 })).stdout;
}

test('piped, it tells in JSON lines what it serves, and its curl line works', async () => {
  const { headgate } = shared;
  await until(() => headgate.output().includes('Serving'), 'the report is written');
  const all = records(headgate);
  const listener = all.find(({ message }) => message === 'listener');
  assert.equal(listener?.state, 'ok');
  assert.equal(all.find(({ message }) => message === 'backend')?.ready, 1);
  const command = String(all.find(({ message }) => message === 'try')?.command);
  const { stdout } = await execute('bash', ['-c', command], { timeout: 60_000 });
  assert.match(stdout, /^echo GET \/\nhost: echo\.example\.com:\d+\n/);
});

test('a Service port is a local process with --backend, with no document of it', async () => {
  await until(async () => (await ask('mine.test')).startsWith('echo GET'), 'it is asked');
});

test('the admin API tells status, configuration and metrics', async () => {
  const { headgate } = shared;
  await ask('echo.example.com');
  const status = (await (await fetch(`${headgate.admin}/status`)).json()) as {
    items: {
      kind: string;
      status: { conditions?: { type: string; status: string; lastTransitionTime: string }[] };
    }[];
  };
  const web = status.items.find(({ kind }) => kind === 'Gateway');
  const programmed = web?.status.conditions?.find(({ type }) => type === 'Programmed');
  assert.equal(programmed?.status, 'True');
  assert.ok(Date.parse(programmed.lastTransitionTime) > 0);
  const config = (await (await fetch(`${headgate.admin}/config`)).json()) as { backends: object; endpoints: object };
  assert.deepEqual(Object.keys(config.endpoints).toSorted(), Object.keys(config.backends).toSorted());
  const counted = /^headgate_requests_total\{[^}]*code="200"[^}]*\} [1-9]\d*$/m;
  await until(
    async () => counted.test(await (await fetch(`${headgate.admin}/metrics`)).text()),
    'the request is counted',
  );
});

test('the access log is written where it is asked for', async () => {
  const { headgate } = shared;
  await ask('echo.example.com', '/seen?x=1');
  await until(() => headgate.output().includes('/seen?x=1'), 'the line is written');
  const line = records(headgate).find(({ path }) => path === '/seen?x=1');
  assert.equal(line?.status, 200);
  assert.equal(line?.endpoint, `127.0.0.1:${echoPort}`);
});

test('an edit is told with its name and time, a broken one with its place, and the last good version stays', async () => {
  const { headgate, url } = await start();
  const told = (pattern: RegExp) => until(() => pattern.test(headgate.output()), `it says ${pattern}`);
  try {
    await headgate.write('new.yaml', manifests(httpRoute('new', { hostnames: ['new.test'], rules: toEcho })));
    await told(/added HTTPRoute test\/new; live in/);
    await headgate.write('route.yaml', 'kind: HTTPRoute\nspec: [\n');
    await told(/stays in use/);
    const broken = records(headgate).find(({ message }) => message.includes('stays in use'));
    assert.equal(broken?.level, 'error');
    assert.match(String(broken?.where), /route\.yaml:\d/);
    assert.match(await (await fetch(url)).text(), /^echo GET/);
    await headgate.write('route.yaml', manifests(httpRoute('r', { rules: toEcho })));
    await told(/route\.yaml is in order again/);
  } finally {
    assert.equal(await headgate.stop(), 0);
  }
});

test('a port that is taken is told with its holder, in the status too', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const files = { 'g.yaml': manifests(gatewayClass(), gateway(httpListener(port))) };
  const headgate = await startHeadgate(files, ['--workers', '1']);
  try {
    await until(() => headgate.output().includes('Serving'), 'the report is written');
    assert.match(headgate.output(), new RegExp(`127\\.0\\.0\\.1:${port} is in use`));
    if (process.platform === 'linux') assert.match(headgate.output(), new RegExp(`pid ${process.pid}`));
    const status = await (await fetch(`${headgate.admin}/status`)).text();
    assert.match(status, /PortUnavailable/);
    server.close();
    await until(() => headgate.output().includes('all listeners are served now'), 'it takes the port that is free');
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
  } finally {
    assert.equal(await headgate.stop(), 0);
    server.close();
  }
});

test('a second one does not quietly share the ports of the first', async () => {
  const first = await start(undefined, ['--workers', '2']);
  const files = { 'g.yaml': manifests(gatewayClass(), gateway(httpListener(first.port))) };
  const second = await startHeadgate(files, ['--workers', '2']);
  try {
    await until(() => second.output().includes('Serving'), 'the report is written');
    if (process.platform === 'linux')
      assert.match(
        second.output(),
        new RegExp(`127\\.0\\.0\\.1:${first.port} is in use.*pid ${first.headgate.process.pid}`),
      );
  } finally {
    assert.equal(await second.stop(), 0);
    assert.equal(await first.headgate.stop(), 0);
  }
});

test('a Gateway on all addresses and one on an address of its own have the same port, with one worker too', async () => {
  const port = await freePort();
  const on = (name: string, address: string) => ({
    ...gateway(httpListener(port)),
    metadata: { name, namespace: 'test' },
    spec: { gatewayClassName: 'headgate', addresses: [{ value: address }], listeners: [httpListener(port)] },
  });
  const both = (one: string) => manifests(gatewayClass(), on('all', '0.0.0.0'), on('one', one));
  // Other addresses of the loopback are there on Linux without asking.
  const headgate = await startHeadgate({ 'g.yaml': both('127.0.0.1') }, ['--workers', '1']);
  try {
    const troubles = async () => (await (await fetch(`${headgate.admin}/status`)).text()).match(/"PortUnavailable"/g);
    await until(() => headgate.output().includes('Serving 2 listeners'), 'both are served');
    assert.equal(await troubles(), null);
    if (process.platform === 'linux') {
      await headgate.write('g.yaml', both('127.0.0.5'));
      await until(() => /changed Gateway test\/one; live/.test(headgate.output()), 'the address has changed');
      assert.equal((await fetch(`http://127.0.0.5:${port}/`)).status, 404);
      assert.equal(await troubles(), null);
    }
  } finally {
    assert.equal(await headgate.stop(), 0);
  }
});

test('what keeps it from starting is named, with the way out, and ends it with 1', async () => {
  const missing = await runToEnd('/nonexistent/manifests');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /\/nonexistent\/manifests: there is no such file or folder/);
  assert.doesNotMatch(missing.stderr, /\n\s+at /);

  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  const port = echoPort;
  const taken = await runToEnd(folder, '--admin', `127.0.0.1:${port}`);
  await rm(folder, { recursive: true });
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, new RegExp(`127\\.0\\.0\\.1:${port}: the port is in use.*--admin`));

  const odd = await runToEnd('.', '--backend', 'cart=3000');
  assert.equal(odd.code, 1);
  assert.match(odd.stderr, /expected NAMESPACE\/NAME:PORT=HOST:PORT/);
});

test('an empty folder is said to be empty, and is followed', async () => {
  const headgate = await startHeadgate({}, ['--workers', '1']);
  try {
    await until(() => /there is nothing to serve/i.test(headgate.output()), 'it says that there is nothing');
    await headgate.write('g.yaml', manifests(gatewayClass(), gateway(httpListener(await freePort()))));
    await until(() => /added .*Gateway test\/web/.test(headgate.output()), 'the Gateway is taken');
  } finally {
    assert.equal(await headgate.stop(), 0);
  }
});

/** A backend that answers when it is told to. */
async function startSlow(): Promise<{ server: Server; port: number; waiting: ServerResponse[] }> {
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => waiting.push(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, waiting };
}

test('SIGTERM: not ready, what is in flight ends, exit 0', async () => {
  const slow = await startSlow();
  const rules = [{ backendRefs: [{ name: 'slow', port: 80 }] }];
  const { headgate, url } = await start({ rules }, ['--backend', `test/slow:80=127.0.0.1:${slow.port}`]);
  const answer = fetch(url);
  await until(() => slow.waiting.length === 1, 'the backend has the request');
  const ended = headgate.stop();
  await until(async () => (await fetch(`${headgate.admin}/readyz`)).status === 503, 'it is not ready');
  slow.waiting[0]!.end('done');
  assert.equal(await (await answer).text(), 'done');
  assert.equal(await ended, 0);
  slow.server.close();
});

test('a second signal ends it at once', async () => {
  const slow = await startSlow();
  const rules = [{ backendRefs: [{ name: 'slow', port: 80 }] }];
  const { headgate, url } = await start({ rules }, ['--backend', `test/slow:80=127.0.0.1:${slow.port}`]);
  const answer = fetch(url).catch((error: Error) => error);
  await until(() => slow.waiting.length === 1, 'the backend has the request');
  const ended = headgate.stop();
  await until(async () => (await fetch(`${headgate.admin}/readyz`)).status === 503, 'it is not ready');
  headgate.process.kill('SIGTERM');
  assert.equal(await ended, 143);
  assert.ok((await answer) instanceof Error);
  slow.server.closeAllConnections();
  slow.server.close();
});

test('after the grace time what is left is cut, exit 0', async () => {
  const slow = await startSlow();
  const rules = [{ backendRefs: [{ name: 'slow', port: 80 }] }];
  const flags = ['--backend', `test/slow:80=127.0.0.1:${slow.port}`, '--grace', '100ms'];
  const { headgate, url } = await start({ rules }, flags);
  const answer = fetch(url).catch((error: Error) => error);
  await until(() => slow.waiting.length === 1, 'the backend has the request');
  assert.equal(await headgate.stop(), 0);
  assert.ok((await answer) instanceof Error);
  slow.server.closeAllConnections();
  slow.server.close();
});

test('a reader of its output that goes away does not end it', async () => {
  const { headgate, url } = await start({ rules: toEcho }, ['--access-log', 'json']);
  headgate.process.stdout!.destroy();
  headgate.process.stderr!.destroy();
  const hosts = ['a.test', 'b.test', 'c.test'];
  for (const host of hosts) {
    await headgate.write('route.yaml', manifests(httpRoute('r', { hostnames: [host], rules: toEcho })));
    await until(
      async () => (await execute('curl', ['-s', '-H', `Host: ${host}`, url])).stdout.startsWith('echo'),
      `${host} is live`,
    );
  }
  assert.equal(await headgate.stop(), 0);
});

test('on request it is a readable page', async () => {
  const { headgate } = await start({ rules: toEcho }, ['--log-format', 'text']);
  try {
    await until(() => headgate.output().includes('Serving'), 'the report is written');
    assert.match(headgate.output(), /LISTENER +PROTOCOL +ADDRESS[^]*Try it:\n {2}curl /);
    assert.ok(!headgate.output().includes('\x1b['), 'a pipe gets no colours');
  } finally {
    assert.equal(await headgate.stop(), 0);
  }
});
