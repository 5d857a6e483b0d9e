/** What a pool of connections to one endpoint is made with, in whatever protocol. */
import type { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import type { Limits } from '../limits.ts';
import type { ConnectTarget, ConnectTls } from './socket-io.ts';

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: in the clear. */
  readonly tls?: Omit<ConnectTls, 'protocols'>;
  /** Milliseconds; absent: the limit's default. */
  readonly connectTimeoutMs?: number;
  readonly connections?: ConnectTarget['connections'];
  readonly preface?: ConnectTarget['preface'];
  readonly limits: Limits;
  readonly wheel: DeadlineWheel;
}

/** What each connection of the pool is made with; `protocols` are offered by ALPN. */
export function connectionOptions(options: PoolOptions, protocols: readonly string[]) {
  const { host, port, tls, preface, connections, limits, wheel } = options;
  const target: ConnectTarget = {
    host,
    port,
    ...(tls && { tls: { ...tls, protocols } }),
    ...(preface && { preface }),
    ...(connections && { connections }),
  };
  return { target, connectTimeoutMs: options.connectTimeoutMs ?? limits.connectTimeoutMs, limits, wheel };
}
