import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishedExchange } from '../exchange-observer.ts';
import type { RuleRuntime } from '../runtime.ts';
import { createAccessLog } from './access-log.ts';
import { MetricCells, type MetricsReport, observe } from './metric-cells.ts';
import { boundsOf } from './metric-families.ts';
import { MetricsHub } from './metrics-hub.ts';
import { createSeriesFinder, RequestSeries } from './request-series.ts';
import { Retention } from './retention.ts';

const origin = { kind: 'Gateway', namespace: 'test', name: 'web', section: 'http' };
const listener = { key: 'Gateway/test/web/http', config: { origin, gateway: 'Gateway/test/web' } };
const backend = {
  key: 'Service/test/shop/80',
  config: { origin: { ...origin, kind: 'Service', name: 'shop' }, port: 80 },
};

function ruleNamed(key: string) {
  const route = { origin: { kind: 'HTTPRoute', namespace: 'test', name: 'shop' } };
  return {
    key,
    config: { origin: { ...route.origin, section: 'rules[0]' } },
    route,
    observed: undefined,
    allObserved: undefined,
  };
}

const rule = ruleNamed('HTTPRoute/test/shop/rules[0]');

/** Only what observing reads. */
function finished(facts: Partial<Record<keyof FinishedExchange, unknown>> = {}): FinishedExchange {
  return {
    head: { method: 'GET', target: '/a?b', scheme: 'http', version: '1.1' },
    connection: { remoteAddress: '192.0.2.7' },
    host: 'shop.test',
    listener,
    rule,
    backend,
    endpoint: { name: '10.0.0.1:80' },
    status: 200,
    reason: '',
    grpcStatus: -1,
    upstreamError: '',
    retries: 0,
    startedAt: 1000,
    respondedAt: 1002,
    finishedAt: 1003.5,
    requestBytes: 0,
    responseBytes: 512,
    ...facts,
  } as unknown as FinishedExchange;
}

/** Cells whose reports go straight to a hub, as the messages between threads do. */
function workerOf(hub: MetricsHub, worker: number) {
  const reports: MetricsReport[] = [];
  const cells = new MetricCells((report) => reports.push(report));
  const deliver = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    for (const report of reports.splice(0)) hub.receive(worker, report);
  };
  return { cells, deliver };
}

function valueOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('workers are summed; one that is gone keeps its counts and loses its gauges', async () => {
  const hub = new MetricsHub();
  const labels = { address: '0.0.0.0', port: 80 };
  const workers = [workerOf(hub, 0), workerOf(hub, 1)];
  for (const { cells, deliver } of workers) {
    cells.cell('headgate_rejected_requests_total', { reason: 'x' }).add(2);
    cells.cell('headgate_connections', labels).add(5);
    await deliver();
  }
  const rejected = 'headgate_rejected_requests_total{reason="x"}';
  const open = 'headgate_connections{address="0.0.0.0",port="80"}';
  assert.equal(valueOf(hub.render(), rejected), 4);
  assert.equal(valueOf(hub.render(), open), 10);
  hub.forget(1);
  assert.equal(valueOf(hub.render(), rejected), 4);
  assert.equal(valueOf(hub.render(), open), 5);
  const successor = workerOf(hub, 1);
  successor.cells.cell('headgate_rejected_requests_total', { reason: 'x' }).add(1);
  await successor.deliver();
  assert.equal(valueOf(hub.render(), rejected), 5);
});

test('histograms are cumulative, with sum and count', async () => {
  const hub = new MetricsHub();
  const { cells, deliver } = workerOf(hub, 0);
  const name = 'headgate_request_duration_seconds';
  // Beside others, to see that they stay what they are.
  const row = cells.row(['headgate_request_bytes_total', name, 'headgate_response_bytes_total'], {});
  const [before, histogram, after] = row.starts as [number, number, number];
  for (const seconds of [0.0004, 0.0005, 0.3, 100]) observe(row.cells, histogram, boundsOf(name)!, seconds);
  row.cells[before]! += 7;
  row.cells[after]! += 9;
  await deliver();
  const text = hub.render();
  assert.equal(valueOf(text, 'headgate_request_bytes_total'), 7);
  assert.equal(valueOf(text, 'headgate_response_bytes_total'), 9);
  assert.equal(valueOf(text, `${name}_bucket{le="0.0005"}`), 2);
  assert.equal(valueOf(text, `${name}_bucket{le="0.25"}`), 2);
  assert.equal(valueOf(text, `${name}_bucket{le="0.5"}`), 3);
  assert.equal(valueOf(text, `${name}_bucket{le="60"}`), 3);
  assert.equal(valueOf(text, `${name}_bucket{le="+Inf"}`), 4);
  assert.equal(valueOf(text, `${name}_count`), 4);
  assert.ok(Math.abs(valueOf(text, `${name}_sum`)! - 100.3009) < 1e-9);
});

test('more series than a block holds, each in its own cells', async () => {
  const hub = new MetricsHub();
  const { cells, deliver } = workerOf(hub, 0);
  for (let i = 0; i < 10_000; i++) cells.cell('headgate_rejected_requests_total', { reason: `r${i}` }).add(i);
  await deliver();
  const text = hub.render();
  for (const i of [0, 4095, 4096, 9999])
    assert.equal(valueOf(text, `headgate_rejected_requests_total{reason="r${i}"}`), i);
});

test('label values are escaped', async () => {
  const hub = new MetricsHub();
  hub.set('headgate_connections', { address: 'a"b\\c\nd' }, 1);
  assert.match(hub.render(), /address="a\\"b\\\\c\\nd"/);
});

test('a request is counted under its names, also when a new snapshot brings a new rule object', async () => {
  const hub = new MetricsHub();
  const { cells, deliver } = workerOf(hub, 0);
  const finder = createSeriesFinder(cells, new Retention());
  const twin = ruleNamed(rule.key);
  for (const each of [rule, rule, twin] as unknown as RuleRuntime[]) {
    const exchange = finished({ rule: each });
    finder.find(exchange).record(exchange);
  }
  const failed = finished({ status: 503, upstreamError: 'Connect', retries: 2, requestBytes: 7 });
  finder.find(failed).record(failed);
  const lost = finished({ rule: null, backend: null, status: 404 });
  finder.find(lost).record(lost);
  await deliver();
  const text = hub.render();
  const names = 'gateway="test/web",listener="http",route="test/shop",rule="rules[0]",backend="test/shop:80"';
  assert.equal(valueOf(text, `headgate_requests_total{${names},code="200"}`), 3);
  assert.equal(valueOf(text, `headgate_requests_total{${names},code="503"}`), 1);
  assert.equal(valueOf(text, `headgate_upstream_errors_total{${names},kind="Connect"}`), 1);
  assert.equal(valueOf(text, `headgate_retries_total{${names}}`), 2);
  assert.equal(valueOf(text, `headgate_request_bytes_total{${names}}`), 7);
  assert.equal(valueOf(text, `headgate_response_bytes_total{${names}}`), 2048);
  const nowhere = 'gateway="test/web",listener="http",route="",rule="",backend=""';
  assert.equal(valueOf(text, `headgate_requests_total{${nowhere},code="404"}`), 1);
});

function logOf(format: 'json' | 'text', takes = true) {
  const written: string[] = [];
  let dropped = 0;
  const log = createAccessLog({
    format,
    date: () => Date.UTC(2026, 0, 2, 3, 4, 5, 67),
    write(text) {
      if (takes) written.push(text);
      return takes;
    },
    onDropped: (lines) => (dropped += lines),
  });
  const series = new RequestSeries(
    new MetricCells(() => {}),
    { listener: '', rule: '', backend: '' },
    {
      gateway: 'test/web',
      listener: 'http',
      route: 'test/shop',
      rule: 'rules[0]',
      backend: 'test/shop:80',
    },
  );
  return { log, series, written, dropped: () => dropped };
}

test('a JSON line has every name and number, and survives what clients send', () => {
  const { log, series, written } = logOf('json');
  log.add(finished(), series);
  log.add(finished({ head: { method: 'GET', target: '/"\\\u001b\u00ff', scheme: 'http', version: '2' } }), series);
  log.flush();
  const [first, second] = written
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(first, {
    time: '2026-01-02T03:04:05.067Z',
    gateway: 'test/web',
    listener: 'http',
    route: 'test/shop',
    rule: 'rules[0]',
    backend: 'test/shop:80',
    endpoint: '10.0.0.1:80',
    client: '192.0.2.7',
    method: 'GET',
    scheme: 'http',
    host: 'shop.test',
    path: '/a?b',
    version: '1.1',
    status: 200,
    reason: '',
    upstreamError: '',
    retries: 0,
    requestBytes: 0,
    responseBytes: 512,
    durationMs: 3.5,
    responseMs: 2,
  });
  assert.equal(second!.path, '/"\\\u001b\u00ff');
});

test('the line of a call has its gRPC status', () => {
  const json = logOf('json');
  json.log.add(finished({ grpcStatus: 14 }), json.series);
  json.log.flush();
  assert.equal((JSON.parse(json.written.join('')) as Record<string, unknown>).grpcStatus, 14);
  const text = logOf('text');
  text.log.add(finished({ grpcStatus: 0 }), text.series);
  text.log.flush();
  assert.match(text.written.join(''), / 200 grpc-status 0 512B /);
});

test('a text line is one line for a person', () => {
  const { log, series, written } = logOf('text');
  log.add(finished({ reason: 'NoEndpoint', status: 503 }), series);
  log.flush();
  assert.deepEqual(written, [
    '2026-01-02T03:04:05.067Z 192.0.2.7 GET http://shop.test/a?b 503 NoEndpoint 512B 3.5ms test/web/http test/shop/rules[0] test/shop:80 10.0.0.1:80\n',
  ]);
});

test('a refused request is a line too, and a reason cannot break it', () => {
  const refused = {
    gateway: 'test/web',
    listener: '',
    client: '192.0.2.7',
    port: 80,
    isTls: false,
    status: 400,
    reason: 'Bad"\u001b\n',
  };
  const json = logOf('json');
  json.log.addRejected(refused);
  json.log.flush();
  assert.equal(json.written[0]!.indexOf('\n'), json.written[0]!.length - 1);
  const { isTls: _, ...facts } = refused;
  assert.deepEqual(JSON.parse(json.written[0]!), {
    time: '2026-01-02T03:04:05.067Z',
    ...facts,
    scheme: 'http',
    rejected: true,
  });
  const text = logOf('text');
  text.log.addRejected(refused);
  text.log.flush();
  assert.deepEqual(text.written, [
    '2026-01-02T03:04:05.067Z 192.0.2.7 rejected 400 Bad\\"\\u001b\\n port 80 test/web/-\n',
  ]);
});

test('full batches go out by themselves, and what nobody takes is dropped and counted', () => {
  const { log, series, written } = logOf('json');
  for (let i = 0; i < 1000; i++) log.add(finished(), series);
  assert.ok(written.length >= 4);
  const refused = logOf('json', false);
  for (let i = 0; i < 1000; i++) refused.log.add(finished(), refused.series);
  refused.log.flush();
  assert.equal(refused.dropped(), 1000);
});
