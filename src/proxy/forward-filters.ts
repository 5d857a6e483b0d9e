/** The filters of one stage after the other, also where one must wait. Knows what a filter may answer, not what comes after the last. */
import type { LocalReply } from '../contract/exchange.ts';
import type { Filter } from '../contract/filter.ts';
import type { ExchangeRun } from './exchange.ts';
import { pauseRequest } from './exchange-request-body.ts';
import type { ResponsePath } from './forward-response.ts';
import { replies } from './local-reply.ts';

/** Filters of the listener run first, then those of the rule, then those of the chosen backendRef. */
export interface FilterStage {
  filtersOf(run: ExchangeRun): readonly Filter[];
  /** After the last filter. */
  next(run: ExchangeRun): void;
}

/** Runs all filters of a stage; an answer of one ends the exchange. */
export type RunFilters = (run: ExchangeRun, stage: FilterStage) => void;

export function createFilterPath(response: ResponsePath): RunFilters {
  function runFilters(run: ExchangeRun, stage: FilterStage, from = 0): void {
    const filters = stage.filtersOf(run);
    for (let i = from; i < filters.length; i++) {
      const result = callFilter(filters[i]!, run);
      // It may have found that the request cannot be answered but so.
      if (run.isOver) return;
      if (result === undefined) continue;
      if (!isPromise(result)) return response.reply(run, result);
      wait(run, result, () => runFilters(run, stage, i + 1));
      return;
    }
    stage.next(run);
  }

  /** The client is held back meanwhile; `resume` is called unless the filter has answered or the client has left. */
  function wait(run: ExchangeRun, result: Promise<LocalReply | undefined>, resume: () => void): void {
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

  return runFilters;
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
