/** Over real sockets: order, back-pressure and errors of writes that go past Node's streams. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { until } from '../../../test/until.ts';
import { waitingBytes, writeText } from './direct-write.ts';

async function pair(t: TestContext): Promise<{ writer: net.Socket; reader: net.Socket }> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const writer = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[reader]] = (await Promise.all([once(server, 'connection'), once(writer, 'connect')])) as [
    [net.Socket],
    unknown,
  ];
  t.after(() => {
    writer.destroy();
    reader.destroy();
    server.close();
  });
  return { writer, reader };
}

/** Text that tells its place. */
const piece = (i: number) => `${String(i).padStart(7, '0')},`.repeat(1000);

test('what the kernel does not take at once follows in order, mixed with writes of the stream', async (t) => {
  const { writer, reader } = await pair(t);
  let wanted = '';
  let refusals = 0;
  for (let i = 0; i < 2000; i++) {
    wanted += piece(i);
    if (i % 7 === 3) writer.write(piece(i), 'latin1');
    else if (!writeText(writer, piece(i))) refusals++;
  }
  assert.ok(refusals > 0, 'the reader does not read');
  assert.ok(waitingBytes(writer) > 1024 * 1024, `${waitingBytes(writer)} wait`);
  writer.end();
  let got = '';
  reader.setEncoding('latin1');
  reader.on('data', (text: string) => (got += text));
  reader.resume();
  await once(reader, 'end');
  assert.ok(got === wanted, `${got.length} of ${wanted.length} bytes, in order`);
  assert.equal(waitingBytes(writer), 0);
});

test('a write that was refused is followed by drain', async (t) => {
  const { writer, reader } = await pair(t);
  let count = 0;
  while (writeText(writer, piece(count))) count++;
  const waiting = waitingBytes(writer);
  assert.ok(waiting > 0 && waiting <= piece(0).length, `only the last one waits: ${waiting}`);
  assert.equal(writer.writableLength, 0);
  const drained = once(writer, 'drain');
  reader.resume();
  await drained;
  assert.equal(waitingBytes(writer), 0);
});

test('a peer that resets is an error of the socket, whether or not bytes wait', async (t) => {
  for (const isWaiting of [false, true]) {
    const { writer, reader } = await pair(t);
    if (isWaiting) while (writeText(writer, piece(0)));
    const failed = once(writer, 'error');
    writer.resume();
    reader.resetAndDestroy();
    await until(() => !writeText(writer, piece(0)) || writer.destroyed, 'the reset has arrived');
    assert.match(String((await failed)[0].code), /^(ECONNRESET|EPIPE)$/);
  }
});

test('before the connection stands the stream holds the text', async (t) => {
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const writer = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  writeText(writer, 'early');
  const [answer] = await once(writer, 'data');
  assert.equal(String(answer), 'early');
  writer.destroy();
});
