/** What the client hears where the authorization server said nothing that could be passed on: never that its request was served. */
import type { LocalReply } from '../../contract/exchange.ts';

export const denied = { status: 403, reason: 'ExternalAuthDenied', body: 'forbidden\n' } as const satisfies LocalReply;

/** No connection, no answer in time, an invalid answer, or an error of the server's own: closed, and no verdict on the client. */
export const unanswered = {
  status: 503,
  reason: 'ExternalAuthFailed',
  body: 'the request could not be authorized\n',
} as const satisfies LocalReply;

export const bodyTooLarge = {
  status: 413,
  reason: 'ExternalAuthBodyTooLarge',
  body: 'the body is too large to be authorized\n',
} as const satisfies LocalReply;
