/** Floods from HTTP/2 backends: the connection ends, its requests fail, and the next request finds another one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode, FrameFlag, FrameType } from './frame.ts';
import { poolTo, request, ScriptedBackend } from './http2-client-testing.ts';
import { block, frame, Response, until } from './http2-testing.ts';

const { headers, data, settings, ping, priority, windowUpdate, continuation, goaway } = FrameType;
const END_BOTH = FrameFlag.endStream | FrameFlag.endHeaders;
const okay = block([':status', '200']);
const many = (times: number, piece: Buffer) => Buffer.concat(Array.from({ length: times }, () => piece));
const begun = frame(headers, FrameFlag.endHeaders, 1, okay);

interface Flood {
  readonly bytes: Buffer;
  /** Of the GOAWAY. */
  readonly code: number;
}

const calm = ErrorCode.enhanceYourCalm;
const floods: Readonly<Record<string, Flood>> = {
  SETTINGS: { bytes: many(3000, frame(settings, 0, 0)), code: calm },
  PING: { bytes: many(20_000, frame(ping, 0, 0, Buffer.alloc(8))), code: calm },
  'empty DATA': { bytes: Buffer.concat([begun, many(20, frame(data, 0, 1))]), code: calm },
  CONTINUATION: {
    bytes: Buffer.concat([frame(headers, 0, 1, okay), many(12, frame(continuation, 0, 1, block(['a', 'b'])))]),
    code: calm,
  },
  PRIORITY: { bytes: many(500, frame(priority, 0, 1, Buffer.alloc(5))), code: calm },
  WINDOW_UPDATE: { bytes: many(100, frame(windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1))), code: calm },
  'unknown frames': { bytes: many(20_000, frame(0x42, 0, 0, 'x')), code: calm },
  'a frame that is too large': { bytes: frame(data, 0, 1, Buffer.alloc(20_000)), code: ErrorCode.frameSizeError },
};

for (const [what, { bytes, code }] of Object.entries(floods)) {
  test(`${what}: the connection ends, and the next one serves`, async () => {
    using backend = await new ScriptedBackend().listen();
    using client = poolTo(backend.port);
    const response = new Response();
    client.pool.open(request(), response);
    await until(() => backend.connections[0]?.has(headers, 1) === true, 'the request');
    const [hostile] = backend.connections;
    hostile!.send(frame(settings, 0, 0), bytes);
    await until(() => response.isOver, 'the failure');
    assert.equal(response.isEnded, false);
    await until(() => hostile!.has(goaway, 0), 'GOAWAY');
    assert.equal(hostile!.frames.findLast(({ type }) => type === goaway)!.payload.readUInt32BE(4), code);
    const next = new Response();
    client.pool.open(request(), next);
    await until(() => backend.connections[1]?.has(headers, 1) === true, 'the next request');
    backend.connections[1]!.send(frame(settings, 0, 0), frame(headers, END_BOTH, 1, okay));
    await until(() => next.isEnded, 'its answer');
  });
}

test('a head that unpacks beyond the limit fails its request only', async () => {
  using backend = await new ScriptedBackend().listen();
  using client = poolTo(backend.port);
  const [bomb, good] = [new Response(), new Response()];
  for (const one of [bomb, good]) client.pool.open(request(), one);
  await until(() => backend.connections[0]?.has(headers, 3) === true, 'the requests');
  // One field of 3,000 bytes is remembered, then named a thousand times by one byte each.
  const field = Buffer.from(`\x40\x01x\x7f\xb9\x16${'b'.repeat(3000)}`, 'latin1');
  const list = Buffer.concat([okay, field, Buffer.alloc(1000, 0xbe)]);
  backend.connections[0]!.send(
    frame(settings, 0, 0),
    frame(headers, END_BOTH, 1, list),
    frame(headers, END_BOTH, 3, okay),
  );
  await until(() => bomb.isOver && good.isEnded, 'the failure and the answer');
  assert.deepEqual([bomb.isEnded, bomb.error?.kind], [false, 'Protocol']);
  assert.equal(backend.connections.length, 1);
});
