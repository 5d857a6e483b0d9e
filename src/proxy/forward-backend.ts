/** From the rule to the first try: which backend takes the request, its filters, and the mirrors. Knows no endpoints. */
import type { Key } from '../contract/keys.ts';
import type { ExchangeRun } from './exchange.ts';
import type { Observer } from './exchange-observer.ts';
import type { FilterStage, RunFilters } from './forward-filters.ts';
import type { ResponsePath } from './forward-response.ts';
import type { TryPath } from './forward-try.ts';
import { replies } from './local-reply.ts';
import type { BackendRuntime } from './runtime.ts';
import { chooseByWeight } from './upstream/choose-backend.ts';
import { hashText } from './upstream/hash.ts';
import { MirrorGroup } from './upstream/mirror.ts';
import { findSession } from './upstream/session-persistence.ts';

export interface BackendEnvironment {
  readonly observer: Observer;
  readonly response: ResponsePath;
  readonly tries: TryPath;
  readonly runFilters: RunFilters;
  readonly backendOf: (key: Key) => BackendRuntime | null;
  readonly random: () => number;
}

/** What comes after the filters of the rule. */
export function createBackendPath(environment: BackendEnvironment): (run: ExchangeRun) => void {
  const { observer, response, tries, runFilters, backendOf, random } = environment;
  const backendStage: FilterStage = { filtersOf: (run) => run.choice!.filters, next: send };

  function chooseBackend(run: ExchangeRun): void {
    const rule = run.rule!;
    if (rule.sessionPersistence !== undefined) run.session = findSession(rule, run.headers);
    const choice = run.session?.choice ?? chooseByWeight(rule, random);
    if (choice === null) return response.reply(run, replies.noBackend);
    run.choice = choice;
    run.backend = choice.backend;
    if (choice.backend === null) {
      return response.reply(run, { ...replies.noBackend, reason: choice.ref.problem ?? replies.noBackend.reason });
    }
    observer.onForward(run);
    if (run.session !== null) run.sticky = run.session.endpointName;
    runFilters(run, backendStage);
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

  return chooseBackend;
}
