/**
 * One request from top to bottom: match, identity, filters of the listener and the rule. From there on it is in forward-backend.ts,
 * then forward-try.ts, and on the way back in forward-response.ts. Knows neither sockets nor versions.
 */
import type { LocalReply } from '../contract/exchange.ts';
import type { Key } from '../contract/keys.ts';
import { createClientIdentity } from './client-identity.ts';
import { ExchangeRun } from './exchange.ts';
import type { Observer } from './exchange-observer.ts';
import type { ExchangeSteps } from './exchange-steps.ts';
import { ExchangeTimer } from './exchange-timer.ts';
import { createBackendPath } from './forward-backend.ts';
import { createFilterPath, type FilterStage } from './forward-filters.ts';
import { deadlineOf } from './forward-grpc.ts';
import { findListener, findRule } from './forward-match.ts';
import { createResponsePath, type ResponsePath } from './forward-response.ts';
import { createTryPath, type TryPath } from './forward-try.ts';
import type { ServerHooks } from './http/streams.ts';
import type { Limits } from './limits.ts';
import { replies } from './local-reply.ts';
import { calm, type MemoryState } from './memory-guard.ts';
import type { BackendRuntime } from './runtime.ts';
import { BackendCall } from './upstream/backend-call.ts';

export interface ForwarderOptions {
  readonly observer: Observer;
  /** The backend of a mirror or a filter's call; null where the key is gone. */
  readonly backendOf: (key: Key) => BackendRuntime | null;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly limits: Pick<Limits, 'filterCallTimeoutMs' | 'filterCallBytes'>;
  /** Default: there is always enough. */
  readonly memory?: MemoryState;
  /** Adds `Forwarded` (RFC 7239) beside the X-Forwarded fields. Default: false. */
  readonly emitsForwarded?: boolean;
}

export type Forwarder = Pick<ServerHooks, 'onRequest'>;

/** What every server codec of a proxy calls for a request. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { observer, random, now, memory = calm } = options;
  const identifyClient = createClientIdentity({ emitsForwarded: options.emitsForwarded ?? false });
  const response = createResponsePath({ observer, now });
  const tries = createTryPath({ response, random });
  const runFilters = createFilterPath(response);
  const steps = stepsOf(options, response, tries);
  const chooseBackend = createBackendPath({ ...options, response, tries, runFilters });
  const listenerStage: FilterStage = { filtersOf: (run) => run.listener!.filters, next: routeFiltered };
  const ruleStage: FilterStage = { filtersOf: (run) => run.rule!.filters, next: chooseBackend };

  function start(run: ExchangeRun): void {
    const refusal = findListener(run);
    if (refusal !== null) return response.reply(run, refusal);
    if (memory.isShedding) return response.reply(run, replies.overloaded);
    // Before matches and filters, which must not take a client's claims for the truth.
    identifyClient(run.headers, run.connection, run.authority);
    if (run.listener!.filters.length === 0) return route(run);
    runFilters(run, listenerStage);
  }

  /** GEP-5224: whatever the filters did, the request is still one to the host that chose the listener. */
  function routeFiltered(run: ExchangeRun): void {
    run.authority = run.head.authority;
    run.headers.remove('host');
    route(run);
  }

  function route(run: ExchangeRun): void {
    const refusal = findRule(run);
    if (refusal !== null) return response.reply(run, refusal);
    const timeoutMs = timeLimitOf(run);
    if (typeof timeoutMs !== 'number') return response.reply(run, timeoutMs);
    if (timeoutMs > 0) {
      run.requestTimer = new ExchangeTimer(timeoutMs, () => onRequestTimeout(run, response));
    }
    runFilters(run, ruleStage);
  }

  return {
    onRequest(head, downstream, connection) {
      const run = new ExchangeRun(head, downstream, { connection, steps });
      start(run);
      return run;
    },
  };
}

function stepsOf(options: ForwarderOptions, response: ResponsePath, tries: TryPath): ExchangeSteps {
  const { filterCallTimeoutMs: timeoutMs, filterCallBytes: maxBytes } = options.limits;
  return {
    onResponseHead: tries.onResponseHead,
    onResponseEnd: tries.onResponseEnd,
    onUpstreamError: tries.onUpstreamError,
    onDownstreamClose: response.abandon,
    onBadBody: (run) => response.giveUp(run, replies.badBody, undefined),
    call(run, key, request) {
      const backend = options.backendOf(key);
      const { clientCertificate } = run;
      return backend && new BackendCall(request, { backend, timeoutMs, maxBytes, clientCertificate });
    },
    now: options.now,
  };
}

/** Milliseconds for the whole exchange, 0: no limit; or the answer to a call that cannot be made. */
function timeLimitOf(run: ExchangeRun): number | LocalReply {
  const { requestTimeoutMs, isGrpc } = run.rule!;
  return isGrpc ? deadlineOf(run, requestTimeoutMs) : requestTimeoutMs;
}

function onRequestTimeout(run: ExchangeRun, response: ResponsePath): void {
  run.requestTimer = null;
  if (run.isOver) return;
  // Before its head an endpoint that is this slow has failed; afterwards the client may be the slow one.
  response.giveUp(run, replies.requestTimeout, run.responseState === 'started' ? undefined : false);
}
