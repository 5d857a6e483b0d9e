/** What `headgate status PATH…` says of mistakes that newcomers make, and with which exit code. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../../../test/manifests.ts';

const bin = join(import.meta.dirname, '../../../bin/headgate');

async function statusOf(files: Readonly<Record<string, string | Buffer>>): Promise<{ code: number; stdout: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const child = spawn(bin, ['status', folder]);
  let stdout = '';
  child.stdout.on('data', (data) => (stdout += data));
  const [code] = (await once(child, 'close')) as [number];
  await rm(folder, { recursive: true });
  return { code, stdout };
}

const web = manifests(gatewayClass(), gateway(httpListener(8080)));
const routeTo = (name: string, spec: object = {}) =>
  manifests(httpRoute('r', { rules: [{ backendRefs: [{ name, port: 80 }] }], ...spec }));

test('a Service without EndpointSlice: a warning that offers --backend', async () => {
  const { code, stdout } = await statusOf({
    'a.yaml': web,
    'b.yaml': manifests(service('cart', [])),
    'c.yaml': routeTo('cart'),
  });
  assert.match(stdout, /▲ .*b\.yaml:\d+ Service test\/cart\n.*503.*--backend test\/cart:80=localhost:3000/);
  assert.equal(code, 0);
});

test('a Service that is not there: an error that offers --backend too', async () => {
  const { code, stdout } = await statusOf({ 'a.yaml': web, 'c.yaml': routeTo('cart') });
  assert.match(stdout, /BackendNotFound: Service test\/cart does not exist: create it, .*\n.*--backend test\/cart:/);
  assert.equal(code, 1);
});

test('a Secret that is not there: an error with the command that makes a file of it', async () => {
  const https = { ...httpListener(8443), protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } };
  const { code, stdout } = await statusOf({ 'a.yaml': manifests(gatewayClass(), gateway(https)) });
  assert.match(
    stdout,
    /Secret test\/cert does not exist: create it with kubectl create secret tls cert.*\n.*--dry-run/,
  );
  assert.equal(code, 1);
});

test('a parent that is not there: an error with its place', async () => {
  const files = {
    'a.yaml': web,
    'b.yaml': manifests(service('cart', [3000])),
    'c.yaml': routeTo('cart', { parentRefs: [{ name: 'wbe' }] }),
  };
  const { code, stdout } = await statusOf(files);
  assert.match(stdout, /✖ .*c\.yaml:1 HTTPRoute test\/r\n +parent Gateway test\/wbe does not exist/);
  assert.equal(code, 1);
});

test('files of other makes: CRLF, BOM, empty, JSON lists are read; UTF-16 and templates are named', async () => {
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } }],
  };
  const { stdout } = await statusOf({
    'a.yaml': web.replaceAll('\n', '\r\n'),
    'b.yaml': `\uFEFF${manifests(service('cart', [3000]))}`,
    'c.json': JSON.stringify(list),
    'd.yaml': '---\n\n---\n# nothing\n',
    'e.yaml': routeTo('cart'),
    'f.yaml': Buffer.from('apiVersion: v1\n', 'utf16le'),
    'g.yaml': 'kind: HTTPRoute\nmetadata: { name: {{ .Name }} }\n',
  });
  const wrong = stdout.split('\n').filter((line) => line.startsWith('✖'));
  assert.equal(wrong.length, 2, stdout);
  assert.match(stdout, /f\.yaml:1:\d+\n.*no text in UTF-8/);
  assert.match(stdout, /g\.yaml:2:\d+\n.*render it first/);
  assert.match(stdout, /test\/r +\* +web +True +True/);
});
