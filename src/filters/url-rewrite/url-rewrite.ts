/** URLRewrite: the backend gets another host name or path than the client asked for. */
import { defineFilter } from '../../contract/filter.ts';
import { compilePathModifier, modifyTarget, type PathModifierConfig, type PathModifierSpec } from '../path-modifier.ts';

export interface URLRewriteSpec {
  readonly hostname?: string;
  readonly path?: PathModifierSpec;
}

export interface URLRewriteConfig {
  readonly hostname?: string;
  readonly path?: PathModifierConfig;
}

export const urlRewrite = defineFilter<URLRewriteSpec, URLRewriteConfig>({
  type: 'URLRewrite',
  spec: 'urlRewrite',
  supportedFeatures: ['HTTPRouteHostRewrite', 'HTTPRoutePathRewrite', 'HTTPRouteBackendURLRewrite'],
  summary: 'Rewrites the host name or the path of the request.',

  compile({ hostname, path }) {
    const compiled = path && compilePathModifier(path);
    if (compiled && 'problem' in compiled) return compiled;
    return { config: { ...(hostname && { hostname }), ...(compiled && { path: compiled.config }) } };
  },

  create: ({ hostname, path }) => ({
    onRequest({ request, match }) {
      if (hostname !== undefined) request.authority = hostname;
      if (path !== undefined) request.target = modifyTarget(path, request.target, match.pathPrefix);
      return undefined;
    },
  }),
});
