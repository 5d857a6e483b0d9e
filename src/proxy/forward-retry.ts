/** Whether a failed try is made again, and when. Pure decisions over the exchange; how a try is made is forward-try.ts. */
import type { ExchangeRun } from './exchange.ts';
import type { UpstreamError } from './http/streams.ts';

/** `free`: does not count against the rule's attempts, adds no load to the backend. */
export type RetryDecision = { readonly type: 'none' } | { readonly type: 'free' } | { readonly type: 'counted' };

const none: RetryDecision = { type: 'none' };
const free: RetryDecision = { type: 'free' };
const counted: RetryDecision = { type: 'counted' };

/** How many endpoints that cannot be reached one request may find before it gives up. */
const MAX_UNREACHABLE = 5;
const MAX_REFUSED = 3;

/** RFC 9110 §9.2.2. */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'PUT':
    case 'DELETE':
    case 'TRACE':
      return true;
    default:
      return false;
  }
}

/** A request without body can always be sent again, one with a body while all of it that was sent is kept. */
export function isRepeatable(run: ExchangeRun): boolean {
  return run.keepsBody || run.requestBytes === 0;
}

/** What to do about a try that failed before any byte of its response. */
export function decideOnError(run: ExchangeRun, error: UpstreamError): RetryDecision {
  if (!isRepeatable(run)) return none;
  const retry = run.rule!.retry;
  // `attempts: 0` is the way to say that a request must never be sent twice.
  if (retry !== undefined && retry.attempts === 0) return none;
  const mayCount = retry !== undefined && retry.connectionErrors && run.ruleRetries < retry.attempts;
  switch (error.kind) {
    case 'Connect':
    case 'ConnectTimeout':
    case 'Tls':
      if (hasUntried(run) && run.tried.length < MAX_UNREACHABLE) return free;
      return mayCount ? counted : none;
    case 'RefusedStream':
      if (run.retries - run.ruleRetries < MAX_REFUSED) return free;
      return mayCount ? counted : none;
    case 'Closed':
      // Each such try uses up a connection that was idle: a backend that ends all of them at once is asked anew in the end.
      if (error.isUnsent) return free;
      // RFC 9112 §9.3.1: a kept-alive connection may be closed just as we write to it.
      if (!isIdempotent(run.method)) return none;
      if (error.isReused && !run.hasUsedFreeRetry) {
        run.hasUsedFreeRetry = true;
        return free;
      }
      return mayCount ? counted : none;
    case 'Reset':
    case 'Protocol':
      return none;
  }
}

/** What to do about a status of the backend, or our 504 for a try that took too long. The user chose the codes, so any method. */
export function decideOnStatus(run: ExchangeRun, status: number): RetryDecision {
  const retry = run.rule!.retry;
  if (retry === undefined || run.ruleRetries >= retry.attempts) return none;
  return retry.codes.includes(status) && isRepeatable(run) ? counted : none;
}

function hasUntried(run: ExchangeRun): boolean {
  // The one that has just failed is not in `tried` yet.
  return run.backend!.endpoints.filter((endpoint) => endpoint.ready).length > run.tried.length + 1;
}

/** The wait before the next counted retry: `backoffMs` doubled each time up to tenfold, and up to a quarter more by chance. */
export function backoffOf(run: ExchangeRun, random: () => number): number {
  const least = run.rule!.retry?.backoffMs ?? 0;
  if (least === 0) return 0;
  return Math.min(least * 2 ** (run.ruleRetries - 1), least * 10) * (1 + random() / 4);
}
