/** A Headgate with few file descriptors, all of which clients want. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { freePort, startHeadgate } from '../headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../manifests.ts';
import { until } from '../until.ts';
import { RecordingBackend } from './recording-backend.ts';
import { WireClient } from './wire-client.ts';

const options = { skip: process.platform === 'linux' ? false : 'limits are set by prlimit' };
const CLIENTS = 400;

it('clients do not get the last of them: the health port answers, and so do requests', options, async (t) => {
  const backend = await new RecordingBackend().listen();
  const port = await freePort();
  const documents = [
    gatewayClass(),
    gateway(httpListener(port)),
    httpRoute('all', { rules: [{ backendRefs: [{ name: 'a', port: 80 }] }] }),
    ...service('a', [backend.port]),
  ];
  const under = ['prlimit', '--nofile=256:256'];
  const headgate = await startHeadgate({ 'all.yaml': manifests(...documents) }, ['--workers', '1'], under);

  const clients: WireClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await headgate.stop();
    backend.close();
  });
  clients.push(...(await Promise.all(Array.from({ length: CLIENTS }, () => WireClient.connect({ port })))));
  const open = () => clients.filter(({ isClosed }) => !isClosed);
  await until(() => open().length < 256, 'those beyond are closed');
  for (let i = 0; i < 10; i++) {
    const probe = await WireClient.connect({ port: Number(new URL(headgate.admin).port) });
    probe.send('GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.equal((await probe.answer()).status, 200);
    probe.close();
  }
  const [client] = open();
  client!.send('GET /in HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await client!.answer()).body, '/in');
});
