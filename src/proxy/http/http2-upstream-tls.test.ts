/** HTTP/2 to backends over TLS: ALPN, the name and the CA a backend must prove, and that nothing is said to one that cannot. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http2 from 'node:http2';
import net from 'node:net';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { testCertificate } from '../listeners/certificate.test-support.ts';
import { defaultLimits } from '../limits.ts';
import { Http1Pool } from './http1-pool.ts';
import { Backend, poolTo, request } from './http2-client-testing.ts';
import { Response, until } from './http2-testing.ts';

const own = testCertificate('own', ['backend.test']);
const other = testCertificate('other', ['backend.test']);

let backend: Backend;
before(async () => {
  backend = await new Backend({ key: own.key, cert: own.certificate }).listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.respond({ ':status': 200, 'x-name': String(headers[':authority']) });
    stream.end('over TLS');
  });
});
after(() => backend[Symbol.dispose]());

async function ask(port: number, options: Parameters<typeof poolTo>[1]): Promise<Response> {
  using client = poolTo(port, options);
  const response = new Response();
  client.pool.open(request({ scheme: 'https' }), response);
  await until(() => response.isOver, 'the answer');
  return response;
}

test('a backend that proves its name by the own CA answers', async () => {
  const response = await ask(backend.port, { tls: { serverName: 'backend.test', ca: own.certificate } });
  assert.deepEqual([response.error, response.status, response.body], [null, 200, 'over TLS']);
  assert.equal(response.headers.get('x-name'), 'a.example');
});

const refusals = [
  ['another name', { serverName: 'else.test', ca: own.certificate }, /else\.test/],
  ['another CA', { serverName: 'backend.test', ca: other.certificate }, /certificate/],
  ['the CAs of the system', { serverName: 'backend.test' }, /certificate/],
] as const;
for (const [what, options, message] of refusals) {
  test(`refused: ${what}`, async () => {
    const { error } = await ask(backend.port, { tls: options });
    assert.equal(error?.kind, 'Tls');
    assert.match(error.message, message);
  });
}

/** A TLS server that records what it is told in secret. */
async function listeningTls(protocols: string[]) {
  const told: Buffer[] = [];
  let handshakes = 0;
  const server = tls.createServer({ key: other.key, cert: other.certificate, ALPNProtocols: protocols }, (socket) => {
    handshakes++;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => told.push(chunk));
  });
  server.on('tlsClientError', () => handshakes++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    told,
    handshakes: () => handshakes,
    async close() {
      server.close();
      await once(server, 'close');
    },
  };
}

test('a backend without HTTP/2 is no backend for it', async () => {
  const server = await listeningTls(['http/1.1']);
  const { error } = await ask(server.port, { tls: { serverName: 'backend.test', ca: other.certificate } });
  assert.equal(error?.kind, 'Tls');
  await server.close();
});

test('whoever cannot prove its name hears nothing of the request, over either protocol', async () => {
  const wheel = new DeadlineWheel(20);
  for (const protocol of ['h2', 'http/1.1']) {
    const server = await listeningTls([protocol]);
    const options = { host: '127.0.0.1', port: server.port, tls: { serverName: 'backend.test', ca: own.certificate } };
    if (protocol === 'h2') {
      const { error } = await ask(server.port, { tls: options.tls });
      assert.equal(error?.kind, 'Tls');
    } else {
      const pool = new Http1Pool({ ...options, limits: defaultLimits, wheel });
      const response = new Response();
      pool.open(request(), response);
      await until(() => response.isOver, 'the refusal');
      assert.equal(response.error?.kind, 'Tls');
      pool.close();
    }
    await until(() => server.handshakes() === 1, 'the end of the handshake');
    await server.close();
    assert.equal(Buffer.concat(server.told).toString('latin1'), '');
  }
});

test('a handshake that does not go on ends with the time to connect', async () => {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => sockets.push(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const { error } = await ask(port, { tls: { serverName: 'backend.test' }, connectTimeoutMs: 100 });
  assert.equal(error?.kind, 'ConnectTimeout');
  for (const socket of sockets) socket.destroy();
  server.close();
});
