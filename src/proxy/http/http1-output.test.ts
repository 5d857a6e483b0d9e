/** What an HTTP/1 connection writes, and when, over a real socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { until } from '../../../test/until.ts';
import { Http1Output } from './http1-output.ts';

interface Wire {
  readonly output: Http1Output;
  readonly socket: net.Socket;
  /** What the peer has received, a piece for each time it was read. */
  readonly pieces: string[];
}

async function openWire(t: TestContext): Promise<Wire> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  t.after(() => {
    for (const one of [peer, socket]) one.destroy();
    server.close();
  });
  const pieces: string[] = [];
  peer.on('data', (bytes) => pieces.push(String(bytes)));
  return { output: new Http1Output(socket), socket, pieces };
}

test('what ends in one turn leaves together, when the turn ends', async (t) => {
  const { output, socket, pieces } = await openWire(t);
  for (const text of ['one ', 'two ', 'three']) {
    output.add(text);
    output.flushLater();
  }
  assert.equal(socket.bytesWritten, 0, 'nothing leaves before the end of the turn');
  await until(() => pieces.length > 0, 'the peer has read');
  assert.deepEqual(pieces, ['one two three']);
});

test('a flush in between takes along what waits, in order', async (t) => {
  const { output, socket, pieces } = await openWire(t);
  output.add('end ');
  output.flushLater();
  output.add('more ');
  output.flush();
  assert.equal(socket.bytesWritten, 9);
  output.add('last');
  output.flushLater();
  await until(() => pieces.join('').length === 13, 'the peer has read it all');
  assert.equal(pieces.join(''), 'end more last');
});

test('more than is cheap to gather leaves at once', async (t) => {
  const { output, socket } = await openWire(t);
  output.add('x'.repeat(16 * 1024 + 1));
  output.flushLater();
  assert.ok(socket.bytesWritten > 0);
});

test('what a socket that is gone would have been sent is dropped', async (t) => {
  const { output, socket } = await openWire(t);
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  output.add('late');
  output.flushLater();
  socket.destroy();
  await once(socket, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(errors, []);
  assert.equal(socket.bytesWritten, 0);
});
