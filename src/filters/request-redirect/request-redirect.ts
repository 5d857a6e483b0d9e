/** RequestRedirect: answers with a redirection in place of the backend. */
import type { Exchange, LocalReply } from '../../contract/exchange.ts';
import { defineFilter } from '../../contract/filter.ts';
import { compilePathModifier, modifyTarget, type PathModifierConfig, type PathModifierSpec } from '../path-modifier.ts';

export interface RequestRedirectSpec {
  readonly scheme?: string;
  readonly hostname?: string;
  readonly path?: PathModifierSpec;
  readonly port?: number;
  readonly statusCode?: number;
}

export interface RequestRedirectConfig {
  readonly scheme?: string;
  readonly hostname?: string;
  readonly path?: PathModifierConfig;
  readonly port?: number;
  readonly statusCode: number;
}

const wellKnownPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };
const statusCodes: readonly number[] = [301, 302, 303, 307, 308];

export const requestRedirect = defineFilter<RequestRedirectSpec, RequestRedirectConfig>({
  type: 'RequestRedirect',
  spec: 'requestRedirect',
  supportedFeatures: [
    'HTTPRoutePortRedirect',
    'HTTPRouteSchemeRedirect',
    'HTTPRoutePathRedirect',
    'HTTPRoute303RedirectStatusCode',
    'HTTPRoute307RedirectStatusCode',
    'HTTPRoute308RedirectStatusCode',
  ],
  summary: 'Answers with a redirection to another scheme, host name, port or path.',

  compile({ scheme, hostname, path, port, statusCode = 302 }) {
    if (scheme !== undefined && !Object.hasOwn(wellKnownPorts, scheme)) {
      return unsupported(`scheme ${JSON.stringify(scheme)} is not supported, use http or https`);
    }
    if (!statusCodes.includes(statusCode)) {
      return unsupported(`statusCode ${statusCode} is not supported, use one of ${statusCodes.join(', ')}`);
    }
    const compiled = path && compilePathModifier(path);
    if (compiled && 'problem' in compiled) return compiled;
    return {
      config: {
        statusCode,
        ...(scheme && { scheme }),
        ...(hostname && { hostname }),
        ...(port && { port }),
        ...(compiled && { path: compiled.config }),
      },
    };
  },

  create: (config) => ({
    onRequest(exchange): LocalReply {
      const location = locationOf(config, exchange);
      return { status: config.statusCode, headers: [['Location', location]], reason: 'Redirected' };
    },
  }),
});

function unsupported(message: string): { readonly problem: { readonly reason: string; readonly message: string } } {
  return { problem: { reason: 'UnsupportedValue', message } };
}

/** Port: the given one, else that of the given scheme, else the listener's; left out where the scheme implies it (Gateway API). */
function locationOf(config: RequestRedirectConfig, { request, match }: Exchange): string {
  const target = config.path ? modifyTarget(config.path, request.target, match.pathPrefix) : request.target;
  const path = target === '*' ? '/' : target;
  const host = config.hostname ?? request.host;
  // HTTP/1.0 without Host: relative to where the client is (RFC 9110 §10.2.2).
  if (host === '') return path;
  const scheme = config.scheme ?? request.scheme;
  const port = config.port ?? (config.scheme === undefined ? match.listenerPort : wellKnownPorts[config.scheme]);
  return `${scheme}://${host}${port === undefined || port === wellKnownPorts[scheme] ? '' : `:${port}`}${path}`;
}
