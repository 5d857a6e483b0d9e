/** The filters there are, in the order in which they run on a request; on a response they run in the reverse order. */
import type { AnyFilterDefinition } from '../contract/filter.ts';
import { cors } from './cors/cors.ts';
import { directResponse } from './direct-response/direct-response.ts';
import { externalAuth } from './external-auth/external-auth.ts';
import { grpcWeb } from './grpc-web/grpc-web.ts';
import { requestHeaderModifier } from './request-header-modifier/request-header-modifier.ts';
import { requestMirror } from './request-mirror/request-mirror.ts';
import { requestRedirect } from './request-redirect/request-redirect.ts';
import { responseHeaderModifier } from './response-header-modifier/response-header-modifier.ts';
import { urlRewrite } from './url-rewrite/url-rewrite.ts';

export const filterDefinitions: readonly AnyFilterDefinition[] = [
  // First: a preflight has neither credentials nor body, and a browser follows no redirection of it. Last on the response, so
  // that the answers of all other filters can be read too.
  cors,
  // Before all that may answer, so that also refusals and redirections carry the fields a user adds.
  responseHeaderModifier,
  // Before whatever else may answer or look at a call: from here on it is plain gRPC.
  grpcWeb,
  // Before everything that acts on requests: it judges what the client sent, and nobody learns anything before.
  externalAuth,
  // Before what prepares a request for a backend: there is none.
  requestRedirect,
  directResponse,
  requestHeaderModifier,
  urlRewrite,
  // After all that changes the request: a mirror gets what the backend gets.
  requestMirror,
];
