/** RequestMirror: sends copies of requests, or of a share of them, to another backend, whose answers nobody sees. */
import { defineFilter } from '../../contract/filter.ts';
import type { Key } from '../../contract/keys.ts';

export interface RequestMirrorSpec {
  readonly backendRef?: unknown;
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number };
}

export interface RequestMirrorConfig {
  readonly backend: Key;
  /** Of the requests: 1 is all of them. */
  readonly share: number;
}

export const requestMirror = defineFilter<RequestMirrorSpec, RequestMirrorConfig>({
  type: 'RequestMirror',
  spec: 'requestMirror',
  supportedFeatures: ['HTTPRouteRequestMirror', 'HTTPRouteRequestMultipleMirrors', 'HTTPRouteRequestPercentageMirror'],
  summary: 'Sends a copy of the request to another backend and ignores its answer.',
  whenUnresolved: 'Skip',

  compile(spec, context) {
    if (spec.percent !== undefined && spec.fraction !== undefined) {
      return unsupported('percent and fraction exclude each other');
    }
    const share = shareOf(spec);
    if (!(share >= 0 && share <= 1)) return unsupported('percent or fraction is not between 0 and all requests');
    const resolved = context.resolveBackend(spec.backendRef);
    return 'problem' in resolved ? resolved : { config: { backend: resolved.backend, share } };
  },

  create: ({ backend, share }, { random }) => ({
    onRequest(exchange) {
      if (share === 1 || random() < share) exchange.mirror(backend);
      return undefined;
    },
  }),
});

function shareOf({ percent, fraction }: RequestMirrorSpec): number {
  if (fraction !== undefined) return fraction.numerator / (fraction.denominator ?? 100);
  return percent === undefined ? 1 : percent / 100;
}

function unsupported(message: string): { readonly problem: { readonly reason: string; readonly message: string } } {
  return { problem: { reason: 'UnsupportedValue', message } };
}
