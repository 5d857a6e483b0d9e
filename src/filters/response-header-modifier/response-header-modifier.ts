/** ResponseHeaderModifier: changes the header fields of the response before it goes to the client. */
import { defineFilter } from '../../contract/filter.ts';
import {
  compileHeaderModifier,
  type HeaderModifierConfig,
  type HeaderModifierSpec,
  modifyHeaders,
} from '../header-modifier.ts';

export const responseHeaderModifier = defineFilter<HeaderModifierSpec, HeaderModifierConfig>({
  type: 'ResponseHeaderModifier',
  spec: 'responseHeaderModifier',
  supportedFeatures: ['HTTPRouteResponseHeaderModification'],
  summary: 'Sets, adds and removes header fields of the response.',
  compile: compileHeaderModifier,
  create: (config) => ({
    onResponse({ response }) {
      modifyHeaders(response.headers, config);
    },
  }),
});
