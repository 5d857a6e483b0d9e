/** What both ways to carry datagrams promise, over real sockets. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { until } from '../../../test/until.ts';
import type { AddressAndPort, Client, ConnectedEnd, DatagramIo, Handlers, ListeningEnd } from './datagram-io.ts';
import { KernelIo } from './kernel-io.ts';
import { portableIo } from './portable-io.ts';

const nothing: Handlers = { onDatagram() {}, onError() {}, onUnsent() {} };

function listen(t: TestContext, io: DatagramIo, handlers: Partial<Handlers>, address = '127.0.0.1'): ListeningEnd {
  const end = io.listen({ address, port: 0 }, { ...nothing, ...handlers });
  if (end instanceof Error) throw end;
  t.after(() => end.close());
  return end;
}

function connect(t: TestContext, io: DatagramIo, to: AddressAndPort, handlers: Partial<Handlers>): ConnectedEnd {
  const end = io.connect(to, { ...nothing, ...handlers });
  assert.ok(typeof end === 'object');
  t.after(() => end.close());
  return end;
}

/** A socket of Node's: what it gets, and whence. */
async function peer(t: TestContext, address = '127.0.0.1') {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const got: Buffer[] = [];
  const from: dgram.RemoteInfo[] = [];
  socket.on('message', (message, info) => void (got.push(message), from.push(info)));
  socket.bind(0, address);
  await once(socket, 'listening');
  t.after(() => socket.close());
  const send = (datagram: Buffer | string, port: number) => socket.send(datagram, port, address);
  return { got, from, send, port: socket.address().port };
}

/** Bytes that tell their place. */
const pattern = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

const ios: Readonly<Record<string, () => DatagramIo>> = {
  ...(process.platform === 'linux' && { kernel: () => KernelIo.open()! }),
  portable: () => portableIo,
};

for (const [name, open] of Object.entries(ios)) {
  const start = (t: TestContext) => {
    const io = open();
    t.after(() => io.close());
    return io;
  };

  for (const address of ['127.0.0.1', '::1']) {
    test(`${name}, ${address}: datagrams of all sizes come and go whole, and their clients are told apart`, async (t) => {
      const io = start(t);
      const clients: Pick<Client, 'key' | 'address' | 'port'>[] = [];
      const onDatagram: Handlers['onDatagram'] = (datagram, client) => {
        clients.push({ key: client.key, address: client.address, port: client.port });
        end.send(datagram, client.replyTo);
      };
      const end = listen(t, io, { onDatagram }, address);
      const [one, two] = [await peer(t, address), await peer(t, address)];
      for (const length of [1, 0, 65_507, 300]) {
        for (const client of [one, two]) {
          client.got.length = 0;
          client.send(pattern(length), end.port);
          await until(() => client.got.length > 0, `${length} bytes are answered`);
          assert.ok(client.got[0]!.equals(pattern(length)), `${length} bytes`);
        }
      }
      assert.deepEqual(new Set(clients.map(({ key }) => key)).size, 2);
      for (const [i, client] of clients.entries()) {
        const expected = [one, two][i % 2]!;
        assert.deepEqual(client, { key: clients[i % 2]!.key, address, port: expected.port });
      }
    });
  }

  test(`${name}: many datagrams that wait come in order`, async (t) => {
    const io = start(t);
    const lengths: number[] = [];
    const end = listen(t, io, { onDatagram: ({ length }) => lengths.push(length) });
    const client = await peer(t);
    const wanted = Array.from({ length: 100 }, (_, i) => i);
    for (const length of wanted) client.send(pattern(length), end.port);
    await until(() => lengths.length === wanted.length, 'all have come');
    assert.deepEqual(lengths, wanted);
  });

  test(`${name}: a connected end hears its peer only, and that nobody is there`, async (t) => {
    const io = start(t);
    const [backend, stranger, client] = [await peer(t), await peer(t), await peer(t)];
    const heard: number[] = [];
    let errors = 0;
    const ends: ConnectedEnd[] = [];
    const front = listen(t, io, { onDatagram: (datagram) => ends.forEach((end) => end.send(datagram)) });
    const handlers = { onDatagram: ({ length }: { length: number }) => heard.push(length) };
    ends.push(connect(t, io, { address: '127.0.0.1', port: backend.port }, handlers));
    client.send('ask', front.port);
    await until(() => backend.from.length === 1, 'the peer is asked');
    const { port } = backend.from[0]!;
    stranger.send('intruder', port);
    backend.send('answer', port);
    await until(() => heard.length === 1, 'the answer comes');
    assert.deepEqual(heard, ['answer'.length]);
    const gone = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(gone, 'listening');
    const to = { address: '127.0.0.1', port: gone.address().port };
    gone.close();
    ends.push(connect(t, io, to, { onError: () => errors++ }));
    client.send('ask', front.port);
    await until(() => errors > 0, 'the refusal is told');
  });

  test(`${name}: what the kernel refuses to send is told, as an error to nobody`, async (t) => {
    const io = start(t);
    const [backend, old] = [await peer(t), await peer(t)];
    const told: string[] = [];
    const tell = (who: string) => ({
      onUnsent: () => void told.push(`${who} unsent`),
      onError: () => void told.push(`${who} error`),
    });
    let replyTo: object | null = null;
    const front = listen(t, io, { ...tell('front'), onDatagram: (_, client) => void (replyTo = client.replyTo) });
    old.send('ask', front.port);
    await until(() => replyTo !== null, 'the client is known');
    const back = connect(t, io, { address: '127.0.0.1', port: backend.port }, tell('back'));
    const wide = listen(t, io, { onDatagram: (d) => (back.send(d), front.send(d, replyTo!)) }, '::1');
    const client = await peer(t, '::1');
    // IPv6 carries twenty bytes more than IPv4.
    client.send(pattern(65_527), wide.port);
    await until(() => told.length === 2, 'both are told');
    assert.deepEqual(told, ['back unsent', 'front unsent']);
    client.send('small', wide.port);
    await until(() => backend.got.length === 1 && old.got.length === 1, 'both go on');
  });

  test(`${name}: where the machine has no way to the peer is not where it has no socket`, (t) => {
    const io = start(t);
    for (const address of ['255.255.255.255', 'not.an.address']) {
      assert.equal(io.connect({ address, port: 9 }, nothing), 'Unreachable');
    }
  });

  test(`${name}: what is closed sends nothing and hears nothing, whoever has its descriptor now`, async (t) => {
    const io = start(t);
    const [first, second, client] = [await peer(t), await peer(t), await peer(t)];
    const heard: string[] = [];
    const front = listen(t, io, {
      onDatagram(datagram, { replyTo }) {
        heard.push('front');
        const old = connect(t, io, { address: '127.0.0.1', port: first.port }, {});
        old.close();
        // It gets the descriptor that the old one had.
        const fresh = connect(t, io, { address: '127.0.0.1', port: second.port }, {});
        old.send(datagram);
        fresh.send(datagram);
        old.close();
        front.close();
        front.send(datagram, replyTo);
        front.close();
      },
    });
    for (let i = 0; i < 3; i++) client.send('ask', front.port);
    await until(() => second.got.length > 0, 'the open end has sent');
    const late = listen(t, io, { onDatagram: () => heard.push('late') });
    client.send('ask', late.port);
    await until(() => heard.includes('late'), 'the io lives on');
    assert.deepEqual(heard, ['front', 'late']);
    assert.deepEqual([first.got.length, second.got.length, client.got.length], [0, 1, 0]);
  });
}
