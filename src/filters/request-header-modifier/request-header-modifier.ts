/** RequestHeaderModifier: changes the header fields of the request before it goes to the backend. */
import { defineFilter } from '../../contract/filter.ts';
import {
  compileHeaderModifier,
  type HeaderModifierConfig,
  type HeaderModifierSpec,
  modifyHeaders,
} from '../header-modifier.ts';

export const requestHeaderModifier = defineFilter<HeaderModifierSpec, HeaderModifierConfig>({
  type: 'RequestHeaderModifier',
  spec: 'requestHeaderModifier',
  supportedFeatures: ['HTTPRouteBackendRequestHeaderModification'],
  summary: 'Sets, adds and removes header fields of the request.',
  compile: compileHeaderModifier,
  create: (config) => ({
    onRequest({ request }) {
      modifyHeaders(request.headers, config);
      return undefined;
    },
  }),
});
