/** TLS to the API server, client certificates, and the way through a proxy. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { credentialOf, type ClusterAccess, type Identity } from './access.ts';
import { createKubeClient, type KubeClient } from './client.ts';
import { accessTo, FakeApiServer, send } from './fake-api-server.test-support.ts';

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** Self-signed, so that it is its own authority. */
function makePair(title: string): Pair {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-connections-'));
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')];
  const names = ['-subj', `/CN=${title}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:api.test'];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...kind, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  const pair = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}

const [ofServer, ofClient, ofOther] = ['server', 'client', 'other'].map(makePair) as [Pair, Pair, Pair];

/** Answers with the common name of the client's certificate and the name that the client asked for. */
async function startTls(t: TestContext): Promise<FakeApiServer> {
  const server = new FakeApiServer({
    cert: ofServer.certificate,
    key: ofServer.key,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.always((_, response) => {
    const socket = response.socket as TLSSocket & { servername: string | false };
    send(response, 200, { client: socket.getPeerCertificate().subject?.CN ?? '', name: socket.servername });
  });
  await server.listen();
  t.after(() => server.close());
  return server;
}

function clientOf(t: TestContext, port: number, access: Partial<ClusterAccess>): KubeClient {
  const client = createKubeClient(
    accessTo(port, { server: `https://127.0.0.1:${port}`, authority: () => ofServer.certificate, ...access }),
  );
  t.after(() => client.close());
  return client;
}

const identity = ({ certificate, key }: Pair): Identity => ({ certificate, key });

test('the server is checked by the authority, and shown our certificate', async (t) => {
  const { port } = await startTls(t);
  const client = clientOf(t, port, { credential: credentialOf(() => identity(ofClient)) });
  assert.deepEqual((await client.getPath('/')).value, { client: 'client', name: false });
});

test('a server with another certificate is refused, unless that is not to be checked', async (t) => {
  const { port } = await startTls(t);
  const refused = await clientOf(t, port, { authority: () => ofOther.certificate }).getPath('/');
  assert.match(refused.error?.reason ?? '', /SELF_SIGNED/);
  const client = clientOf(t, port, { authority: () => undefined, isServerVerified: false });
  assert.ok((await client.getPath('/')).value);
});

test('tls-server-name is what is asked for and checked', async (t) => {
  const { port } = await startTls(t);
  const named = await clientOf(t, port, { serverName: 'api.test' }).getPath<{ name: string }>('/');
  assert.equal(named.value?.name, 'api.test');
  const other = await clientOf(t, port, { serverName: 'other.test' }).getPath('/');
  assert.equal(other.error?.reason, 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('a certificate or an authority that is replaced is used from the next call on', async (t) => {
  const { port } = await startTls(t);
  let current = ofClient;
  let authority = ofOther.certificate;
  const client = clientOf(t, port, {
    authority: () => authority,
    credential: credentialOf(() => identity(current)),
  });
  assert.ok((await client.getPath('/')).error);
  authority = ofServer.certificate;
  assert.deepEqual((await client.getPath<{ client: string }>('/')).value?.client, 'client');
  current = ofOther;
  assert.deepEqual((await client.getPath<{ client: string }>('/')).value?.client, 'other');
});

/** A proxy that opens tunnels for whoever knows the password, and counts them. */
async function startProxy(t: TestContext): Promise<{ url: string; tunnels: string[] }> {
  const tunnels: string[] = [];
  const proxy: Server = createServer();
  proxy.on('connect', ({ url = '', headers }, socket: Duplex) => {
    socket.on('error', () => {});
    if (headers['proxy-authorization'] !== `Basic ${Buffer.from('me:p@ss').toString('base64')}`)
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    tunnels.push(url);
    const [host, port] = url.split(':') as [string, string];
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => proxy.close());
  return { url: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, tunnels };
}

test('through a proxy: a tunnel, and TLS to the server inside it', async (t) => {
  const { port } = await startTls(t);
  const { url, tunnels } = await startProxy(t);
  const credential = credentialOf(() => identity(ofClient));
  const client = clientOf(t, port, { proxyUrl: `http://me:p%40ss@${url}`, credential });
  for (let i = 0; i < 3; i++) {
    const { value, error } = await client.getPath<{ client: string }>('/');
    assert.equal(value?.client, 'client', error?.message ?? '');
  }
  assert.deepEqual([...new Set(tunnels)], [`127.0.0.1:${port}`]);
  assert.ok(tunnels.length < 3, 'tunnels are kept');
});

test('a proxy that refuses or is not there: an error that names it', async (t) => {
  const { port } = await startTls(t);
  const { url } = await startProxy(t);
  const refused = await clientOf(t, port, { proxyUrl: `http://${url}` }).getPath('/');
  assert.equal(refused.error?.message, `proxy ${url}: refused the tunnel with status 407`);
  const gone = await clientOf(t, port, { proxyUrl: 'http://127.0.0.1:1' }).getPath('/');
  assert.match(gone.error?.message ?? '', /^proxy 127\.0\.0\.1:1: .*ECONNREFUSED/);
});
