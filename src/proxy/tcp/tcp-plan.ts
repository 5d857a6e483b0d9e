/** Decides where a connection goes, before any byte of it is forwarded. Knows no sockets. */
import type { BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from '../runtime.ts';
import { chooseByWeight } from '../upstream/choose-backend.ts';

export interface TcpPlan {
  readonly listener: ListenerRuntime;
  readonly rule: RuleRuntime;
  readonly backend: BackendRuntime;
  /** The first to try. */
  readonly endpoint: EndpointRuntime;
  /** Hash of the client, for consistent balancing. */
  readonly affinity: number;
}

export interface TcpSubject {
  readonly listener: ListenerRuntime;
  /** Lower case; empty: none. */
  readonly serverName: string;
  readonly affinity: number;
  /** Uniform in [0, 1). */
  random(): number;
}

/** A CamelCase word: why the connection cannot go anywhere. */
export type TcpRefusal = string;

export function planConnection({ listener, serverName, affinity, random }: TcpSubject): TcpPlan | TcpRefusal {
  const rule = listener.matchConnection(serverName);
  if (rule === null) return 'NoRoute';
  const choice = chooseByWeight(rule, random);
  if (choice === null || choice.backend === null) return choice?.ref.problem ?? 'NoBackend';
  const { backend } = choice;
  const { tlsRefused } = backend.config;
  if (tlsRefused !== undefined && listener.config.tls?.mode !== 'Passthrough') return tlsRefused;
  const endpoint = backend.pick({ tried: [], affinity, sticky: '' });
  return endpoint === null ? 'NoEndpoint' : { listener, rule, backend, endpoint, affinity };
}
