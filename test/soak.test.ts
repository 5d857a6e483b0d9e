/** A minute of traffic over every protocol while routes, weights, filters and endpoints change: not one request may fail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEcho } from '../examples/echo.ts';
import { freePort, startHeadgate, type RunningHeadgate } from './headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from './manifests.ts';
import { until } from './until.ts';

const soakMs = Number(process.env.HEADGATE_SOAK_SECONDS ?? 60) * 1000;
const editEveryMs = 100;
const requestEveryMs = 8;
const routes = 50;

/** Edit number `n`: weights, a filter and the order of matches of one route; every fifth one also moves the endpoints. */
function route(index: number, n: number): string {
  const canary = n % 101;
  const rule = {
    backendRefs: [
      { name: 'a', port: 80, weight: 100 - canary },
      { name: 'b', port: 80, weight: canary },
    ],
    filters: [
      { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-edit', value: String(n) }] } },
    ],
  };
  return manifests(httpRoute(`r${index}`, { hostnames: [`h${index}.test`], rules: [rule] }));
}

interface Tally {
  done: number;
  readonly failures: string[];
}

async function overHttp1(port: number, tally: Tally, isOver: () => boolean): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  let inFlight = 0;
  for (let n = 0; !isOver(); n++) {
    const isPost = n % 3 === 0;
    const request = http.request({
      host: '127.0.0.1',
      port,
      agent,
      path: `/${n}`,
      method: isPost ? 'POST' : 'GET',
      headers: { host: `h${n % routes}.test` },
    });
    inFlight++;
    request.on('close', () => inFlight--);
    request.end(isPost ? 'x'.repeat(10_000) : undefined);
    request.on('response', (response) => {
      let text = '';
      response.on('data', (data) => (text += data));
      response.on('end', () => {
        tally.done++;
        if (response.statusCode !== 200 || !/^[ab] (GET|POST) \/\d+\n/.test(text))
          tally.failures.push(`h1 ${response.statusCode} ${text}`);
      });
      response.on('error', (error) => tally.failures.push(`h1 body ${error.message}`));
    });
    request.on('error', (error) => tally.failures.push(`h1 ${error.message}`));
    await delay(requestEveryMs);
  }
  // Destroying the agent would break the last requests, which is no fault of the gateway.
  await until(() => inFlight === 0, 'the last answers are there');
  agent.destroy();
}

async function overHttp2(port: number, tally: Tally, isOver: () => boolean): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', (error) => tally.failures.push(`h2 session ${error.message}`));
  for (let n = 0; !isOver(); n++) {
    const stream = session.request({ ':path': `/${n}`, ':authority': `h${n % routes}.test` });
    let status: unknown;
    stream.on('response', (headers) => (status = headers[':status']));
    stream.on('end', () => {
      tally.done++;
      if (status !== 200) tally.failures.push(`h2 ${String(status)}`);
    });
    stream.on('error', (error) => tally.failures.push(`h2 ${error.message}`));
    stream.resume();
    await delay(requestEveryMs);
  }
  session.close();
}

async function overWebSocket(port: number, tally: Tally, isOver: () => boolean): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
  await once(socket, 'open');
  socket.addEventListener('close', () => isOver() || tally.failures.push('the WebSocket was closed'));
  for (let n = 0; !isOver(); n++) {
    const answer = once(socket, 'message') as Promise<[MessageEvent]>;
    socket.send(`message ${n}`);
    const [event] = await answer;
    tally.done++;
    if (event.data !== `message ${n}`) tally.failures.push(`websocket ${String(event.data)}`);
    await delay(requestEveryMs * 5);
  }
  socket.close();
}

async function edit(headgate: RunningHeadgate, ports: readonly number[], isOver: () => boolean): Promise<number> {
  let n = 1;
  for (; !isOver(); n++) {
    await headgate.write(`route-${n % routes}.yaml`, route(n % routes, n));
    if (n % 5 === 0)
      await headgate.write('service-b.yaml', manifests(service('b', n % 2 === 0 ? ports : ports.slice(0, 1))));
    await delay(editEveryMs);
  }
  return n;
}

test('a soak with live edits', { timeout: soakMs + 120_000 }, async (t) => {
  const backends = await Promise.all(['a', 'b', 'b'].map((name) => startEcho({ name, port: 0, address: '127.0.0.1' })));
  t.after(() => backends.forEach((server) => server.close().closeAllConnections()));
  const [a, b1, b2] = backends.map((server) => (server.address() as AddressInfo).port) as [number, number, number];
  const port = await freePort();
  const files: Record<string, string> = {
    'gateway.yaml': manifests(gatewayClass(), gateway(httpListener(port)), service('a', [a])),
    'service-b.yaml': manifests(service('b', [b1, b2])),
    'socket.yaml': manifests(httpRoute('socket', { rules: [{ backendRefs: [{ name: 'a', port: 80 }] }] })),
  };
  for (let i = 0; i < routes; i++) files[`route-${i}.yaml`] = route(i, 0);
  const headgate = await startHeadgate(files, ['--workers', '2']);
  // Also where the test is given up: nothing it has started goes on.
  let isStopped = false;
  t.after(() => {
    isStopped = true;
    headgate.process.kill('SIGKILL');
  });
  const end = performance.now() + soakMs;
  const isOver = () => isStopped || performance.now() > end;
  const tally: Tally = { done: 0, failures: [] };
  const [edits] = await Promise.all([
    edit(headgate, [b1, b2], isOver),
    overHttp1(port, tally, isOver),
    overHttp2(port, tally, isOver),
    overWebSocket(port, tally, isOver),
  ]);
  assert.equal(await headgate.stop(), 0, headgate.output());
  assert.deepEqual(tally.failures.slice(0, 10), [], `${tally.failures.length} of ${tally.done} failed`);
  assert.ok(tally.done > soakMs / 20, `enough requests: ${tally.done}`);
  assert.ok(edits > soakMs / editEveryMs / 3, `enough edits: ${edits}`);
});
