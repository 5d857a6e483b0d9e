/** The way back: the backend's answer or our own goes through the filters to the client, and the exchange comes to its end. */
import type { LocalReply } from '../contract/exchange.ts';
import type { Filter } from '../contract/filter.ts';
import type { ExchangeRun } from './exchange.ts';
import type { Observer } from './exchange-observer.ts';
import { resumeRequest } from './exchange-request-body.ts';
import { FieldList } from './http/fields.ts';
import { BODY_NONE } from './http/streams.ts';
import { GrpcCode, grpcStatusIn } from './grpc.ts';
import { fieldsOf, grpcReplyOf, grpcStatusOf, grpcTrailersOf, isGrpcCall } from './local-reply.ts';
import { setSession } from './upstream/session-persistence.ts';

export interface ResponseEnvironment {
  readonly observer: Observer;
  readonly now: () => number;
}

export interface ResponsePath {
  /** The backend's head, which is in the exchange, goes to the client. */
  relayHead(run: ExchangeRun): void;
  /** The response is complete. */
  complete(run: ExchangeRun, trailers: FieldList | null): void;
  /** Sends our own answer; only while nothing of another one was sent. */
  reply(run: ExchangeRun, reply: LocalReply): void;
  /** What was begun cannot be completed, for this reason: the client must see a truncation, or an error in trailers. */
  cut(run: ExchangeRun, reply: LocalReply): void;
  /** Ends the try in flight and the exchange, with this answer or, where another one was begun, its truncation. `isGood` as in `endTry`. */
  giveUp(run: ExchangeRun, reply: LocalReply, isGood: boolean | undefined): void;
  /** The client is gone. */
  abandon(run: ExchangeRun, reason: string): void;
}

/** nginx's code for a client that left before an answer; it is only ever logged. */
const CLIENT_CLOSED = 499;

/** True where the answer speaks for the endpoint: gateway errors and UNAVAILABLE do not. */
export function isSuccess({ status, grpcStatus }: ExchangeRun): boolean {
  return (status < 502 || status > 504) && grpcStatus !== GrpcCode.unavailable;
}

/** Ends the try in flight, if any. `isGood` is the verdict on the endpoint; undefined: none. */
export function endTry(run: ExchangeRun, isGood: boolean | undefined): void {
  if (run.tryTimer !== null) {
    run.tryTimer.cancel();
    run.tryTimer = null;
  }
  if (!run.isTryOpen) return;
  run.isTryOpen = false;
  run.upstream = null;
  run.endpoint!.done(isGood);
}

/** Retries are over: there is an answer, or nobody waits for one. */
function leaveRetryBudget(run: ExchangeRun): void {
  if (!run.holdsRetryPlace) return;
  run.holdsRetryPlace = false;
  run.backend!.retryBudget!.giveBack();
}

/** As endTry, for a try that has not ended by itself. */
export function abortTry(run: ExchangeRun, isGood: boolean | undefined): void {
  const upstream = run.upstream;
  endTry(run, isGood);
  if (upstream !== null) upstream.abort();
}

export function createResponsePath({ observer, now }: ResponseEnvironment): ResponsePath {
  function finish(run: ExchangeRun): void {
    run.isOver = true;
    run.finishedAt = now();
    leaveRetryBudget(run);
    run.requestTimer?.cancel();
    run.backoffTimer?.cancel();
    if (!run.isRequestEnded && run.mirrors !== null) run.mirrors.abort();
    run.held = null;
    if (run.waits !== null) run.waits.end();
    if (run.listener !== null) finishFilters(run, run.listener.filters);
    if (run.rule !== null) finishFilters(run, run.rule.filters);
    if (run.choice !== null) finishFilters(run, run.choice.filters);
    observer.onFinish(run);
  }

  function sendHead(run: ExchangeRun): void {
    if (run.choice !== null && run.choice.filters.length > 0) runResponseFilters(run, run.choice.filters);
    if (run.rule !== null && run.rule.filters.length > 0) runResponseFilters(run, run.rule.filters);
    if (run.listener !== null && run.listener.filters.length > 0) runResponseFilters(run, run.listener.filters);
    leaveRetryBudget(run);
    run.responseState = 'started';
    run.respondedAt = now();
    run.downstream.sendHead(run.status, run.responseHeaders, run.responseBodyLength, run.responseContentLength);
  }

  const path: ResponsePath = {
    relayHead(run) {
      if (run.session !== null) setSession(run);
      sendHead(run);
    },

    complete(run, trailers) {
      if (run.rule!.isGrpc) {
        const status = grpcStatusIn(trailers);
        run.grpcStatus = status < 0 ? grpcStatusIn(run.responseHeaders) : status;
      }
      // The codec reads on past what nobody wants.
      resumeRequest(run);
      run.responseState = 'ended';
      run.downstream.sendEnd(trailers);
      // A backend that answers before it has read everything wants no more of it.
      if (run.isRequestEnded) endTry(run, isSuccess(run));
      else abortTry(run, isSuccess(run));
      finish(run);
    },

    reply(run, given) {
      const isGrpc = given.status >= 400 && isGrpcCall(run);
      if (isGrpc) run.grpcStatus = grpcStatusOf(given);
      const reply = isGrpc ? grpcReplyOf(given) : given;
      run.reason = reply.reason;
      const body = reply.body === undefined ? null : Buffer.from(reply.body);
      const hasNoContent = isGrpc || reply.status === 204 || reply.status === 304;
      const contentLength = hasNoContent ? -1 : (body?.length ?? 0);
      const isSilent = body === null || hasNoContent || run.method === 'HEAD';
      const bodyLength = isSilent ? BODY_NONE : body.length;
      run.setResponse(reply.status, fieldsOf(reply), { bodyLength, contentLength });
      sendHead(run);
      // A filter or the codec may have found the client gone.
      if (run.isOver) return;
      if (!isSilent) {
        run.responseBytes += body.length;
        run.downstream.sendData(body, 0, body.length);
      }
      resumeRequest(run);
      run.responseState = 'ended';
      run.downstream.sendEnd(null);
      finish(run);
    },

    cut(run, reply) {
      run.reason = reply.reason;
      const isGrpc = run.responseContentLength < 0 && isGrpcCall(run);
      if (isGrpc) resumeRequest(run);
      run.responseState = 'ended';
      if (isGrpc) {
        run.grpcStatus = grpcStatusOf(reply);
        const trailers = new FieldList();
        for (const [name, value] of grpcTrailersOf(reply)) trailers.add(name, value);
        run.downstream.sendEnd(trailers);
      } else run.downstream.reset();
      finish(run);
    },

    giveUp(run, reply, isGood) {
      abortTry(run, isGood);
      if (run.responseState === 'started') path.cut(run, reply);
      else path.reply(run, reply);
    },

    abandon(run, reason) {
      run.reason = reason;
      if (run.responseState === 'none' || run.responseState === 'discarding') run.status = CLIENT_CLOSED;
      run.responseState = 'ended';
      abortTry(run, undefined);
      finish(run);
    },
  };
  return path;
}

/** In the reverse order of the requests. A filter that throws is our bug; its neighbours and the client must not suffer. */
function runResponseFilters(run: ExchangeRun, filters: readonly Filter[]): void {
  for (let i = filters.length - 1; i >= 0; i--) {
    const filter = filters[i]!;
    if (filter.onResponse === undefined) continue;
    try {
      filter.onResponse(run);
    } catch {
      run.reason = 'FilterFailed';
    }
  }
}

function finishFilters(run: ExchangeRun, filters: readonly Filter[]): void {
  for (let i = 0; i < filters.length; i++) {
    const filter = filters[i]!;
    if (filter.onFinish === undefined) continue;
    try {
      filter.onFinish(run);
    } catch {
      run.reason = 'FilterFailed';
    }
  }
}
