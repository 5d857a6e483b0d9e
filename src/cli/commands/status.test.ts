/** `headgate status` as a process: files and a running headgate, tables and documents, exit codes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { freePort, headgate, startHeadgate } from '../../../test/headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../../../test/manifests.ts';

async function withFiles(text: string, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  try {
    await writeFile(join(folder, 'all.yaml'), text);
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const route = (backend: string) => httpRoute('r', { rules: [{ backendRefs: [{ name: backend, port: 80 }] }] });
const good = manifests(gatewayClass(), gateway(httpListener(8080)), service('echo', [3000]), route('echo'));
const bad = manifests(gatewayClass(), gateway(httpListener(8080)), route('gone'));

/** The two runs judge at different times. */
const untimed = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'then');

interface List {
  readonly kind: string;
  readonly items: { kind: string; metadata: { name: string }; spec: object; status: object }[];
}

test('files that are in order: tables, exit 0', async () => {
  await withFiles(good, async (folder) => {
    const { code, stdout, stderr } = await headgate('status', folder);
    assert.match(stdout, /^GATEWAY +CLASS +ADDRESSES +ACCEPTED +PROGRAMMED\ntest\/web +headgate/);
    assert.match(stdout, /\nHTTPROUTE +HOSTNAMES +PARENT +ACCEPTED +RESOLVEDREFS\ntest\/r +\* +web +True +True\n/);
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });
});

test('something that is not accepted: said with its reason, exit 1', async () => {
  await withFiles(bad, async (folder) => {
    const { code, stdout } = await headgate('status', folder);
    assert.match(stdout, /False \(BackendNotFound\)/);
    assert.match(stdout, /all\.yaml:\d+ HTTPRoute test\/r parent web\n +ResolvedRefs=False BackendNotFound: /);
    assert.equal(code, 1);
  });
});

test('a document that is refused: said with its place, exit 1, and the others are judged', async () => {
  const text = `${good}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: broken }\nspec: { rules: 5 }\n`;
  await withFiles(text, async (folder) => {
    const { code, stdout } = await headgate('status', folder);
    assert.match(stdout, /all\.yaml:\d+/);
    assert.match(stdout, /test\/r +\*/);
    assert.equal(code, 1);
  });
});

test('JSON and YAML are the resources with their status', async () => {
  await withFiles(bad, async (folder) => {
    const json = await headgate('status', folder, '-o', 'json');
    const yaml = await headgate('status', folder, '--output', 'yaml');
    assert.equal(json.code, 1);
    const list = JSON.parse(json.stdout) as List;
    assert.equal(list.kind, 'List');
    assert.deepEqual(
      list.items.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      ['GatewayClass/headgate', 'Gateway/web', 'HTTPRoute/r'],
    );
    assert.equal(untimed(JSON.stringify(load(yaml.stdout))), untimed(JSON.stringify(list)));
  });
});

test('without paths the running one is asked', async () => {
  const files = { 'all.yaml': manifests(gatewayClass(), gateway(httpListener(await freePort())), route('gone')) };
  const running = await startHeadgate(files, ['--workers', '1']);
  try {
    const admin = running.admin.replace('http://', '');
    const { code, stdout } = await headgate('status', '--admin', admin);
    assert.match(stdout, /test\/web +headgate +127\.0\.0\.1 +True +True\n/);
    assert.match(stdout, /BackendNotFound/);
    assert.equal(code, 1);
  } finally {
    await running.stop();
  }
});

test('where nothing runs, that is said', async () => {
  const { code, stderr } = await headgate('status', '--admin', `127.0.0.1:${await freePort()}`);
  assert.match(stderr, /nothing answers at .* Is headgate running\?/);
  assert.equal(code, 1);
});

test('version and help', async () => {
  assert.match((await headgate('version')).stdout, /^headgate \d+\.\d+\.\d+ \(Node 26\./);
  const help = await headgate('run', '--help');
  assert.match(help.stdout, /--admin <address:port>[^]*127\.0\.0\.1:19000/);
  assert.equal((await headgate('serve')).code, 1);
});
