/** What cannot be had from real sockets at will: a client that takes nothing, not even into the kernel's buffers. */
import assert from 'node:assert/strict';
import type net from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { until } from '../../../test/until.ts';
import { defaultLimits } from '../limits.ts';
import type { BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { TcpEnd } from './tcp-observer.ts';
import { noTcp, startBackend } from './tcp.test-support.ts';

/** Has sent its end and reads nothing. */
class DeafClient extends Duplex {
  setKeepAlive(): void {}
  override _read(): void {}
  override _write(): void {}
  destroySoon(): void {
    this.end(() => this.destroy());
  }
  resetAndDestroy(): void {
    this.destroy();
  }
}

test('what is left for one side is given up when it makes no progress after the other is closed', async (t) => {
  const backend = await startBackend(t, (socket) => socket.resume().end('last words'));
  const verdicts: (boolean | undefined)[] = [];
  const endpoint = {
    name: 'a',
    endpoint: backend.endpoint,
    begin() {},
    done: (verdict: boolean | undefined) => void verdicts.push(verdict),
  } as unknown as EndpointRuntime;
  const config = { protocol: 'tcp', port: 80 };
  const plan = {
    listener: { config: {} } as ListenerRuntime,
    rule: {} as RuleRuntime,
    backend: { config } as unknown as BackendRuntime,
    endpoint,
    affinity: 0,
  };
  let now = 0;
  const wheel = new DeadlineWheel(250, () => now);
  let end: TcpEnd | null = null;
  let isClosed = false;
  const counts = { onRequest() {}, onResponse() {}, onEnd: (_: unknown, reason: TcpEnd) => void (end = reason) };
  const observer = { onStart: () => counts, onRefused() {} };
  const deaf = new DeafClient();
  const client = {
    address: '127.0.0.1',
    port: 1,
    serverName: '',
    isTls: false,
    bytes: null,
    attach: () => deaf as unknown as net.Socket,
  };
  const parts = { plan, client, onClosed: () => void (isClosed = true) };
  const { connectionsOf, random, now: monotonic } = noTcp;
  const limits = defaultLimits;
  void new TcpConnection(parts, { limits, wheel, observer, connectionsOf, random, now: monotonic });
  deaf.push(null);
  deaf.resume();
  await until(() => verdicts.length === 1, 'the backend’s side is closed');
  assert.deepEqual(verdicts, [true]);
  now += defaultLimits.bodyIdleTimeoutMs - 1000;
  wheel.advance();
  assert.equal(end, null);
  now += 2000;
  wheel.advance();
  await until(() => isClosed, 'the connection is over');
  assert.equal(end, 'Idle');
});
