/** What a kubeconfig comes to: which cluster, as whom, and what is said where it is wrong. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { rereadFile, type ClusterAccess, type Identity } from './access.ts';
import { findAccess } from './find-access.ts';
import { readKubeconfig, type AccessReading } from './kubeconfig.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'headgate-kube-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function write(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

function accessIn(reading: AccessReading): ClusterAccess {
  assert.ok('access' in reading, JSON.stringify(reading));
  return reading.access;
}

async function identityOf(reading: AccessReading): Promise<Identity> {
  const { value, error } = await accessIn(reading).credential.obtain();
  assert.equal(error, undefined);
  return value;
}

/** One context `main` whose user is this. */
function config(user: string, cluster = ''): string {
  return `
apiVersion: v1
kind: Config
current-context: main
contexts: [{name: main, context: {cluster: c, user: u, namespace: shop}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443/prefix", ${cluster}}}]
users: [{name: u, user: {${user}}}]
`;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('cluster and context', (t) => {
  const file = write(
    join(folder(t), 'config'),
    config('token: t', 'tls-server-name: api, proxy-url: "http://proxy:3128", insecure-skip-tls-verify: true'),
  );
  const access = accessIn(readKubeconfig({ files: [file] }));
  assert.equal(access.server, 'https://127.0.0.1:6443/prefix');
  assert.equal(access.namespace, 'shop');
  assert.equal(access.serverName, 'api');
  assert.equal(access.proxyUrl, 'http://proxy:3128');
  assert.equal(access.isServerVerified, false);
  assert.equal(access.authority(), undefined);
});

test('certificates from data and from files beside the kubeconfig; data counts more', async (t) => {
  const path = folder(t);
  write(join(path, 'ca.pem'), 'authority');
  write(join(path, 'cert.pem'), 'certificate');
  const user = `client-certificate: cert.pem, client-key: none.pem, client-key-data: ${base64('key')}`;
  const file = write(join(path, 'config'), config(user, 'certificate-authority: ca.pem'));
  const reading = readKubeconfig({ files: [file] });
  assert.deepEqual(await identityOf(reading), { authorization: undefined, certificate: 'certificate', key: 'key' });
  assert.equal(accessIn(reading).authority(), 'authority');
});

test('a token, a password, a token file that counts more, impersonation', async (t) => {
  const path = folder(t);
  write(join(path, 'token'), 'from-file\n');
  const authorizationFor = async (user: string): Promise<string | undefined> =>
    (await identityOf(readKubeconfig({ files: [write(join(path, 'config'), config(user))] }))).authorization;
  assert.equal(await authorizationFor('token: plain'), 'Bearer plain');
  assert.equal(await authorizationFor('username: u, password: p'), `Basic ${base64('u:p')}`);
  assert.equal(await authorizationFor('token: plain, tokenFile: token'), 'Bearer from-file');
  write(join(path, 'config'), config('token: t, as: someone, as-groups: [a, b]'));
  assert.deepEqual(accessIn(readKubeconfig({ files: [join(path, 'config')] })).headers, {
    'impersonate-user': 'someone',
    'impersonate-group': ['a', 'b'],
  });
});

test('a token file is read again after a minute, or once it is refused; a missing one is bridged', async (t) => {
  const path = write(join(folder(t), 'token'), 'one');
  let now = 0;
  const text = rereadFile(path, () => now);
  assert.equal(text(), 'one');
  write(path, 'two');
  assert.equal(text(), 'one');
  now = 60_001;
  assert.equal(text(), 'two');
  write(path, 'three');
  text.forget();
  assert.equal(text(), 'three');
  rmSync(path);
  text.forget();
  assert.equal(text(), 'three');
  assert.throws(rereadFile(join(path, 'missing')));
});

test('the files of KUBECONFIG are merged: the first that has a name counts, a missing file is skipped', async (t) => {
  const path = folder(t);
  write(
    join(path, 'a'),
    'contexts: [{name: main, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: a}}]',
  );
  write(join(path, 'b'), config('token: b'));
  const env = { KUBECONFIG: [join(path, 'a'), join(path, 'none'), join(path, 'b')].join(delimiter) };
  const reading = findAccess({ env, home: path });
  assert.equal((await identityOf(reading)).authorization, 'Bearer a');
  assert.equal(accessIn(reading).namespace, 'default');
});

test('where the cluster is looked for: a named file, KUBECONFIG, the pod, the home folder', async (t) => {
  const path = folder(t);
  for (const name of ['named', 'env']) write(join(path, name), config(`token: ${name}`));
  mkdirSync(join(path, '.kube'));
  write(join(path, '.kube', 'config'), config('token: home'));
  const pod = join(path, 'pod');
  mkdirSync(pod);
  write(join(pod, 'token'), 'pod\n');
  write(join(pod, 'namespace'), 'system');
  write(join(pod, 'ca.crt'), 'authority');
  const inPod = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  const tokenFor = async (options: Parameters<typeof findAccess>[0]): Promise<string | undefined> =>
    (await identityOf(findAccess({ env: {}, home: path, serviceAccount: pod, ...options }))).authorization;
  const env = { ...inPod, KUBECONFIG: join(path, 'env') };
  assert.equal(await tokenFor({ kubeconfig: join(path, 'named'), env }), 'Bearer named');
  assert.equal(await tokenFor({ env }), 'Bearer env');
  assert.equal(await tokenFor({ env: inPod }), 'Bearer pod');
  assert.equal(await tokenFor({}), 'Bearer home');
  const access = accessIn(findAccess({ env: inPod, home: path, serviceAccount: pod }));
  assert.deepEqual(
    [access.server, access.namespace, access.authority()],
    ['https://[fd00::1]:6443/', 'system', 'authority'],
  );
});

test('what is wrong is said in a sentence', (t) => {
  const path = folder(t);
  const file = join(path, 'config');
  const problemOf = (text: string, context?: string): string => {
    const reading = readKubeconfig({ files: [write(file, text)], context });
    assert.ok('problem' in reading);
    return reading.problem.replaceAll(file, 'FILE');
  };
  assert.equal(problemOf(config('token: t'), 'other'), 'FILE: no context other (there are main)');
  assert.equal(problemOf('{}'), 'FILE: no current-context; name one');
  assert.match(problemOf('a: [\n'), /^FILE:\d+: /);
  assert.equal(
    problemOf('current-context: a\ncontexts: [{name: a, context: {cluster: c}}]'),
    'FILE: context a names no cluster that has a server',
  );
  assert.match(problemOf(config('auth-provider: {name: gcp}')), /use an exec plugin/);
  assert.match(problemOf(config('token: t', 'proxy-url: "socks5://x"')), /proxy-url must be an http or https URL/);
  assert.deepEqual(findAccess({ env: {}, home: path }), {
    problem: `no cluster: no KUBECONFIG, not in a pod, and no ${join(path, '.kube', 'config')}`,
  });
  assert.deepEqual(findAccess({ kubeconfig: '/none' }), { problem: '/none: no such file' });
});

/** A kubeconfig whose plugin is this shell script, which leaves a line in `runs` each time. */
function plugin(t: TestContext, script: string, more = ''): { reading: AccessReading; path: string } {
  const path = folder(t);
  write(join(path, 'plugin'), `#!/bin/sh\ncd ${path}\necho run >> runs\n${script}\n`);
  chmodSync(join(path, 'plugin'), 0o755);
  const user = `exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, ${more}}`;
  return { reading: readKubeconfig({ files: [write(join(path, 'config'), config(user))] }), path };
}

function output(status: object): string {
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
  return `echo '${JSON.stringify(credential)}'`;
}

const runsIn = (path: string): number => rereadFile(join(path, 'runs'))().trim().split('\n').length;

test('a plugin is run once for all who wait, and again when its token expires or is refused', async (t) => {
  const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
  const { reading, path } = plugin(t, output({ token: 'secret', expirationTimestamp }));
  const { credential } = accessIn(reading);
  const [first] = await Promise.all([credential.obtain(), credential.obtain()]);
  assert.deepEqual(first, { value: { authorization: 'Bearer secret' } });
  await credential.obtain();
  assert.equal(runsIn(path), 1);
  credential.discard();
  await credential.obtain();
  assert.equal(runsIn(path), 2);
  const expired = plugin(t, output({ token: 'old', expirationTimestamp: '2020-01-01T00:00:00Z' }));
  const { credential: old } = accessIn(expired.reading);
  await old.obtain();
  await old.obtain();
  assert.equal(runsIn(expired.path), 2);
});

test('a plugin gets its arguments, its environment and the cluster, and may give a certificate', async (t) => {
  const more = 'args: [a, b], env: [{name: ONE, value: "1"}], provideClusterInfo: true';
  const status = { clientCertificateData: 'certificate', clientKeyData: 'key' };
  const { reading, path } = plugin(
    t,
    `echo "$1 $2 $ONE" > seen; echo "$KUBERNETES_EXEC_INFO" > info; ${output(status)}`,
    more,
  );
  assert.deepEqual(await identityOf(reading), { certificate: 'certificate', key: 'key' });
  assert.equal(rereadFile(join(path, 'seen'))(), 'a b 1\n');
  const info = JSON.parse(rereadFile(join(path, 'info'))()) as { spec: { interactive: boolean; cluster: object } };
  assert.equal(info.spec.interactive, false);
  assert.deepEqual(info.spec.cluster, { server: 'https://127.0.0.1:6443/prefix' });
});

test('a plugin that fails, is missing, or talks nonsense: an error that says so, and another try later', async (t) => {
  const missing = 'a script that is removed';
  const failures: readonly [string, string, RegExp][] = [
    ['echo first >&2; echo not logged in >&2; exit 3', '', /plugin: not logged in$/],
    ['echo hello', '', /no JSON/],
    ['echo "{}"', '', /no ExecCredential of client\.authentication\.k8s\.io\/v1/],
    [output({}), '', /neither a token nor a certificate/],
    [output({ token: 't' }), 'interactiveMode: Always', /wants a terminal/],
    [missing, 'installHint: get it there', /not installed\nget it there/],
  ];
  for (const [script, more, message] of failures) {
    const { reading, path } = plugin(t, script, more);
    if (script === missing) rmSync(join(path, 'plugin'));
    const { credential } = accessIn(reading);
    const { error } = await credential.obtain();
    assert.match(error?.message ?? '', message);
    assert.equal(error?.reason, 'Credentials');
    assert.ok((await credential.obtain()).error);
  }
});
