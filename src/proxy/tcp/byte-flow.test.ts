/** One direction between real sockets: order whatever the sizes, the end behind the last byte, and a reader that does not read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { waitingBytes } from '../http/direct-write.ts';
import { adoptSocket } from '../http/socket-io.ts';
import { ByteFlow } from './byte-flow.ts';

/** Above all that the kernel keeps for these sockets. */
const MAX_SENT = 48 * 1024 * 1024;

interface Flowing {
  readonly flow: ByteFlow;
  readonly writer: net.Socket;
  readonly reader: net.Socket;
  /** Of the flow. */
  readonly sink: net.Socket;
}

/** What the writer sends flows to the reader, which is paused. */
async function flowing(t: TestContext): Promise<Flowing> {
  const flow = new ByteFlow(() => {});
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connect = async (): Promise<[net.Socket, net.Socket]> => {
    const client = net.connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
      [net.Socket],
      unknown,
    ];
    client.on('error', () => {});
    return [client, accepted];
  };
  const [writer, accepted] = await connect();
  const [reader, sink] = await connect();
  const source = adoptSocket(accepted, flow);
  source.on('end', () => flow.end());
  sink.on('drain', () => flow.resume());
  flow.from(source);
  flow.to(sink);
  t.after(() => {
    for (const socket of [writer, reader, source, sink]) socket.destroy();
    server.close();
  });
  return { flow, writer, reader, sink };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('pieces of all sizes keep their order, and the end comes behind the last', async (t) => {
  const { flow, writer, reader } = await flowing(t);
  const pieces = Array.from({ length: 300 }, (_, i) => String.fromCharCode(48 + (i % 70)).repeat((i % 7) ** 6 + 1));
  let received = '';
  reader.setEncoding('latin1').on('data', (text: string) => (received += text));
  for (const piece of pieces) {
    writer.write(piece, 'latin1');
    await turn();
  }
  writer.end();
  await once(reader, 'end');
  assert.ok(received === pieces.join(''), `${received.length} of ${pieces.join('').length} bytes`);
  assert.equal(flow.bytes, received.length);
});

test('within a turn a large piece does not overtake a small one', async (t) => {
  const { flow, reader } = await flowing(t);
  const [small, large] = [Buffer.from('small'), Buffer.alloc(20_000, 'x')];
  flow.receive(small, 0, small.length);
  flow.receive(small, 0, small.length);
  flow.receive(large, 0, large.length);
  flow.receive(small, 0, small.length);
  flow.end();
  let received = '';
  reader.setEncoding('latin1').on('data', (text: string) => (received += text));
  await once(reader, 'end');
  assert.ok(received === `smallsmall${String(large)}small`, received.slice(0, 20));
});

test('what is read within a turn is not gathered without end', async (t) => {
  const { flow, sink } = await flowing(t);
  // As of a TLS socket, which hands out one record after the other.
  const record = Buffer.alloc(16 * 1024, 'r');
  for (let i = 0; i < 10; i++) flow.receive(record, 0, record.length);
  assert.ok(sink.bytesWritten >= 9 * record.length, `${sink.bytesWritten} bytes have left`);
});

test('a reader that does not read stops the source, however small the pieces', async (t) => {
  const { flow, writer, reader, sink } = await flowing(t);
  const piece = Buffer.alloc(1000, 'm');
  let sent = 0;
  while (writer.writableLength < 256 * 1024 && sent < MAX_SENT) {
    writer.write(piece);
    sent += piece.length;
    await turn();
  }
  assert.ok(sent < MAX_SENT, `the writer is stopped: ${waitingBytes(sink)} bytes wait`);
  assert.ok(waitingBytes(sink) < 128 * 1024, `${waitingBytes(sink)} bytes wait`);
  writer.end();
  let received = 0;
  reader.on('data', (bytes: Buffer) => (received += bytes.length));
  await once(reader, 'end');
  assert.deepEqual([received, flow.bytes], [sent, sent]);
});

test('what waits for the end of the turn is dropped when the flow is stopped', async (t) => {
  const { flow, reader, sink } = await flowing(t);
  flow.receive(Buffer.from('never'), 0, 5);
  flow.stop();
  await turn();
  sink.end('last');
  const [text] = (await once(reader.setEncoding('latin1'), 'data')) as [string];
  assert.equal(text, 'last');
});
