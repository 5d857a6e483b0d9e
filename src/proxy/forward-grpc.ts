/** What a rule of a GRPCRoute asks before a call goes on: how long it may take, and whether its status can come back. */
import type { LocalReply } from '../contract/exchange.ts';
import type { ExchangeRun } from './exchange.ts';
import { isGrpcType, parseTimeout } from './grpc.ts';
import { replies } from './local-reply.ts';

/**
 * Milliseconds that the call may take, the shorter of `grpc-timeout` and the rule's own (`ruleMs`, 0: none); 0: no limit.
 * Or the answer to a call that cannot be made. The field itself goes on as it came: what has passed here is less than the
 * clocks of client and backend differ by, and at the end of the time the backend's stream is cancelled anyway.
 */
export function deadlineOf(run: ExchangeRun, ruleMs: number): number | LocalReply {
  if (run.head.version !== '2' && !run.takesTrailers && isGrpcType(run.headers.get('content-type'))) {
    return replies.needsHttp2;
  }
  const text = run.headers.get('grpc-timeout');
  if (text === undefined) return ruleMs;
  const ms = parseTimeout(text);
  if (ms === null) return replies.badGrpcTimeout;
  if (ms === 0) return replies.requestTimeout;
  // A timer may not ring early, or the backend's own answer to the deadline would be cut off.
  const callMs = Math.ceil(ms);
  return ruleMs > 0 ? Math.min(callMs, ruleMs) : callMs;
}
