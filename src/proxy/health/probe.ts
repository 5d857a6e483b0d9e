/**
 * One probe of one endpoint, on a connection of its own that is made as those of requests are: with TLS and PROXY header.
 * Knows neither thresholds nor what a failure leads to.
 */
import net from 'node:net';
import type { Endpoint } from '../../contract/endpoints.ts';
import type {
  BackendConfig,
  BackendProtocol,
  ClientCertificate,
  HealthCheckConfig,
} from '../../contract/gateway-config.ts';
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Pool } from '../http/streams.ts';
import type { Limits } from '../limits.ts';
import { proxyHeader } from '../listeners/proxy-protocol.ts';
import { createPoolFactory } from '../pools.ts';
import { nameOf } from '../upstream/pooled-endpoint.ts';
import { grpcQuestion } from './grpc-question.ts';
import { httpQuestion } from './http-question.ts';
import { ask, type Question } from './question.ts';

export interface ProbeTarget {
  readonly endpoint: Endpoint;
  readonly backend: BackendConfig;
  readonly check: HealthCheckConfig;
  /** As in requests of a Gateway that has one. */
  readonly clientCertificate?: ClientCertificate | undefined;
}

/** Null: the endpoint is well; otherwise why not, for people. Never rejects; takes `timeoutMs` of the check at most. */
export type Probe = (target: ProbeTarget) => Promise<string | null>;

const uncounted = { add() {} };

export function createProbe(environment: { readonly limits: Limits; readonly wheel: DeadlineWheel }): Probe {
  const createPool = createPoolFactory({ ...environment, connectionsOf: () => uncounted });
  return (target) => {
    const { probe, timeoutMs } = target.check;
    if (probe.type === 'TCP') return connects(target);
    const backend = {
      ...target.backend,
      protocol: protocolFor(probe.type, target.backend),
      // The probe's own time-out is over all of it.
      connectTimeoutMs: 0,
    };
    const { proxyProtocol } = backend;
    const { clientCertificate } = target;
    const pool = createPool(target.endpoint, backend, {
      ...(clientCertificate && { clientCertificate }),
      ...(proxyProtocol && { preface: proxyHeader(proxyProtocol, null) }),
    });
    return asked(pool, questionOf(target, backend), timeoutMs);
  };
}

const overHttp1: Partial<Record<BackendProtocol, BackendProtocol>> = { tcp: 'http1', 'tcp-tls': 'http1-tls' };
const overHttp2: Partial<Record<BackendProtocol, BackendProtocol>> = {
  http1: 'h2c',
  'http1-tls': 'h2-tls',
  tcp: 'h2c',
  'tcp-tls': 'h2-tls',
};

/** What the backend speaks, unless that cannot carry the probe. */
function protocolFor(type: 'HTTP' | 'GRPC', { protocol }: BackendConfig): BackendProtocol {
  return (type === 'GRPC' ? overHttp2 : overHttp1)[protocol] ?? protocol;
}

function questionOf({ endpoint, check: { probe } }: ProbeTarget, { protocol, tls }: BackendConfig): Question {
  const isTls = protocol === 'http1-tls' || protocol === 'h2-tls';
  const at = { scheme: isTls ? ('https' as const) : ('http' as const), authority: nameOf(endpoint) };
  if (probe.type === 'HTTP') return httpQuestion(probe, at);
  const service = probe.type === 'GRPC' ? probe.service : '';
  return grpcQuestion(service, { ...at, authority: tls?.serverName ?? at.authority });
}

async function asked(pool: Pool, question: Question, timeoutMs: number): Promise<string | null> {
  try {
    return await ask(pool, question, timeoutMs);
  } finally {
    pool.close();
  }
}

/** No TLS is spoken: that is what the other types are for. */
function connects({ endpoint, check: { timeoutMs } }: ProbeTarget): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = net.connect({ host: endpoint.address, port: endpoint.port });
  const timer = setTimeout(() => setImmediate(end, `no connection within ${timeoutMs} ms`), timeoutMs);
  function end(verdict: string | null): void {
    clearTimeout(timer);
    socket.destroy();
    resolve(verdict);
  }
  socket.on('connect', () => end(null));
  socket.on('error', (error) => end(`no connection: ${error.message}`));
  return promise;
}
