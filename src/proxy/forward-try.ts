/** One try after another: picks an endpoint, sends the request, and on failure tries again or answers. Knows no sockets. */
import type { ExchangeRun } from './exchange.ts';
import { sendHeldBody } from './exchange-request-body.ts';
import { ExchangeTimer } from './exchange-timer.ts';
import { abortTry, endTry, isSuccess, type ResponsePath } from './forward-response.ts';
import { backoffOf, decideOnError, decideOnStatus, isIdempotent, type RetryDecision } from './forward-retry.ts';
import { grpcStatusIn, statusOfCode } from './grpc.ts';
import type { FieldList } from './http/fields.ts';
import { BODY_NONE, type UpstreamError } from './http/streams.ts';
import { replies, replyToUpstreamError } from './local-reply.ts';

/** A response that will be retried is read to its end up to this size, which saves its connection. */
const MAX_DISCARDED_BYTES = 16 * 1024;

export interface TryEnvironment {
  readonly response: ResponsePath;
  readonly random: () => number;
}

export interface TryPath {
  /** Sends the request to an endpoint of `run.backend`. */
  open(run: ExchangeRun): void;
  onResponseHead(run: ExchangeRun): void;
  onResponseEnd(run: ExchangeRun, trailers: FieldList | null): void;
  onUpstreamError(run: ExchangeRun, error: UpstreamError): void;
}

export function createTryPath({ response, random }: TryEnvironment): TryPath {
  function open(run: ExchangeRun): void {
    const endpoint = run.backend!.pick(run);
    if (endpoint === null) {
      response.reply(run, replies.noEndpoint);
      return;
    }
    if (endpoint.isOverflowing === true) {
      response.reply(run, replies.overflow);
      return;
    }
    run.endpoint = endpoint;
    run.responseState = 'none';
    run.upstream = endpoint.open(run, run);
    run.isTryOpen = true;
    const timeoutMs = run.rule!.backendRequestTimeoutMs;
    if (timeoutMs > 0) run.tryTimer = new ExchangeTimer(timeoutMs, () => onTryTimeout(run));
    if (run.bodyLength === BODY_NONE) return;
    if (!isWorthKeeping(run)) run.keepsBody = false;
    sendHeldBody(run);
  }

  /** True: the next try is granted, and noted in the exchange. */
  function retry(run: ExchangeRun, decision: RetryDecision): boolean {
    if (decision.type === 'none') return false;
    if (decision.type === 'counted') {
      const budget = run.backend!.retryBudget;
      if (budget !== undefined && !run.holdsRetryPlace) {
        if (!budget.take()) return false;
        run.holdsRetryPlace = true;
      }
      run.ruleRetries++;
    }
    run.grpcStatus = -1;
    run.backoffMs = decision.type === 'counted' ? backoffOf(run, random) : 0;
    run.retries++;
    run.sticky = '';
    run.tried = run.tried.concat(run.endpoint!);
    return true;
  }

  /** After the failed try has ended. */
  function openAgain(run: ExchangeRun): void {
    if (run.backoffMs === 0) {
      open(run);
      return;
    }
    run.backoffTimer = new ExchangeTimer(run.backoffMs, () => {
      run.backoffTimer = null;
      if (!run.isOver) open(run);
    });
  }

  function onTryTimeout(run: ExchangeRun): void {
    run.tryTimer = null;
    if (run.isOver) return;
    const { responseState } = run;
    abortTry(run, false);
    if (responseState === 'discarding') openAgain(run);
    else if (responseState === 'started') response.cut(run, replies.backendTimeout);
    else if (retry(run, decideOnStatus(run, replies.backendTimeout.status))) openAgain(run);
    else response.reply(run, replies.backendTimeout);
  }

  return {
    open,

    onResponseHead(run) {
      // In the discarding state this cannot be: one try has one final head.
      const decision = run.rule!.retry === undefined ? null : decideOnStatus(run, retriedStatusOf(run));
      if (decision === null || !retry(run, decision)) {
        response.relayHead(run);
        return;
      }
      run.responseState = 'discarding';
      const isShort = run.responseBodyLength >= 0 && run.responseBodyLength <= MAX_DISCARDED_BYTES;
      if (isShort && run.isRequestEnded) return;
      abortTry(run, isSuccess(run));
      openAgain(run);
    },

    onResponseEnd(run, trailers) {
      if (run.responseState !== 'discarding') {
        response.complete(run, trailers);
        return;
      }
      endTry(run, isSuccess(run));
      openAgain(run);
    },

    onUpstreamError(run, error) {
      run.upstreamError = error.kind;
      const { responseState } = run;
      endTry(run, false);
      if (responseState === 'discarding') openAgain(run);
      else if (responseState === 'started') response.cut(run, replyToUpstreamError(error));
      else if (retry(run, decideOnError(run, error))) openAgain(run);
      else response.reply(run, replyToUpstreamError(error));
    },
  };
}

/** What a rule's codes are compared with: of an answer that is only trailers, the status that its gRPC code stands for. */
function retriedStatusOf(run: ExchangeRun): number {
  if (!run.rule!.isGrpc || run.status !== 200) return run.status;
  run.grpcStatus = grpcStatusIn(run.responseHeaders);
  return run.grpcStatus < 0 ? run.status : statusOfCode(run.grpcStatus);
}

/** On a connection that stands, a request that must not be sent twice cannot be retried: keeping its body is for nothing. */
function isWorthKeeping({ upstream, rule, method }: ExchangeRun): boolean {
  return upstream!.isReused !== true || rule!.retry !== undefined || isIdempotent(method);
}
