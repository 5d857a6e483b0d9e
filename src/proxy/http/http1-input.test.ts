/** The reading of an HTTP/1 connection by itself: no answers, no times, a socket that is only paused and resumed. */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { defaultLimits } from '../limits.ts';
import { Http1Input, type InputOwner } from './http1-input.ts';
import { LINGER_BYTES, Phase } from './http1-server-phase.ts';

const GET = 'GET /a HTTP/1.1\r\nhost: a\r\n\r\n';

class Recorder implements InputOwner {
  readonly calls: string[] = [];
  readonly input: Http1Input;
  /** Milliseconds; 0: no deadline. */
  armedMs = 0;

  constructor(t: TestContext) {
    const socket = new Socket();
    t.after(() => socket.destroy());
    this.input = new Http1Input(this, { socket, limits: defaultLimits, scheme: 'http' });
  }

  say(text: string, step = text.length): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += step) this.input.receive(bytes, at, Math.min(bytes.length, at + step));
  }

  onHead(head: { readonly method: string; readonly target: string }): void {
    this.calls.push(`${head.method} ${head.target}`);
  }

  onBodyData(buffer: Buffer, start: number, end: number): void {
    this.calls.push(buffer.toString('latin1', start, end));
  }

  onBodyEnd(trailers: unknown): void {
    this.calls.push(trailers === null ? 'end' : 'trailers');
  }

  onBadInput(rejection: { readonly reason: string }): void {
    this.calls.push(rejection.reason);
    this.input.phase = Phase.closed;
  }

  onTooMuch(): void {
    this.calls.push('too much');
  }

  arm(ms: number): void {
    this.armedMs = ms;
  }

  disarm(): void {
    this.armedMs = 0;
  }
}

test('the next request waits, whole, until the one before it has been answered', (t) => {
  const owner = new Recorder(t);
  owner.say(GET + GET.replace('/a', '/b') + GET.replace('/a', '/c'));
  assert.deepEqual([owner.calls, owner.input.isHolding, owner.armedMs], [['GET /a'], true, 0]);
  owner.input.phase = Phase.head;
  owner.input.resumeHeld();
  assert.deepEqual([owner.calls, owner.input.isHolding], [['GET /a', 'GET /b'], true]);
  owner.input.phase = Phase.head;
  owner.input.resumeHeld();
  assert.deepEqual([owner.calls, owner.input.isHolding], [['GET /a', 'GET /b', 'GET /c'], false]);
});

test('a head that has begun has the time of a head, also where it is only an empty line', (t) => {
  const owner = new Recorder(t);
  owner.say('\r');
  assert.deepEqual(
    [owner.input.hasBegun, owner.input.isPartial, owner.armedMs],
    [true, false, defaultLimits.headTimeoutMs],
  );
  owner.say('\n');
  assert.equal(owner.input.hasBegun, false);
  owner.say(GET, 1);
  assert.deepEqual([owner.calls, owner.input.hasBegun, owner.armedMs], [['GET /a'], false, 0]);
});

test('each piece of a body renews its time, unless it is we who stopped the client', (t) => {
  const owner = new Recorder(t);
  owner.say('POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nab');
  assert.equal(owner.armedMs, defaultLimits.bodyIdleTimeoutMs);
  owner.input.pause();
  assert.equal(owner.armedMs, 0);
  owner.say('cd');
  assert.equal(owner.armedMs, 0);
  owner.input.resume();
  assert.equal(owner.armedMs, defaultLimits.bodyIdleTimeoutMs);
  owner.say(`ef${GET}`);
  assert.deepEqual([owner.calls, owner.armedMs], [['POST /a', 'ab', 'cd', 'ef', 'end'], 0]);
  assert.ok(owner.input.isHolding);
});

test('a chunked body ends with its trailers; a broken one is refused', (t) => {
  const head = 'POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
  const whole = new Recorder(t);
  whole.say(`${head}2\r\nab\r\n0\r\nsum: 1\r\n\r\n`);
  assert.deepEqual(whole.calls, ['POST /a', 'ab', 'trailers']);
  const broken = new Recorder(t);
  broken.say(`${head}2\r\nabc`);
  assert.deepEqual(broken.calls, ['POST /a', 'ab', 'BadChunk']);
});

test('a rest of a body is large if it is long, or of unknown length', (t) => {
  const posts = ['content-length: 65536', 'content-length: 65537', 'transfer-encoding: chunked'];
  const isLarge = posts.map((framing) => {
    const owner = new Recorder(t);
    owner.say(`POST /a HTTP/1.1\r\nhost: a\r\n${framing}\r\n\r\n`);
    return owner.input.isRestLarge;
  });
  assert.deepEqual(isLarge, [false, true, true]);
});

test('what comes while lingering is dropped, up to a limit', (t) => {
  const owner = new Recorder(t);
  owner.input.linger();
  owner.say('x'.repeat(LINGER_BYTES));
  assert.deepEqual(owner.calls, []);
  owner.say('x');
  assert.deepEqual(owner.calls, ['too much']);
});
