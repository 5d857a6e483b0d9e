/** A process of its own for tests of memory: a proxy before a backend (`node --expose-gc … BACKEND_PORT`), or the codec fed with mutated frames. */
import { clientPreface, FrameFlag, FrameType } from './frame.ts';
import { startProxy } from './http2-proxy-testing.ts';
import { block, frame, get, TestServer } from './http2-testing.ts';

/** What the parent gets for each message it sends. */
export interface Measured {
  readonly port: number;
  readonly rssMiB: number;
  /** With what it holds outside, as buffers. */
  readonly heapMiB: number;
}

async function measure(port: number): Promise<Measured> {
  // Memory of buffers is swept beside the collection that found it free: the one after waits for that.
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { port, rssMiB: rss / 2 ** 20, heapMiB: (heapUsed + external) / 2 ** 20 };
}

async function serve(backendPort: number): Promise<void> {
  // Floods are to be stopped by what they hold, not by their number.
  const { port } = await startProxy({ backendPort, limits: { http2Glitches: 1e9, http2RequestsPerConnection: 1e9 } });
  process.on('message', () => void measure(port).then((measured) => process.send!(measured)));
  process.send!(await measure(port));
}

const settings = Buffer.concat([clientPreface, frame(FrameType.settings, 0, 0, Buffer.of(0, 4, 0, 1, 0, 0))]);
const good = Buffer.concat([
  frame(FrameType.headers, FrameFlag.endHeaders, 1, block(...get, ['cookie', 'a=b'], ['content-length', '3'])),
  frame(FrameType.data, FrameFlag.endStream, 1, 'abc'),
  frame(FrameType.headers, 0, 3, block(...get)),
  frame(FrameType.continuation, FrameFlag.endHeaders, 3, block(['x-a', 'b'])),
  frame(FrameType.priority, 0, 3, Buffer.of(0, 0, 0, 0, 1)),
  frame(FrameType.windowUpdate, 0, 3, Buffer.of(0, 0, 0, 9)),
  frame(FrameType.ping, 0, 0, Buffer.alloc(8)),
  frame(FrameType.data, FrameFlag.padded | FrameFlag.endStream, 3, '\x02abc\0\0'),
  frame(FrameType.rstStream, 0, 3, Buffer.of(0, 0, 0, 8)),
  frame(FrameType.goaway, 0, 0, Buffer.alloc(8)),
]);

/** One connection: good frames of which up to eight bytes are changed, in two reads. */
function feedMutated(server: TestServer): void {
  const bytes = Buffer.from(good);
  for (let changes = Math.random() * 8; changes > 0; changes--) {
    bytes[Math.floor(Math.random() * bytes.length)] = Math.floor(Math.random() * 256);
  }
  const codec = server.detached();
  codec.receive(settings, 0, settings.length);
  const cut = Math.floor(Math.random() * bytes.length);
  codec.receive(bytes, 0, cut);
  codec.receive(bytes, cut, bytes.length);
  for (const request of server.requests.splice(0)) if (request.closed === null) request.answer(200, 'ok');
  server.rejections.length = 0;
  codec.close();
}

async function mutateFor(milliseconds: number): Promise<void> {
  const server = new TestServer();
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    for (let i = 0; i < 32; i++) feedMutated(server);
    // What was written leaves, what was closed is let go.
    await new Promise((resolve) => setImmediate(resolve));
  }
  server.wheel.close();
}

async function mutateAndMeasure(): Promise<void> {
  for (const milliseconds of [500, 2000]) {
    await mutateFor(milliseconds);
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    process.send!(await measure(0));
  }
  process.disconnect!();
}

const [backendPort] = process.argv.slice(2);
if (backendPort !== undefined) await serve(Number(backendPort));
else await mutateAndMeasure();
