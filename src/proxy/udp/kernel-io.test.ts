/** What calling the kernel may never do: touch memory that is gone, or take the process along. And what is used without it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { until } from '../../../test/until.ts';
import { loadKernelCalls } from './kernel-calls.ts';
import { KernelIo } from './kernel-io.ts';
import { connectTo } from './udp-socket.ts';

/** Elsewhere there is none, and nothing to go wrong. */
const options = { skip: process.platform === 'linux' ? false : 'there is no such kernel' };
const ownUrl = (name: string) => new URL(name, import.meta.url).href;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function ask(t: TestContext, port: number, text: string): Promise<string> {
  const socket = connectTo('127.0.0.1', port, () => {});
  assert.ok(typeof socket === 'object');
  t.after(() => socket.close());
  socket.send(text);
  const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(60_000) })) as [Buffer];
  return answer.toString();
}

test('nothing that the kernel writes to is ever collected', options, async (t) => {
  const io = KernelIo.open()!;
  t.after(() => io.close());
  const listening = io.listen(
    { address: '127.0.0.1', port: 0 },
    {
      onDatagram(datagram, client) {
        collectGarbage();
        listening.send(datagram, client.replyTo);
      },
      onError() {},
      onUnsent() {},
    },
  ) as Exclude<ReturnType<typeof io.listen>, Error>;
  t.after(() => listening.close());
  for (let i = 0; i < 40; i++) {
    collectGarbage();
    // What would take the place of memory that was given back.
    const other = Array.from({ length: 8 }, () => Buffer.alloc(65_536, i));
    assert.equal(await ask(t, listening.port, `question ${i}`), `question ${i}`);
    assert.ok(other.every((bytes) => bytes.equals(Buffer.alloc(65_536, i))));
  }
});

const listenInWorker = `import(${JSON.stringify(ownUrl('./kernel-io.ts'))}).then(({ KernelIo }) => {
  const { parentPort } = require('node:worker_threads');
  const io = KernelIo.open();
  const end = io.listen({ address: '127.0.0.1', port: 0 }, {
    onDatagram(datagram, client) {
      if (datagram.length === 5) throw new Error('fails');
      end.send(datagram, client.replyTo);
    },
    onError() {},
    onUnsent() {},
  });
  parentPort.postMessage(end.port);
})`;

for (const [how, stop] of Object.entries({
  'is terminated': async (worker: Worker) => void worker.terminate(),
  'throws while it has a datagram': async (worker: Worker, port: number) => {
    const socket = dgram.createSocket('udp4');
    socket.send('fatal', port, '127.0.0.1');
    const [error] = (await once(worker, 'error')) as [Error];
    assert.equal(error.message, 'fails');
    socket.close();
  },
})) {
  test(`a thread that ${how} leaves the process and the port to the others`, options, async (t) => {
    const worker = new Worker(listenInWorker, { eval: true });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const [port] = (await once(worker, 'message')) as [number];
    assert.equal(await ask(t, port, 'question'), 'question');
    await stop(worker, port);
    await ended;
    const socket = dgram.createSocket('udp4');
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
  });
}

test('closed before its ends, it hears nothing more, and says so to none', options, async (t) => {
  const io = KernelIo.open()!;
  let heard = 0;
  const end = io.listen({ address: '127.0.0.1', port: 0 }, { onDatagram: () => heard++, onError() {}, onUnsent() {} });
  assert.ok(!(end instanceof Error));
  io.close();
  io.close();
  const after = KernelIo.open()!;
  t.after(() => after.close());
  const told: number[] = [];
  const other = after.listen(
    { address: '127.0.0.1', port: 0 },
    { onDatagram: (d) => told.push(d.length), onError() {}, onUnsent() {} },
  );
  assert.ok(!(other instanceof Error));
  const client = dgram.createSocket('udp4');
  client.send('lost', end.port, '127.0.0.1');
  client.send('heard', other.port, '127.0.0.1');
  await until(() => told.length > 0, 'another io has opened in its place');
  end.close();
  other.close();
  client.close();
  assert.equal(heard, 0);
});

test('where the kernel watches no more sockets, there is no end, and nothing stays open', options, async (t) => {
  const io = KernelIo.open()!;
  const other = dgram.createSocket('udp4');
  t.after(() => other.close());
  other.bind(0, '127.0.0.1');
  await once(other, 'listening');
  const at = { address: '127.0.0.1', port: other.address().port };
  io.close();
  const handlers = { onDatagram() {}, onError() {}, onUnsent() {} };
  const before = readdirSync('/proc/self/fd').length;
  assert.equal(io.connect(at, handlers), 'NoSocket');
  const refusal = io.listen({ address: '127.0.0.1', port: 0 }, handlers);
  assert.ok(refusal instanceof Error);
  assert.match(refusal.message, /watches no more/);
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('what the kernel answers says whether somebody is there', options, async () => {
  const calls = loadKernelCalls()!;
  let errno = 0;
  const callOf = (call: () => number) => Object.assign(call, { pointer: 0n });
  const failing = { ...calls, sendmsg: callOf(() => -1), errno: () => errno };
  for (const [name, number, sending, receiving] of [
    ['EAGAIN', 11, 'unsent', ''],
    // The path takes less at once (RFC 1191): the kernel remembers, and cuts what comes next.
    ['EMSGSIZE', 90, 'unsent', ''],
    ['ENOBUFS', 105, 'unsent', 'error'],
    ['ECONNREFUSED', 111, 'unsent error', 'error'],
    ['ENETUNREACH', 101, 'unsent error', 'error'],
    ['EHOSTUNREACH', 113, 'unsent error', 'error'],
  ] as const) {
    errno = number;
    const peer = dgram.createSocket('udp4');
    peer.bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const told: string[] = [];
    const handlers = { onDatagram() {}, onError: () => told.push('error'), onUnsent: () => told.push('unsent') };
    const at = { address: '127.0.0.1', port: peer.address().port };
    const sender = KernelIo.open(failing)!;
    const end = sender.connect(at, handlers);
    assert.ok(typeof end === 'object');
    let asked = 0;
    const front = sender.listen(
      { address: '127.0.0.1', port: 0 },
      { ...handlers, onDatagram: (datagram) => void (end.send(datagram), asked++) },
    );
    assert.ok(!(front instanceof Error));
    peer.send('ask', front.port, '127.0.0.1');
    await until(() => asked === 1, 'it sends');
    assert.equal(told.join(' '), sending, name);
    told.length = 0;
    let received = 0;
    const receiver = KernelIo.open({ ...failing, recvmmsg: callOf(() => (received++, -1)) })!;
    const deaf = receiver.listen({ address: '127.0.0.1', port: 0 }, handlers);
    assert.ok(!(deaf instanceof Error));
    peer.send('lost', deaf.port, '127.0.0.1');
    await until(() => received > 0, 'it receives');
    assert.equal(told[0] ?? '', receiving, name);
    for (const open of [end, front, deaf, sender, receiver, peer]) open.close();
  }
});

test('without FFI there is none, and sessions are the same', options, async () => {
  // What this process is to the runner of tests, the other one is not.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, ['--no-experimental-ffi', ...args], { env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const [code] = await once(child, 'close');
    return { code, output };
  };
  const script = `import { KernelIo } from '${ownUrl('./kernel-io.ts')}'; console.log(KernelIo.open());`;
  assert.deepEqual(await run('--input-type=module', '-e', script), { code: 0, output: 'null\n' });
  const { code, output } = await run('--test', fileURLToPath(ownUrl('./udp.test.ts')));
  assert.equal(code, 0, output);
  assert.match(output, /^ℹ fail 0$/m);
});
