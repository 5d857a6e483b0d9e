/** A whole proxy on loopback whose listener and backend speak HTTP/2 in the clear; the client and the backend are nghttp2, or speak in bytes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { diffConfig } from '../../contract/config-diff.ts';
import { emptyConfig, type BackendConfig } from '../../contract/gateway-config.ts';
import type { Limits } from '../limits.ts';
import { configTo, quietProxy } from '../proxy.test-support.ts';

export interface TestProxyOptions {
  readonly backendPort: number;
  readonly protocol?: BackendConfig['protocol'];
  readonly limits?: Partial<Limits>;
}

export interface TestProxy extends Disposable {
  readonly port: number;
  /** A client of another implementation; closed with the proxy. */
  connect(): Promise<http2.ClientHttp2Session>;
}

export async function startProxy({ backendPort, protocol = 'h2c', limits }: TestProxyOptions): Promise<TestProxy> {
  const proxy = quietProxy(limits);
  const endpoint = { address: '127.0.0.1', port: backendPort, ready: true, serving: true, terminating: false };
  const answer = await proxy.apply({
    type: 'config',
    version: 1,
    isSnapshot: true,
    config: diffConfig(emptyConfig, configTo({ backend: 'b', protocol }))!,
    endpoints: { b: [endpoint] },
  });
  assert.equal(answer?.type, 'ack', JSON.stringify(answer));
  const { port } = proxy.bound[0]!;
  const sessions: http2.ClientHttp2Session[] = [];
  return {
    port,
    async connect() {
      const session = http2.connect(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      sessions.push(session);
      await once(session, 'remoteSettings');
      return session;
    },
    [Symbol.dispose]() {
      for (const session of sessions) session.destroy();
      proxy.close();
    },
  };
}
