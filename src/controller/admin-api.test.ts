import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { emptyConfig } from '../contract/gateway-config.ts';
import { mayAsk, startAdminApi, type AdminPages } from './admin-api.ts';
import { redactConfig } from './redact.ts';

let isReady = false;
const pages: AdminPages = {
  isReady: () => isReady,
  metrics: async () => 'headgate_up 1\n',
  config: () => ({ listeners: {} }),
  status: () => {
    throw new Error('no status');
  },
  version: () => ({ version: '1.2.3' }),
};
const admin = await startAdminApi(pages, { address: '127.0.0.1', port: 0 });
after(() => admin.close());

const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${admin.port}${path}`, init);

test('is alive at once, and ready when it is said to be', async () => {
  assert.equal((await get('/livez')).status, 200);
  assert.equal((await get('/readyz')).status, 503);
  isReady = true;
  assert.equal((await get('/readyz')).status, 200);
});

test('gives metrics as text and the rest as JSON', async () => {
  const metrics = await get('/metrics');
  assert.match(metrics.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  assert.equal(await metrics.text(), 'headgate_up 1\n');
  assert.deepEqual(await (await get('/version')).json(), { version: '1.2.3' });
  assert.deepEqual(await (await get('/config?x=1')).json(), { listeners: {} });
});

test('names its pages where there is none, and takes nothing but GET and HEAD', async () => {
  const missing = await get('/constructor');
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /\/readyz/);
  assert.equal((await get('/config', { method: 'POST' })).status, 405);
  const head = await get('/version', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
});

test('a page that fails is a 500, not the end', async () => {
  assert.equal((await get('/status')).status, 500);
  assert.equal((await get('/livez')).status, 200);
});

test('a name that a stranger may have rebound to this address is refused', async () => {
  const asked = request({ host: '127.0.0.1', port: admin.port, path: '/config', headers: { host: 'evil.example' } });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  assert.equal(response.statusCode, 403);
});

test('at an address that others reach it may be asked by any name, on loopback by its own', () => {
  const cases: [host: string, localAddress: string, isAllowed: boolean][] = [
    ['headgate:19000', '192.0.2.1', true],
    ['vm1.example.com', '2001:db8::1', true],
    ['headgate:19000', '127.0.0.1', false],
    ['headgate:19000', '::ffff:127.0.0.1', false],
    ['headgate:19000', '::1', false],
    ['localhost:19000', '::1', true],
    ['127.0.0.1:19000', '127.0.0.1', true],
  ];
  for (const [host, localAddress, isAllowed] of cases)
    assert.equal(mayAsk(host, localAddress), isAllowed, `${host} at ${localAddress}`);
});

test('garbage on the wire ends that connection only', async () => {
  const socket = connect(admin.port, '127.0.0.1');
  socket.end('\x16\x03\x01 not http\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  assert.equal((await get('/livez')).status, 200);
});

test('rejects with the reason when the port is taken', async () => {
  await assert.rejects(startAdminApi(pages, { address: '127.0.0.1', port: admin.port }), { code: 'EADDRINUSE' });
});

test('private keys are redacted from the configuration', () => {
  const origin = { kind: 'Secret', namespace: 'n', name: 'c' };
  const entry = { origin, certificate: 'PEM', key: 'PRIVATE', names: ['a.test'], notAfterMs: 0 };
  const shown = redactConfig({ ...emptyConfig, certificates: { 'Secret/n/c': entry } });
  assert.deepEqual(shown.certificates['Secret/n/c'], { ...entry, key: 'redacted' });
  assert.equal(JSON.stringify(shown).includes('PRIVATE'), false);
});
