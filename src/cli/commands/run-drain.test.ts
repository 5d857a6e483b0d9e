/** How `headgate run` ends while a download and a WebSocket are under way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { freePort, startHeadgate } from '../../../test/headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service } from '../../../test/manifests.ts';
import { until } from '../../../test/until.ts';

interface Client {
  readonly socket: Socket;
  text(): string;
  isClosed(): boolean;
}

function client(port: number, request: string): Client {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let isClosed = false;
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.on('close', () => (isClosed = true));
  socket.on('error', () => {});
  socket.write(request);
  return { socket, text: () => text, isClosed: () => isClosed };
}

test('SIGTERM: idle connections close, a download ends, a WebSocket lives until the grace time is over, exit 0', async () => {
  const downloads: ServerResponse[] = [];
  const server = createServer((_request, response) => downloads.push(response));
  server.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (data) => socket.write(data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = await freePort();
  const backend = (server.address() as AddressInfo).port;
  const rules = [{ backendRefs: [{ name: 'slow', port: 80 }] }];
  const text = manifests(
    gatewayClass(),
    gateway(httpListener(port)),
    service('slow', [backend]),
    httpRoute('r', { rules }),
  );
  const headgate = await startHeadgate({ 'a.yaml': text }, ['--workers', '1', '--grace', '1500ms']);
  const head = 'HTTP/1.1\r\nHost: a.test\r\n';
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  const webSocket = client(port, `GET /ws ${head}${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  const download = client(port, `GET /file ${head}\r\n`);
  const idle = client(port, '');
  await until(() => webSocket.text().includes('101') && downloads.length === 1, 'both are under way');
  downloads[0]!.write('first half,');
  await until(() => download.text().includes('first half'), 'the download has begun');

  const ended = headgate.stop();
  await until(() => idle.isClosed(), 'the idle connection is closed');
  await until(
    () =>
      new Promise((resolve) =>
        connect(port, '127.0.0.1')
          .on('error', () => resolve(true))
          .on('connect', () => resolve(false)),
      ),
    'nothing new is taken',
  );
  downloads[0]!.end('second half');
  await until(() => download.isClosed(), 'the download has ended');
  assert.match(download.text(), /second half\r\n0\r\n\r\n$/);
  webSocket.socket.write('still here');
  await until(() => webSocket.text().includes('still here'), 'the WebSocket lives');
  assert.equal(await ended, 0);
  await until(() => webSocket.isClosed(), 'the WebSocket is cut');
  server.closeAllConnections();
  server.close();
});
