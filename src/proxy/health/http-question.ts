/** A probe by HTTP: a GET whose status says it all. Knows no connections. */
import type { HealthProbe } from '../../contract/gateway-config.ts';
import { BODY_NONE } from '../http/streams.ts';
import { type Question, type QuestionTarget, requestWith } from './question.ts';

type HttpProbe = Extract<HealthProbe, { readonly type: 'HTTP' }>;

export function httpQuestion({ path, hostname, expectedStatuses }: HttpProbe, at: QuestionTarget): Question {
  const authority = hostname ?? at.authority;
  const options = { ...at, authority, method: 'GET', target: path, bodyLength: BODY_NONE, takesTrailers: false };
  return {
    request: requestWith(options, { 'user-agent': 'headgate-probe', accept: '*/*' }),
    body: Buffer.alloc(0),
    judge({ status }) {
      const isWell = expectedStatuses ? expectedStatuses.includes(status) : status >= 200 && status < 400;
      return isWell ? null : `GET ${path} was answered with ${status}`;
    },
  };
}
