/** WebSockets of HTTP/2 clients through the whole proxy (RFC 8441), to backends of both versions that take them and that do not. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type http2 from 'node:http2';
import type net from 'node:net';
import { test } from 'node:test';
import { Backend } from './http2-client-testing.ts';
import { startProxy, type TestProxyOptions } from './http2-proxy-testing.ts';
import { until } from './http2-testing.ts';

/** Asks for a tunnel; says what was answered, and what came back of `ping`. */
async function tunnelTo(options: TestProxyOptions): Promise<{ status: unknown; body: string; fields: string[] }> {
  using proxy = await startProxy(options);
  const session = await proxy.connect();
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13' },
    { endStream: false },
  );
  stream.on('error', () => {});
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  let body = '';
  stream.setEncoding('latin1').on('data', (text: string) => (body += text));
  if (Number(headers[':status']) === 200) {
    stream.write('ping');
    await until(() => body === 'ping', 'the echo');
    stream.end();
  }
  await until(() => stream.closed, 'the end');
  return { status: headers[':status'], body, fields: Object.keys(headers) };
}

async function listen(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

test('to an HTTP/2 backend that takes them', async () => {
  using backend = await new Backend({ settings: { enableConnectProtocol: true } }).listen();
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const { status, body } = await tunnelTo({ backendPort: backend.port });
  assert.deepEqual([status, body], [200, 'ping']);
});

test('to an HTTP/1 backend that takes them: it sees a whole handshake', async () => {
  const server = http.createServer();
  server.on('upgrade', (request, socket: net.Socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.on('error', () => {});
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  const { status, body, fields } = await tunnelTo({ backendPort: await listen(server), protocol: 'http1' });
  assert.deepEqual([status, body], [200, 'ping']);
  assert.ok(!fields.includes('sec-websocket-accept') && !fields.includes('upgrade'), fields.join());
  server.close();
});

for (const protocol of ['http1', 'h2c'] as const) {
  test(`a ${protocol} backend that ignores the upgrade and answers 200 never looks like a tunnel`, async () => {
    using backend = await new Backend().listen();
    backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
      stream.respond({ ':status': 200 });
      stream.end('a page');
    });
    const server = http.createServer((_request, response) => response.end('a page'));
    const port = await listen(server);
    const { status, body } = await tunnelTo({ backendPort: protocol === 'http1' ? port : backend.port, protocol });
    assert.deepEqual([status, body], [502, 'a page']);
    server.closeAllConnections();
    server.close();
  });
}
