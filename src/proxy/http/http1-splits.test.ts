/** However a valid stream of requests or responses is cut into reads, the codec sees the same; and no bytes make it throw. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits } from '../limits.ts';
import { ChunkedDecoder } from './chunked.ts';
import { FieldList } from './fields.ts';
import { HeadReader } from './head-reader.ts';
import { Http1ServerConnection } from './http1-server.ts';
import type { ConnectionInfo, Downstream, RequestSink } from './streams.ts';

/** A socket that takes everything. */
class SinkSocket extends EventEmitter {
  written = '';
  writableLength = 0;
  writableNeedDrain = false;
  isEnded = false;
  write(data: string | Buffer): boolean {
    this.written += typeof data === 'string' ? data : data.toString('latin1');
    return true;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isEnded = true;
  }
  resetAndDestroy(): void {
    this.isEnded = true;
  }
  pause(): void {}
  resume(): void {}
}

const info = { isTls: false } as ConnectionInfo;

/** Answers every request when it is complete, and keeps what it was. */
class Recorder implements RequestSink {
  text: string;
  readonly #downstream: Downstream;

  constructor(text: string, downstream: Downstream) {
    this.text = text;
    this.#downstream = downstream;
  }
  onRequestData(buffer: Buffer, start: number, end: number): void {
    this.text += buffer.toString('latin1', start, end);
  }
  onRequestEnd(trailers: FieldList | null): void {
    this.text += `|${trailers?.text ?? ''}`;
    this.answer();
  }
  onDownstreamDrain(): void {}
  onDownstreamClose(reason: string): void {
    this.text += `!${reason}`;
  }
  answer(): void {
    this.#downstream.sendHead(200, new FieldList(), 0, 0);
    this.#downstream.sendEnd(null);
  }
}

function serve(bytes: Buffer, cuts: readonly number[]): { requests: string[]; written: string; isEnded: boolean } {
  const recorders: Recorder[] = [];
  const socket = new SinkSocket();
  const connection = new Http1ServerConnection({
    socket: socket as unknown as Socket,
    connection: info,
    limits: defaultLimits,
    wheel: new DeadlineWheel(),
    hooks: {
      onRequest(head, downstream) {
        const recorder = new Recorder(
          `${head.method} ${head.target} ${head.authority} ${head.headers.text}`,
          downstream,
        );
        recorders.push(recorder);
        if (head.bodyLength === 0) recorder.answer();
        return recorder;
      },
      onRejected: () => {},
    },
  });
  const shared = Buffer.alloc(bytes.length);
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    // As from a read buffer that is used again for everything.
    shared.fill(0);
    bytes.copy(shared, start, start, end);
    if (end > start) connection.receive(shared, start, end);
    start = Math.max(start, end);
  }
  return { requests: recorders.map(({ text }) => text), written: socket.written, isEnded: socket.isEnded };
}

const name = fc.constantFrom('X-A', 'accept', 'Cookie', 'x-forwarded-for', 'User-Agent');
const value = fc.string({ unit: fc.constantFrom('a', 'B', '1', ' ', '\t', ',', '"', '\xe4', '='), maxLength: 20 });
const fields = fc.array(fc.tuple(name, value), { maxLength: 5 });
const body = fc.string({ unit: fc.constantFrom('a', '\r', '\n', '0', '\xff', 'GET / HTTP/1.1\r\n'), maxLength: 40 });
const framing = fc.constantFrom('none', 'length', 'chunked');
const request = fc.record({ fields, body, framing, path: fc.constantFrom('/', '/a?b=c', '/%20/x') });

function textOf({
  fields: list,
  body: content,
  framing: kind,
  path,
}: typeof request extends fc.Arbitrary<infer T> ? T : never): string {
  const lines = list.map(([key, text]) => `${key}: ${text}\r\n`).join('');
  const head = `POST ${path} HTTP/1.1\r\nHost: a.test\r\n${lines}`;
  if (kind === 'none') return `${head}\r\n`;
  if (kind === 'length') return `${head}Content-Length: ${content.length}\r\n\r\n${content}`;
  const half = content.length >> 1;
  const chunks = [content.slice(0, half), content.slice(half)].filter((chunk) => chunk !== '');
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)};x="y"\r\n${chunk}\r\n`).join('');
  return `${head}Transfer-Encoding: chunked\r\n\r\n${coded}0\r\nX-Sum: 1\r\n\r\n`;
}

const cutsOf = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat({ max: length }), { maxLength: 12 }).map((cuts) => cuts.toSorted((a, b) => a - b));

/** One fault may hide another, so that the reason of a refusal (and whether it is said) depends on which is seen first. */
function verdict(written: string): string {
  return written.replace(/HTTP\/1\.1 [45]\d\d .*/s, '');
}

describe('splits', () => {
  it('of valid pipelined requests change nothing', () => {
    const stream = fc.array(request, { minLength: 1, maxLength: 5 }).map((requests) => requests.map(textOf).join(''));
    fc.assert(
      fc.property(
        stream.chain((text) => fc.tuple(fc.constant(text), cutsOf(text.length))),
        ([text, cuts]) => {
          const bytes = Buffer.from(text, 'latin1');
          const whole = serve(bytes, []);
          assert.equal(whole.requests.length, text.split('POST ').length - 1);
          assert.deepEqual(serve(bytes, cuts), whole);
          assert.deepEqual(
            serve(
              bytes,
              Array.from({ length: bytes.length }, (_, i) => i),
            ),
            whole,
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of mutated requests change no verdict', () => {
    const mutation = fc.record({
      at: fc.nat({ max: 200 }),
      to: fc.constantFrom('\r', '\n', '\0', ' ', ':', ',', '1', ';', '\x80', ''),
    });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 2 }),
        fc.array(mutation, { maxLength: 3 }),
        (requests, mutations) => {
          let text = requests.map(textOf).join('');
          for (const { at, to } of mutations)
            text = text.slice(0, at % text.length) + to + text.slice((at % text.length) + 1);
          const bytes = Buffer.from(text, 'latin1');
          const whole = serve(bytes, []);
          const single = serve(
            bytes,
            Array.from({ length: bytes.length }, (_, i) => i),
          );
          // What of a body came before a fault may differ in the last request; whether there is one may not.
          assert.equal(verdict(single.written), verdict(whole.written));
          assert.deepEqual(single.requests.slice(0, -1), whole.requests.slice(0, -1));
          assert.equal(single.isEnded, whole.isEnded);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('of any bytes throw nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        serve(Buffer.from(bytes), []);
        new HeadReader(defaultLimits).read(Buffer.from(bytes), 0, bytes.length);
        const decoder = new ChunkedDecoder(defaultLimits);
        decoder.decode(Buffer.from(bytes), { start: 0, end: bytes.length }, { onBodyData: () => {} });
        assert.equal(decoder.isDone && decoder.isFailed, false);
      }),
      { numRuns: 500 },
    );
  });
});
