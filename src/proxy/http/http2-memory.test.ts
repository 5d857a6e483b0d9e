/**
 * What hostile clients may cost in memory, measured in a process of its own: stalled streams, heads that unpack, floods that nobody
 * reads.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { clientPreface, FrameFlag, FrameType } from './frame.ts';
import { Backend } from './http2-client-testing.ts';
import type { Measured } from './http2-memory-testing.ts';
import { block, frame, get, until } from './http2-testing.ts';

const END_BOTH = FrameFlag.endStream | FrameFlag.endHeaders;
const connections = 20;
const streams = 100;

class Child {
  readonly #process: ChildProcess;

  constructor(...args: string[]) {
    this.#process = fork(new URL('./http2-memory-testing.ts', import.meta.url), args, { execArgv: ['--expose-gc'] });
  }

  async next(): Promise<Measured> {
    const [measured] = (await once(this.#process, 'message')) as [Measured];
    return measured;
  }

  ask(): Promise<Measured> {
    this.#process.send('measure');
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.kill();
    await once(this.#process, 'exit');
  }
}

/** A client that grants no window for bodies, and reads what comes without keeping it. */
async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.resume();
  socket.write(Buffer.concat([clientPreface, frame(FrameType.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0))]));
  return socket;
}

interface Attack {
  readonly bodyBytes: number;
  /** Of each request, from the first on. */
  head(index: number): Buffer;
}

/** How many MiB the proxy grew by while all streams stand still. */
async function growthUnder({ bodyBytes, head }: Attack): Promise<number> {
  using backend = await new Backend({ maxHeaderListPairs: 1000, maxSessionMemory: 1000 }).listen();
  let answered = 0;
  const body = Buffer.alloc(bodyBytes, 'x');
  backend.server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.end(body);
    answered++;
  });
  await using child = new Child(String(backend.port));
  const { port } = await child.next();
  const sockets: net.Socket[] = [];
  const attack = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const socket = await connect(port);
      sockets.push(socket);
      for (let n = 0; n < streams; n++) socket.write(frame(FrameType.headers, END_BOTH, 2 * n + 1, head(n)));
    }
    await until(() => answered === sockets.length * streams, 'the requests at the backend');
  };
  await attack(1);
  const before = await child.ask();
  await attack(connections);
  // The answers are on their way through the proxy; it stands still once it takes no more of them.
  let last = await child.ask();
  for (let quiet = 0; quiet < 3;) {
    const now = await child.ask();
    quiet = Math.abs(now.rssMiB - last.rssMiB) < 0.5 ? quiet + 1 : 0;
    last = now;
  }
  for (const socket of sockets) socket.destroy();
  return last.rssMiB - before.rssMiB;
}

const plain = block(...get);
/** One field of 3,000 bytes is remembered, then each request names it eighteen times by one byte: 1 to 3,000. */
const bombField = Buffer.concat([plain, Buffer.from(`\x40\x01x\x7f\xb9\x16${'b'.repeat(3000)}`, 'latin1')]);
const bomb = Buffer.concat([plain, Buffer.alloc(18, 0xbe)]);

test('2,000 stalled streams with heads that unpack to 55 KB cost at most 64 MiB', async () => {
  const growth = await growthUnder({ bodyBytes: 100, head: (n) => (n === 0 ? bombField : bomb) });
  assert.ok(growth < 64, `${growth.toFixed(1)} MiB`);
});

test('2,000 stalled streams with large answers cost at most 64 MiB', async () => {
  const growth = await growthUnder({ bodyBytes: 128 * 1024, head: () => plain });
  assert.ok(growth < 64, `${growth.toFixed(1)} MiB`);
});

const BURST = 1000;
const times = (piece: Buffer) => Buffer.concat(Array.from({ length: BURST }, () => piece));
const floods: Record<string, Buffer> = {
  ping: times(frame(FrameType.ping, 0, 0, Buffer.alloc(8))),
  settings: times(frame(FrameType.settings, 0, 0)),
  'streams that are reset': times(frame(FrameType.headers, END_BOTH, 1, block([':method', 'GET']))),
};
const MOST_MIB = 2;
const FLOODS = 5;
const STREAM_ID_AT = 5;

/** The burst with new streams, where its frames have one. */
function nextBurst(burst: Buffer, sent: number): Buffer {
  if (burst.readUInt32BE(STREAM_ID_AT) === 0) return burst;
  const next = Buffer.from(burst);
  const size = burst.length / BURST;
  for (let i = 0; i < BURST; i++) next.writeUInt32BE(2 * (sent + i) + 1, i * size + STREAM_ID_AT);
  return next;
}

/** Sends until the proxy ends the connection, and reads nothing. */
async function flood(port: number, burst: Buffer): Promise<void> {
  const socket = await connect(port);
  socket.pause();
  const ended = new Promise<void>((resolve) => socket.on('close', resolve));
  const limit = performance.now() + 60_000;
  for (let sent = 0; !socket.destroyed && performance.now() < limit; sent += BURST) {
    socket.write(nextBurst(burst, sent));
    // Also where the write was taken at once: the end must be seen.
    await new Promise((resolve) => setImmediate(resolve));
    if (socket.writableNeedDrain) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), ended]);
  }
  assert.ok(socket.destroyed, 'the connection was not ended');
}

for (const [what, burst] of Object.entries(floods)) {
  test(`answers to a flood of ${what} that are not read cost at most ${MOST_MIB} MiB, and end the connection`, async () => {
    await using child = new Child('1');
    const { port } = await child.next();
    // What work of this kind costs once (code, room for young objects) is no cost of a flood, and when that is taken is not ours to
    // say; what a flood holds, each of them holds.
    const growths: number[] = [];
    let before = Infinity;
    do {
      await flood(port, burst);
      const { rssMiB } = await child.ask();
      growths.push(rssMiB - before);
      before = rssMiB;
    } while (growths.length < FLOODS && growths.slice(1).every((growth) => growth >= MOST_MIB));
    const growth = Math.min(...growths.slice(1));
    assert.ok(growth < MOST_MIB, `${growth.toFixed(1)} MiB`);
  });
}

test('mutated frames leave nothing in memory', async () => {
  await using child = new Child();
  const before = await child.next();
  const after = await child.next();
  // Thousands of connections came and went in between; what varies is buffers that are kept for others.
  assert.ok(after.heapMiB - before.heapMiB < 16, `${before.heapMiB} MiB, then ${after.heapMiB} MiB`);
});
