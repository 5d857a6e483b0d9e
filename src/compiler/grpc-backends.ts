/** A backend as gRPC speaks with it: over HTTP/2, whatever `appProtocol` says. It has a key of its own beside the plain one. */
import type { BackendProtocol } from '../contract/gateway-config.ts';
import type { ResolvedBackend } from './4-resolve-backends.ts';

const overHttp2: Readonly<Record<string, BackendProtocol>> = { http1: 'h2c', 'http1-tls': 'h2-tls' };

const known = new WeakMap<ResolvedBackend, ResolvedBackend>();

/** The same object for the same backend. */
export function asGrpc(resolved: ResolvedBackend): ResolvedBackend {
  if ('problem' in resolved) return resolved;
  const before = known.get(resolved);
  if (before) return before;
  const key = `${resolved.key}/grpc`;
  const result: ResolvedBackend =
    'refused' in resolved
      ? { ...resolved, key }
      : {
          key,
          config: { ...resolved.config, protocol: overHttp2[resolved.config.protocol] ?? resolved.config.protocol },
        };
  known.set(resolved, result);
  return result;
}
