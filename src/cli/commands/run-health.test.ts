/** Health checks by the whole program: a backend that says it is not well gets no requests, whichever worker they come to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { freePort, startHeadgate } from '../../../test/headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../../../test/manifests.ts';
import { until } from '../../../test/until.ts';

/** Answers with its name, and at `/healthz` with its state, which the test sets. */
async function startBackend(name: string) {
  const backend = { port: 0, state: 200, asked: 0 };
  const server = http.createServer((request, response) => {
    backend.asked++;
    if (request.url === '/healthz') response.writeHead(backend.state);
    response.end(name);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => (server.closeAllConnections(), server.close()));
  backend.port = (server.address() as AddressInfo).port;
  return backend;
}

const policy = {
  apiVersion: 'headgate.dev/v1alpha1',
  kind: 'HealthCheckPolicy',
  metadata: { name: 'web', namespace: 'test' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'web', sectionName: 'main' }],
    type: 'HTTP',
    interval: '100ms',
    unhealthyThreshold: 1,
    http: { path: '/healthz' },
  },
};

test('unhealthy endpoints get no requests until they are well, or nobody asks them any more', async () => {
  const [one, two] = await Promise.all([startBackend('one'), startBackend('two')]);
  const port = await freePort();
  const headgate = await startHeadgate(
    {
      'a.yaml': manifests(
        gatewayClass(),
        gateway(httpListener(port)),
        service('web', [one.port, two.port]),
        httpRoute('r', { rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] }),
      ),
      'policy.yaml': manifests(policy),
    },
    ['--workers', '2'],
  );
  /** On connections of their own, which the workers share. */
  const names = async () => {
    const answers = Array.from({ length: 16 }, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      return response.text();
    });
    return [...new Set(await Promise.all(answers))].toSorted().join(' ');
  };
  const isTold = async (state: string, count: number) => {
    const metrics = await (await fetch(`${headgate.admin}/metrics`)).text();
    return metrics.includes(`headgate_probed_endpoints{backend="test/web:80",state="${state}"} ${count}\n`);
  };
  try {
    await until(() => isTold('healthy', 2), 'both are probed');
    await until(async () => (await names()) === 'one two', 'both get requests');
    one.state = 503;
    await until(() => isTold('unhealthy', 1), 'one is unhealthy');
    await until(async () => (await names()) === 'two', 'only two gets requests');
    const line = /^.*is unhealthy.*$/m.exec(headgate.output())![0];
    const { level, backend, endpoint, problem } = JSON.parse(line) as Record<string, string>;
    assert.deepEqual([level, backend, endpoint], ['warn', 'test/web:80', `127.0.0.1:${one.port}`]);
    assert.equal(problem, 'GET /healthz was answered with 503');
    two.state = 500;
    await until(() => isTold('unhealthy', 2), 'both are unhealthy');
    await until(async () => (await names()) === 'one two', 'all are used where none is healthy');
    two.state = 200;
    await until(async () => (await names()) === 'two', 'two is well again');
    assert.match(headgate.output(), /is healthy again/);
    await headgate.write('policy.yaml', manifests(gatewayClass()));
    await until(async () => (await names()) === 'one two', 'without the policy nothing is held against one');
    assert.ok(!(await isTold('unhealthy', 1)));
  } finally {
    assert.equal(await headgate.stop(), 0);
  }
});

test('an endpoint that one worker leaves out is left out by the others', async () => {
  const [good, bad] = await Promise.all([startBackend('good'), startBackend('bad')]);
  bad.state = 503;
  const port = await freePort();
  const headgate = await startHeadgate(
    {
      'a.yaml': manifests(
        gatewayClass(),
        gateway(httpListener(port)),
        service('web', [good.port, bad.port]),
        httpRoute('r', { rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] }),
      ),
    },
    ['--workers', '2'],
  );
  /** The worker that takes a connection serves all of its requests. */
  const clients = Array.from({ length: 12 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const ask = async (agent: http.Agent) => {
    const [response] = (await once(http.get({ port, path: '/healthz', agent }), 'response')) as [http.IncomingMessage];
    await response.toArray();
  };
  try {
    await until(() => ask(clients[0]!).then(() => bad.asked === 5), 'one worker has had enough');
    // The main thread tells it on; whatever it is asked after that comes later.
    for (let i = 0; i < 3; i++) await (await fetch(`${headgate.admin}/metrics`)).text();
    for (let i = 0; i < 4; i++) for (const client of clients) await ask(client);
    assert.ok(bad.asked < 10, `the other worker would ask five times itself: ${bad.asked}`);
  } finally {
    for (const client of clients) client.destroy();
    assert.equal(await headgate.stop(), 0);
  }
});
