/** Probes against real servers: HTTP, the gRPC health protocol by other people's gRPC, and plain connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { after, test } from 'node:test';
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import type { BackendConfig, ClientCertificate, HealthProbe } from '../../contract/gateway-config.ts';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { until } from '../../../test/until.ts';
import { endpointAt, plainBackend } from '../forward-testing.ts';
import { defaultLimits } from '../limits.ts';
import { testCertificate } from '../listeners/certificate.test-support.ts';
import { createProbe } from './probe.ts';

const wheel = new DeadlineWheel(10);
wheel.start();
const closing: (() => void)[] = [() => wheel.close()];
after(() => closing.forEach((close) => close()));

const runProbe = createProbe({ limits: defaultLimits, wheel });

interface Extra extends Partial<BackendConfig> {
  readonly timeoutMs?: number;
  readonly clientCertificate?: ClientCertificate;
}

function probe(port: number, what: HealthProbe, extra: Extra = {}): Promise<string | null> {
  const { timeoutMs = 5000, clientCertificate, ...backend } = extra;
  const check = { probe: what, intervalMs: 1000, timeoutMs, unhealthyThreshold: 1, healthyThreshold: 1 };
  const endpoint = { ...endpointAt(port), address: '127.0.0.1' };
  return runProbe({ endpoint, backend: { ...plainBackend, ...backend }, check, clientCertificate });
}

/** Counts the sockets that are open, since a probe must leave none behind. */
async function listening(server: net.Server): Promise<{ readonly port: number; readonly open: () => number }> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as net.AddressInfo).port, open: () => sockets.size };
}

const root: HealthProbe = { type: 'HTTP', path: '/' };

test('HTTP: the status decides, of what was asked for', async () => {
  const asked: unknown[] = [];
  const server = http.createServer((request, response) => {
    asked.push([request.method, request.url, request.headers.host]);
    response.writeHead(Number(request.url!.slice(1, 4)) || 204);
    if (request.url !== '/200?endless') response.end();
    else response.write('and so on');
  });
  const { port, open } = await listening(server);
  const path = (text: string): HealthProbe => ({ type: 'HTTP', path: text });
  assert.equal(await probe(port, root), null);
  assert.equal(await probe(port, path('/302')), null);
  assert.equal(await probe(port, path('/200?endless')), null);
  assert.equal(await probe(port, path('/503')), 'GET /503 was answered with 503');
  assert.equal(await probe(port, path('/404')), 'GET /404 was answered with 404');
  const expecting = { type: 'HTTP', expectedStatuses: [404, 410], hostname: 'web.test' } as const;
  assert.equal(await probe(port, { ...expecting, path: '/410' }), null);
  assert.equal(await probe(port, { ...expecting, path: '/200' }), 'GET /200 was answered with 200');
  assert.deepEqual(asked.slice(0, 2), [
    ['GET', '/', `127.0.0.1:${port}`],
    ['GET', '/302', `127.0.0.1:${port}`],
  ]);
  assert.deepEqual(asked.at(-1), ['GET', '/200', 'web.test']);
  await until(() => open() === 0, 'no connection is left');
});

test('HTTP: who is silent, refuses or speaks something else is not well', async () => {
  const silent = await listening(net.createServer((socket) => socket.resume()));
  assert.equal(await probe(silent.port, root, { timeoutMs: 500 }), 'no answer within 500 ms');
  assert.equal(await probe(silent.port, root, { timeoutMs: 500, protocol: 'h2c' }), 'no answer within 500 ms');
  for (const protocol of ['http1-tls', 'h2-tls'] as const) {
    assert.equal(await probe(silent.port, root, { timeoutMs: 500, protocol }), 'no answer within 500 ms');
  }
  await until(() => silent.open() === 0, 'no connection is left');
  const other = await listening(net.createServer((socket) => socket.end('220 mail.test\r\n')));
  assert.ok(await probe(other.port, root));
  const closed = net.createServer();
  const { port } = await listening(closed);
  closed.close();
  await once(closed, 'close');
  assert.match((await probe(port, root))!, /^no connection: .*ECONNREFUSED/);
  assert.match((await probe(port, { type: 'TCP' }))!, /^no connection: .*ECONNREFUSED/);
});

test('HTTP over HTTP/2, where the backend speaks that', async () => {
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.respond({ ':status': headers[':path'] === '/' ? 200 : 500 }, { endStream: true });
  });
  const { port, open } = await listening(server);
  assert.equal(await probe(port, root, { protocol: 'h2c' }), null);
  const verdict = await probe(port, { type: 'HTTP', path: '/bad' }, { protocol: 'h2c' });
  assert.equal(verdict, 'GET /bad was answered with 500');
  await until(() => open() === 0, 'no connection is left');
});

test('over TLS the certificate must be the one that requests want', async () => {
  const own = testCertificate('own', ['web.test']);
  const server = http2.createSecureServer({ key: own.key, cert: own.certificate, allowHTTP1: true });
  server.on('request', (_request, response) => response.end('well'));
  server.on('sessionError', () => {});
  const { port } = await listening(server);
  const tls = { serverName: 'web.test', ca: own.certificate };
  assert.equal(await probe(port, root, { protocol: 'http1-tls', tls }), null);
  assert.equal(await probe(port, root, { protocol: 'h2-tls', tls }), null);
  assert.equal(await probe(port, root, { protocol: 'tcp-tls', tls }), null);
  const wrong = await probe(port, root, { protocol: 'http1-tls', tls: { ...tls, serverName: 'else.test' } });
  assert.match(wrong!, /else\.test/);
});

test('a backend that asks for a certificate is shown that of the Gateway', async () => {
  const own = testCertificate('own', ['web.test']);
  const client = testCertificate('client', ['gateway.test']);
  const options = { key: own.key, cert: own.certificate, ca: client.certificate, requestCert: true, allowHTTP1: true };
  const server = http2.createSecureServer(options);
  server.on('request', (_request, response) => response.end('well'));
  server.on('sessionError', () => {});
  const { port } = await listening(server);
  const tls = { serverName: 'web.test', ca: own.certificate };
  const origin = { kind: 'Secret', namespace: 'test', name: 'client' };
  const clientCertificate = { origin, certificate: client.certificate, key: client.key };
  for (const protocol of ['http1-tls', 'h2-tls'] as const) {
    assert.equal(await probe(port, root, { protocol, tls, clientCertificate }), null);
    assert.notEqual(await probe(port, root, { protocol, tls }), null, 'without it is refused');
  }
});

test('a backend that is told clients by PROXY headers is told that it is nobody', async () => {
  let begin = '';
  const server = net.createServer((socket) => {
    socket.once('data', (data: Buffer) => {
      begin = data.toString('latin1').split('\r\n', 2).join(' ');
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  const { port } = await listening(server);
  assert.equal(await probe(port, root, { proxyProtocol: 'V1' }), null);
  assert.match(begin, /^PROXY UNKNOWN/);
});

test('TCP: a connection is enough', async () => {
  const { port, open } = await listening(net.createServer());
  assert.equal(await probe(port, { type: 'TCP' }), null);
  await until(() => open() === 0, 'no connection is left');
});

/** A gRPC server with a health service that knows these: by name, the serving status. */
async function grpcServer(statuses: Readonly<Record<string, number>> | null): Promise<number> {
  const server = new Server();
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  } as const;
  if (statuses) {
    server.addService(
      { check },
      {
        check({ request }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
          // Field 1 of the request, a text; field 1 of the answer, an enum whose 0 is left out.
          const serving = statuses[request.subarray(2).toString()];
          if (serving === undefined) callback({ code: status.NOT_FOUND, details: 'unknown' });
          else callback(null, Buffer.from(serving === 0 ? [] : [8, serving]));
        },
      },
    );
  }
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      closing.push(() => server.forceShutdown());
      if (error) reject(error);
      else resolve(port);
    });
  });
}

const asking = (service: string): HealthProbe => ({ type: 'GRPC', service });

test('gRPC: only who is SERVING is well', async () => {
  const port = await grpcServer({ '': 1, 'shop.Cart': 1, 'shop.Down': 2, 'shop.New': 0 });
  assert.equal(await probe(port, asking(''), { protocol: 'h2c' }), null);
  assert.equal(await probe(port, asking('shop.Cart'), { protocol: 'h2c' }), null);
  assert.equal(await probe(port, asking('shop.Cart'), { protocol: 'http1' }), null, 'gRPC is HTTP/2 in any case');
  assert.equal(await probe(port, asking('shop.Down'), { protocol: 'tcp' }), 'gRPC health: NOT_SERVING');
  assert.equal(await probe(port, asking('shop.New')), 'gRPC health: UNKNOWN');
  const unknown = 'its gRPC health service does not know shop.Other (grpc-status 5)';
  assert.equal(await probe(port, asking('shop.Other')), unknown);
});

test('gRPC: without a health service an endpoint is not well', async () => {
  assert.equal(await probe(await grpcServer(null), asking('')), 'it has no gRPC health service (grpc-status 12)');
  const plain = http2.createServer((_request, response) => response.writeHead(404).end());
  const { port } = await listening(plain);
  assert.equal(await probe(port, asking('')), 'the gRPC health check was answered with HTTP status 404');
});
