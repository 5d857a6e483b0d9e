/** Makes the pool that fits a backend's protocol. The only place that knows both upstream codecs. */
import type { Endpoint } from '../contract/endpoints.ts';
import type { BackendConfig } from '../contract/gateway-config.ts';
import type { DeadlineWheel } from '../lib/deadline-wheel.ts';
import { Http1Pool } from './http/http1-pool.ts';
import { Http2Pool } from './http/http2-pool.ts';
import type { Pool } from './http/streams.ts';
import type { Limits } from './limits.ts';
import type { PoolPurpose } from './upstream/pooled-endpoint.ts';

export interface PoolEnvironment {
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
  /** Counts the connections to a backend. */
  connectionsOf(backend: BackendConfig): { add(change: number): void };
}

export function createPoolFactory({ limits, wheel, connectionsOf }: PoolEnvironment) {
  return (endpoint: Endpoint, backend: BackendConfig, { clientCertificate, preface }: PoolPurpose = {}): Pool => {
    const { protocol, tls, connectTimeoutMs } = backend;
    const isTls = protocol === 'http1-tls' || protocol === 'h2-tls';
    const options = {
      host: endpoint.address,
      port: endpoint.port,
      // Without a BackendTLSPolicy the endpoint has to prove its own name.
      ...(isTls
        ? { tls: { ...(tls ?? { serverName: endpoint.address }), ...(clientCertificate && { clientCertificate }) } }
        : {}),
      ...(preface && { preface }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      connections: connectionsOf(backend),
      limits,
      wheel,
    };
    return protocol === 'h2c' || protocol === 'h2-tls' ? new Http2Pool(options) : new Http1Pool(options);
  };
}
