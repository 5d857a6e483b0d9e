/**
 * One request from top to bottom: match, identity, filters, backend, endpoint, and the way back.
 * The steps that may repeat are in forward-try.ts, the answer's in forward-response.ts. Knows neither sockets nor versions.
 */
import type { LocalReply } from '../contract/exchange.ts';
import type { Filter } from '../contract/filter.ts';
import type { Key } from '../contract/keys.ts';
import { createClientIdentity } from './client-identity.ts';
import { ExchangeRun } from './exchange.ts';
import type { Observer } from './exchange-observer.ts';
import { pauseRequest } from './exchange-request-body.ts';
import type { ExchangeSteps } from './exchange-steps.ts';
import { ExchangeTimer } from './exchange-timer.ts';
import { findListener, findRule } from './forward-match.ts';
import { abortTry, createResponsePath } from './forward-response.ts';
import { deadlineOf } from './forward-grpc.ts';
import { createTryPath } from './forward-try.ts';
import type { ServerHooks } from './http/streams.ts';
import type { Limits } from './limits.ts';
import { replies } from './local-reply.ts';
import { calm, type MemoryState } from './memory-guard.ts';
import type { BackendRuntime } from './runtime.ts';
import { chooseByWeight } from './upstream/choose-backend.ts';
import { BackendCall } from './upstream/backend-call.ts';
import { hashText } from './upstream/hash.ts';
import { MirrorGroup } from './upstream/mirror.ts';
import { findSession } from './upstream/session-persistence.ts';

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

/** Filters of the listener run first, then those of the rule, then those of the chosen backendRef. */
interface FilterStage {
  filtersOf(run: ExchangeRun): readonly Filter[];
  /** After the last filter. */
  next(run: ExchangeRun): void;
}

/** What every server codec of a proxy calls for a request. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { observer, backendOf, random, now, memory = calm } = options;
  const identifyClient = createClientIdentity({ emitsForwarded: options.emitsForwarded ?? false });
  const response = createResponsePath({ observer, now });
  const tries = createTryPath({ response, random });
  const steps: ExchangeSteps = {
    onResponseHead: tries.onResponseHead,
    onResponseEnd: tries.onResponseEnd,
    onUpstreamError: tries.onUpstreamError,
    onDownstreamClose: response.abandon,
    onBadBody: (run) => giveUp(run, replies.badBody, undefined),
    call(run, key, request) {
      const backend = backendOf(key);
      const { filterCallTimeoutMs: timeoutMs, filterCallBytes: maxBytes } = options.limits;
      const { clientCertificate } = run;
      return backend && new BackendCall(request, { backend, timeoutMs, maxBytes, clientCertificate });
    },
    now,
  };
  const listenerStage: FilterStage = { filtersOf: (run) => run.listener!.filters, next: routeFiltered };
  const ruleStage: FilterStage = { filtersOf: (run) => run.rule!.filters, next: chooseBackend };
  const backendStage: FilterStage = { filtersOf: (run) => run.choice!.filters, next: send };

  function start(run: ExchangeRun): void {
    const refusal = findListener(run);
    if (refusal !== null) return response.reply(run, refusal);
    if (memory.isShedding) return response.reply(run, replies.overloaded);
    // Before matches and filters, which must not take a client's claims for the truth.
    identifyClient(run.headers, run.connection, run.authority);
    if (run.listener!.filters.length === 0) return route(run);
    runFilters(run, listenerStage, 0);
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
    const rule = run.rule!;
    let timeoutMs = rule.config.requestTimeoutMs ?? 0;
    if (rule.isGrpc) {
      const deadline = deadlineOf(run, timeoutMs);
      if (typeof deadline !== 'number') return response.reply(run, deadline);
      timeoutMs = deadline;
    }
    if (timeoutMs > 0) {
      run.requestTimer = new ExchangeTimer(timeoutMs, () => onRequestTimeout(run));
    }
    runFilters(run, ruleStage, 0);
  }

  function runFilters(run: ExchangeRun, stage: FilterStage, from: number): void {
    const filters = stage.filtersOf(run);
    for (let i = from; i < filters.length; i++) {
      const result = callFilter(filters[i]!, run);
      // It may have found that the request cannot be answered but so.
      if (run.isOver) return;
      if (result === undefined) continue;
      if (!isPromise(result)) return response.reply(run, result);
      waitForFilter(run, result, () => runFilters(run, stage, i + 1));
      return;
    }
    stage.next(run);
  }

  /** The client is held back meanwhile; `resume` is called unless the filter has answered or the client has left. */
  function waitForFilter(run: ExchangeRun, result: Promise<LocalReply | undefined>, resume: () => void): void {
    pauseRequest(run);
    result.then(
      (reply) => {
        if (run.isOver) return;
        if (reply === undefined) resume();
        else response.reply(run, reply);
      },
      () => {
        if (!run.isOver) response.reply(run, replies.filterFailed);
      },
    );
  }

  function chooseBackend(run: ExchangeRun): void {
    const rule = run.rule!;
    if (rule.config.sessionPersistence !== undefined) run.session = findSession(rule, run.headers);
    const choice = run.session?.choice ?? chooseByWeight(rule, random);
    if (choice === null) return response.reply(run, replies.noBackend);
    run.choice = choice;
    run.backend = choice.backend;
    if (choice.backend === null) {
      return response.reply(run, { ...replies.noBackend, reason: choice.ref.problem ?? replies.noBackend.reason });
    }
    observer.onForward(run);
    if (run.session !== null) run.sticky = run.session.endpointName;
    runFilters(run, backendStage, 0);
  }

  function send(run: ExchangeRun): void {
    const balancing = run.backend!.config.loadBalancing;
    if (balancing.type === 'ConsistentHash') {
      const header = balancing.on === 'Header' ? run.headers.get(balancing.header ?? '') : undefined;
      // A request without the header still needs a place: its client's.
      run.affinity = hashText(header ?? run.clientAddress);
    }
    if (run.mirrorKeys !== null) {
      run.mirrors = MirrorGroup.open(run, run.mirrorKeys, backendOf);
      if (run.mirrors !== null) {
        run.held?.sendTo(run.mirrors);
        if (run.isRequestEnded) run.mirrors.sendEnd();
      }
    }
    tries.open(run);
  }

  function onRequestTimeout(run: ExchangeRun): void {
    run.requestTimer = null;
    if (run.isOver) return;
    // Before its head an endpoint that is this slow has failed; afterwards the client may be the slow one.
    giveUp(run, replies.requestTimeout, run.responseState === 'started' ? undefined : false);
  }

  /** `isGood` is the verdict on the endpoint. */
  function giveUp(run: ExchangeRun, reply: LocalReply, isGood: boolean | undefined): void {
    abortTry(run, isGood);
    if (run.responseState === 'started') response.cut(run, reply);
    else response.reply(run, reply);
  }

  return {
    onRequest(head, downstream, connection) {
      const run = new ExchangeRun(head, downstream, { connection, steps });
      start(run);
      return run;
    },
  };
}

/** A filter that throws must not take its worker along. */
function callFilter(filter: Filter, run: ExchangeRun): ReturnType<NonNullable<Filter['onRequest']>> {
  if (filter.onRequest === undefined) return undefined;
  try {
    return filter.onRequest(run);
  } catch {
    return replies.filterFailed;
  }
}

function isPromise(result: LocalReply | Promise<LocalReply | undefined>): result is Promise<LocalReply | undefined> {
  return 'then' in result;
}
