/** ExternalAuth (GEP-1494): asks another service whether a request may pass. Whatever goes wrong, it may not. */
import { defineFilter } from '../../contract/filter.ts';
import type { Key } from '../../contract/keys.ts';
import type { Problem } from '../../contract/problem.ts';
import { normaliseTarget } from '../../lib/canonical-target.ts';
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
  readonly protocol: 'HTTP';
  readonly backend: Key;
  /** Put before the request's path; empty, or without trailing slash. */
  readonly pathPrefix: string;
  /** Lower case; what the authorization server is told of the request. */
  readonly requestHeaders: readonly string[];
  /** Lower case; what its answer adds to the request. Empty: all that does not describe the answer itself. */
  readonly responseHeaders: readonly string[];
  /** 0: the body is not sent. */
  readonly maxBodyBytes: number;
}

const token = /^[\w!#$%&'*+.^`|~-]+$/;

export const externalAuth = defineFilter<ExternalAuthSpec, ExternalAuthConfig>({
  type: 'ExternalAuth',
  spec: 'externalAuth',
  // The conformance suite has no names for it.
  supportedFeatures: [],
  summary: 'Lets an authorization server decide which requests may pass.',

  compile(spec, context) {
    if (spec.protocol !== 'HTTP') return unsupported(`protocol ${spec.protocol} is not supported: use HTTP`);
    const { path = '', allowedHeaders = [], allowedResponseHeaders = [] } = spec.http ?? {};
    const wrong = [...allowedHeaders, ...allowedResponseHeaders].find((name) => !token.test(name));
    if (wrong !== undefined) return unsupported(`${JSON.stringify(wrong)} is no header name`);
    const prefix = path === '' ? '/' : normaliseTarget(path.startsWith('/') ? path : `/${path}`);
    if (prefix === null || prefix.includes('?')) return unsupported(`http.path ${JSON.stringify(path)} is no path`);
    const resolved = context.resolveBackend(spec.backendRef);
    if ('problem' in resolved) return resolved;
    const config: ExternalAuthConfig = {
      protocol: spec.protocol,
      backend: resolved.backend,
      pathPrefix: prefix.endsWith('/') ? prefix.slice(0, -1) : prefix,
      requestHeaders: [...new Set(['authorization', ...lowerCase(allowedHeaders)])],
      responseHeaders: lowerCase(allowedResponseHeaders),
      maxBodyBytes: spec.forwardBody?.maxSize ?? 0,
    };
    return { config };
  },

  create: (config) => ({ onRequest: (exchange) => checkByHttp(config, exchange) }),
});

function lowerCase(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toLowerCase());
}

function unsupported(message: string): { readonly problem: Problem } {
  return { problem: { reason: 'UnsupportedValue', message } };
}
