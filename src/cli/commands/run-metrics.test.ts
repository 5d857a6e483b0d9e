/** What a running Headgate tells Prometheus: valid text, and the families that alerts are written on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { startEcho } from '../../../examples/echo.ts';
import { freePort, startHeadgate } from '../../../test/headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../../../test/manifests.ts';
import { until } from '../../../test/until.ts';
import { type MetricFamily, metricFamilies } from '../../proxy/observe/metric-families.ts';

const echo = await startEcho({ name: 'echo', port: 0, address: '127.0.0.1' });
after(() => {
  echo.closeAllConnections();
  echo.close();
});

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;

/** Reads the text exposition format 0.0.4 strictly: each family with HELP and TYPE before its samples, and in one piece. */
function parse(text: string): Sample[] {
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = '';
  let type = '';
  assert.ok(text.endsWith('\n'));
  for (const line of text.trimEnd().split('\n')) {
    const help = /^# HELP (\S+) .+$/.exec(line);
    if (help) {
      family = help[1]!;
      assert.ok(!seen.has(family), `${family} comes twice`);
      seen.add(family);
      continue;
    }
    const typed = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (typed) {
      assert.equal(typed[1], family);
      type = typed[2]!;
      continue;
    }
    const [, name = '', labels = '', value] = sampleLine.exec(line) ?? assert.fail(`no sample: ${line}`);
    assert.equal(type === 'histogram' ? name.replace(/_(?:bucket|sum|count)$/, '') : name, family, line);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text_]) => [key!, text_!] as const);
    assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, line);
    assert.ok(!Number.isNaN(Number(value)), line);
    const known: MetricFamily = metricFamilies[family as keyof typeof metricFamilies];
    const names = pairs.map(([key]) => key).filter((key) => type !== 'histogram' || key !== 'le');
    assert.deepEqual(names.toSorted(), known.labels.toSorted(), line);
    samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value) });
  }
  return samples;
}

test('metrics are valid and name listener, route, rule and backend; what failed is counted', async () => {
  const port = await freePort();
  const gone = await freePort();
  const rules = [
    { name: 'all', backendRefs: [{ name: 'echo', port: 80 }] },
    { name: 'dead', matches: [{ path: { value: '/dead' } }], backendRefs: [{ name: 'dead', port: 80 }] },
  ];
  const text = manifests(
    gatewayClass(),
    gateway(httpListener(port)),
    service('echo', [(echo.address() as AddressInfo).port]),
    service('dead', [gone]),
    httpRoute('r', { rules }),
  );
  const headgate = await startHeadgate({ 'a.yaml': text }, ['--workers', '2', '--access-log', 'json']);
  try {
    const open = connect(port, '127.0.0.1');
    await once(open, 'connect');
    for (const path of ['/', '/x', '/dead']) await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    const metrics = async () => parse(await (await fetch(`${headgate.admin}/metrics`)).text());
    const sum = (samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>>) =>
      samples
        .filter((sample) => sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v))
        .reduce((total, { value }) => total + value, 0);
    const names = {
      gateway: 'test/web',
      listener: `http-${port}`,
      route: 'test/r',
      rule: 'all',
      backend: 'test/echo:80',
    };
    await until(async () => sum(await metrics(), 'headgate_requests_total', names) === 2, 'both are counted');
    const samples = await metrics();
    assert.equal(sum(samples, 'headgate_request_duration_seconds_count', names), 2);
    assert.equal(sum(samples, 'headgate_request_duration_seconds_bucket', { ...names, le: '+Inf' }), 2);
    assert.ok(sum(samples, 'headgate_response_bytes_total', names) > 0);
    assert.ok(sum(samples, 'headgate_upstream_errors_total', { backend: 'test/dead:80' }) >= 1);
    const { gateway: owner, listener } = names;
    assert.ok(sum(samples, 'headgate_connections', { port: String(port), gateway: owner, listener }) >= 1);
    assert.ok(sum(samples, 'headgate_upstream_connections', { backend: names.backend }) >= 1);
    assert.ok(samples.some(({ name }) => name === 'headgate_requests_in_flight'));
    assert.equal(sum(samples, 'headgate_requests_in_flight', {}), 0);
    open.write('GET /\u001b[31m" HTTP/9.9\r\n\r\n');
    const refused = () => /^.*"rejected":true.*$/m.exec(headgate.output())?.[0];
    await until(() => refused() !== undefined, 'the refusal is logged');
    const line = JSON.parse(refused()!) as Record<string, unknown>;
    assert.deepEqual(
      [line['gateway'], line['listener'], line['client'], line['port'], line['scheme']],
      [owner, listener, '127.0.0.1', port, 'http'],
    );
    assert.ok(Number(line['status']) >= 400 && /^\w+$/.test(String(line['reason'])), JSON.stringify(line));
    assert.ok(!headgate.output().includes('\u001b'));
    await until(async () => sum(await metrics(), 'headgate_rejected_requests_total', {}) === 1, 'it is counted');
    assert.equal(samples.filter(({ name, value }) => name === 'headgate_config_version' && value === 1).length, 2);
    open.destroy();
  } finally {
    assert.equal(await headgate.stop(), 0);
  }
});
