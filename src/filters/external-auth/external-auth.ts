/** ExternalAuth (GEP-1494): asks another service whether a request may pass. Whatever goes wrong, it may not. */
import type { Exchange } from '../../contract/exchange.ts';
import { defineFilter, type Filter, type FilterCompileResult } from '../../contract/filter.ts';
import { partsOf, type Key } from '../../contract/keys.ts';
import type { Problem } from '../../contract/problem.ts';
import { normaliseTarget } from '../../lib/canonical-target.ts';
import { isFieldName } from '../field-text.ts';
import type { HeaderChange } from './check-messages.ts';
import { applyChanges, checkByGrpc } from './grpc-check.ts';
import { checkByHttp } from './http-check.ts';

/** HTTPExternalAuthFilter of the Gateway API. */
export interface ExternalAuthSpec {
  readonly backendRef?: unknown;
  readonly protocol: string;
  readonly http?: {
    readonly path?: string;
    readonly allowedHeaders?: readonly string[];
    readonly allowedResponseHeaders?: readonly string[];
  };
  readonly grpc?: { readonly allowedHeaders?: readonly string[] };
  readonly forwardBody?: { readonly maxSize?: number };
}

export interface ExternalAuthConfig {
  readonly protocol: 'HTTP' | 'GRPC';
  readonly backend: Key;
  /** What a gRPC server is called. */
  readonly authority: string;
  /** HTTP only: put before the request's path; empty, or without trailing slash. */
  readonly pathPrefix: string;
  /** Lower case; what the server is told of the request. Over gRPC, empty means all. */
  readonly requestHeaders: readonly string[];
  /** HTTP only: lower case; what the answer adds to the request. Empty: all that does not describe the answer itself. */
  readonly responseHeaders: readonly string[];
  /** 0: the body is not sent. */
  readonly maxBodyBytes: number;
}

export const externalAuth = defineFilter<ExternalAuthSpec, ExternalAuthConfig>({
  type: 'ExternalAuth',
  spec: 'externalAuth',
  // The conformance suite has no names for it.
  supportedFeatures: [],
  summary: 'Lets an authorization server decide which requests may pass.',

  compile(spec, context): FilterCompileResult<ExternalAuthConfig> {
    const { protocol, http = {}, grpc = {} } = spec;
    if (protocol !== 'HTTP' && protocol !== 'GRPC') {
      return unsupported(`protocol ${protocol} is not supported: use HTTP or GRPC`);
    }
    const { path = '', allowedResponseHeaders = [] } = http;
    const { allowedHeaders = [] } = protocol === 'HTTP' ? http : grpc;
    const wrong = [...allowedHeaders, ...allowedResponseHeaders].find((name) => !isFieldName(name));
    if (wrong !== undefined) return unsupported(`${JSON.stringify(wrong)} is no header name`);
    const prefix = path === '' ? '/' : normaliseTarget(path.startsWith('/') ? path : `/${path}`);
    if (prefix === null || prefix.includes('?')) return unsupported(`http.path ${JSON.stringify(path)} is no path`);
    const resolved = context.resolveBackend(spec.backendRef, protocol);
    if ('problem' in resolved) return resolved;
    const { namespace, name } = partsOf(resolved.backend);
    const requestHeaders = allowedHeaders.map((header) => header.toLowerCase());
    const config: ExternalAuthConfig = {
      protocol,
      backend: resolved.backend,
      authority: `${name}.${namespace}.svc`,
      pathPrefix: prefix.endsWith('/') ? prefix.slice(0, -1) : prefix,
      requestHeaders: protocol === 'HTTP' ? [...new Set(['authorization', ...requestHeaders])] : requestHeaders,
      responseHeaders: allowedResponseHeaders.map((header) => header.toLowerCase()),
      maxBodyBytes: spec.forwardBody?.maxSize ?? 0,
    };
    return { config };
  },

  create: (config) =>
    config.protocol === 'HTTP' ? { onRequest: (exchange) => checkByHttp(config, exchange) } : grpcFilter(config),
});

function grpcFilter(config: ExternalAuthConfig): Filter {
  /** What responses under way are to carry; most carry nothing. */
  const owed = new WeakMap<Exchange, readonly HeaderChange[]>();
  return {
    async onRequest(exchange) {
      const { reply, responseHeaders } = await checkByGrpc(config, exchange);
      if (responseHeaders) owed.set(exchange, responseHeaders);
      return reply;
    },
    onResponse(exchange) {
      const changes = owed.get(exchange);
      if (changes) applyChanges(exchange.response.headers, changes);
    },
  };
}

function unsupported(message: string): { readonly problem: Problem } {
  return { problem: { reason: 'UnsupportedValue', message } };
}
