import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendConfig } from '../../contract/gateway-config.ts';
import type { FinishedExchange } from '../exchange-observer.ts';
import type { ListenerRuntime } from '../runtime.ts';
import { MetricCells, type MetricsReport } from './metric-cells.ts';
import { MetricsHub } from './metrics-hub.ts';
import { createObserver } from './observer.ts';
import { createPortObservers } from './port-observers.ts';
import { RETAIN_MS, Retention, SWEEP_MS } from './retention.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An observer whose reports reach a hub, and a clock that only sweeps move. */
function scene(hub: MetricsHub, worker = 0) {
  const observer = createObserver({
    accessLog: 'off',
    send: (report) => report.type === 'metrics' && hub.receive(worker, report),
  });
  let now = 0;
  const configured = new Set(['l', 'r', 'b']);
  const sweepFor = async (ms: number) => {
    for (const end = now + ms; now <= end; now += SWEEP_MS) {
      observer.sweep(now, (_table, key) => configured.has(key));
      await turn();
    }
  };
  return { observer, configured, sweepFor };
}

const origin = { kind: 'Service', namespace: 'test', name: 'shop', section: 'rules[0]' };

function exchange(): FinishedExchange {
  return {
    listener: { key: 'l', config: { origin, gateway: 'Gateway/test/web' } },
    rule: { key: 'r', config: { origin }, route: { origin }, observed: undefined, allObserved: undefined },
    backend: { key: 'b', config: { origin, port: 80 } },
    observed: null,
    status: 200,
    upstreamError: '',
    retries: 0,
    startedAt: 0,
    finishedAt: 1,
    requestBytes: 0,
    responseBytes: 1,
  } as unknown as FinishedExchange;
}

function sumOf(hub: MetricsHub, family: string): number | undefined {
  const lines = hub.render().match(new RegExp(`^${family}\\{.* (-?\\d+)$`, 'gm'));
  return lines?.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test('a request is in flight from the choice of its backend to its end', async () => {
  const hub = new MetricsHub();
  const { observer } = scene(hub);
  const [one, two] = [exchange(), exchange()];
  observer.onForward(one);
  observer.onForward(two);
  await turn();
  assert.equal(sumOf(hub, 'headgate_requests_in_flight'), 2);
  observer.onFinish(one);
  assert.equal(sumOf(hub, 'headgate_requests_in_flight'), 1);
  observer.onFinish(two);
  assert.equal(sumOf(hub, 'headgate_requests_in_flight'), 0);
  await turn();
  assert.equal(sumOf(hub, 'headgate_requests_total'), 2);
});

test('series stay while configured or in flight, go after a while, and begin at 0 when they return', async () => {
  const hub = new MetricsHub();
  const { observer, configured, sweepFor } = scene(hub);
  const run = exchange();
  observer.onForward(run);
  await sweepFor(3 * RETAIN_MS);
  configured.delete('b');
  await sweepFor(3 * RETAIN_MS);
  assert.equal(sumOf(hub, 'headgate_requests_in_flight'), 1);
  observer.onFinish(run);
  await sweepFor(RETAIN_MS - SWEEP_MS);
  assert.equal(sumOf(hub, 'headgate_requests_total'), 1);
  await sweepFor(3 * SWEEP_MS);
  for (const family of ['headgate_requests_total', 'headgate_requests_in_flight', 'headgate_response_bytes_total']) {
    assert.equal(sumOf(hub, family), undefined, family);
  }
  // The same rule object, as where only the backend went and came back.
  const again = { ...exchange(), rule: run.rule };
  configured.add('b');
  observer.onForward(again);
  observer.onFinish(again);
  await turn();
  assert.equal(sumOf(hub, 'headgate_requests_total'), 1);
});

test('what one worker forgets still counts where another has it; memory is used again', async () => {
  const hub = new MetricsHub();
  const reports: MetricsReport[] = [];
  const [first, second] = [0, 1].map(
    (worker) =>
      new MetricCells((report) => {
        reports.push(report);
        hub.receive(worker, report);
      }),
  ) as [MetricCells, MetricCells];
  const labels = { reason: 'x' };
  const cell = first.cell('headgate_rejected_requests_total', labels);
  cell.add(2);
  second.cell('headgate_rejected_requests_total', labels).add(3);
  await turn();
  first.release(cell);
  await turn();
  assert.equal(sumOf(hub, 'headgate_rejected_requests_total'), 5);
  first.recycle();
  for (let i = 0; i < 10_000; i++) {
    first.release(first.cell('headgate_rejected_requests_total', { reason: `r${i}` }));
    await turn();
    first.recycle();
  }
  assert.equal(sumOf(hub, 'headgate_rejected_requests_total'), 5);
  assert.equal(reports.flatMap(({ blocks }) => blocks).length, 2);
});

test('connections to backends are counted by name, also when their series was dropped in between', async () => {
  const hub = new MetricsHub();
  const { observer, sweepFor } = scene(hub);
  const connections = observer.upstreamConnections({ origin, port: 80 } as unknown as BackendConfig);
  connections.add(1);
  await turn();
  assert.match(hub.render(), /^headgate_upstream_connections\{backend="test\/shop:80"\} 1$/m);
  connections.add(-1);
  await sweepFor(RETAIN_MS + SWEEP_MS);
  assert.equal(sumOf(hub, 'headgate_upstream_connections'), undefined);
  connections.add(1);
  await turn();
  assert.equal(sumOf(hub, 'headgate_upstream_connections'), 1);
});

function listener(name: string, hostname = ''): ListenerRuntime {
  const config = { origin: { ...origin, section: name }, gateway: 'Gateway/test/web', hostname };
  return { key: name, config } as unknown as ListenerRuntime;
}

test('connections carry the names of their listener where it can be told, and move when those change', async () => {
  const hub = new MetricsHub();
  const cells = new MetricCells((report) => hub.receive(0, report));
  const retention = new Retention();
  const port = createPortObservers(cells, retention)('::', 443);
  port.onListeners!([listener('a')]);
  port.onConnections(1);
  assert.equal(port.onSecure!('a.test'), null);
  const openOf = async (name: string) => {
    await turn();
    const line = hub
      .render()
      .split('\n')
      .find((each) => each.includes(`gateway="test/web",listener="${name}"`));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
  };
  assert.equal(await openOf('a'), 1);
  port.onListeners!([listener('a', 'a.test'), listener('b', '*.b.test')]);
  assert.equal(await openOf('a'), 0);
  assert.equal(await openOf(''), 1);
  port.onConnections(1);
  const count = port.onSecure!('x.b.test')!;
  assert.equal(await openOf('b'), 1);
  assert.equal(await openOf(''), 1);
  assert.equal(port.onSecure!('nobody.test'), null);
  port.onSecureClosed!(count);
  port.onConnections(-1);
  assert.equal(await openOf('b'), 0);
  assert.equal(await openOf(''), 1);
  for (let now = 0; now <= 2 * RETAIN_MS; now += SWEEP_MS) retention.sweep(now, () => true);
  assert.equal(await openOf('b'), undefined);
  assert.equal(await openOf(''), 1);
});
