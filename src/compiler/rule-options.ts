/** Timeouts, retry and session persistence of a rule, in milliseconds and with the API's defaults. */
import { createHash } from 'node:crypto';
import type { RetryConfig, RuleConfig, SessionPersistenceConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { Problem } from '../contract/problem.ts';
import { parseDuration } from '../model/duration.ts';
import type { RouteRule, SessionPersistence } from './resource-types.ts';

/** Features of the conformance suite that exist because of this file. */
export const ruleFeatures: readonly string[] = [
  'HTTPRouteRequestTimeout',
  'HTTPRouteBackendTimeout',
  'HTTPRouteNamedRouteRule',
];

export const retryFeatures: readonly string[] = ['HTTPRouteRetryCodes', 'HTTPRouteRetryConnectionError'];

/** What they were before v1.7, where the field `retry` was in the experimental channel only. */
export const formerRetryFeatures: readonly string[] = [
  'HTTPRouteRetry',
  'HTTPRouteRetryBackendTimeout',
  'HTTPRouteRetryConnectionError',
];

type RuleOptions = Pick<RuleConfig, 'requestTimeoutMs' | 'backendRequestTimeoutMs' | 'retry' | 'sessionPersistence'>;

/** The rule's options, or `UnsupportedValue` naming the field. `key` makes the default name of a session unique. */
export function translateOptions(rule: RouteRule, key: Key): { options: RuleOptions } | { problem: Problem } {
  const faults: string[] = [];
  const requestTimeoutMs = duration(rule.timeouts?.request, 'timeouts.request', faults);
  const backendRequestTimeoutMs = duration(rule.timeouts?.backendRequest, 'timeouts.backendRequest', faults);
  const retry = rule.retry && translateRetry(rule.retry, faults);
  const session = rule.sessionPersistence && translateSession(rule.sessionPersistence, key, faults);
  if (faults.length > 0) return { problem: { reason: 'UnsupportedValue', message: faults.join('; ') } };
  const options: RuleOptions = {
    ...(requestTimeoutMs > 0 && { requestTimeoutMs }),
    ...(backendRequestTimeoutMs > 0 && { backendRequestTimeoutMs }),
    ...(retry && { retry }),
    ...(session && { sessionPersistence: session }),
  };
  return { options };
}

/** Milliseconds; 0 where the field is absent or holds no duration, which is then among the faults. */
function duration(text: string | undefined, field: string, faults: string[]): number {
  const ms = text === undefined ? 0 : parseDuration(text);
  if (ms !== undefined) return ms;
  faults.push(`${field}: ${JSON.stringify(text)} is no duration; write it like 500ms, 10s or 1m30s`);
  return 0;
}

/** v1.7: one retry where `attempts` is absent, none where it is 0; a connection that cannot be made is retried whatever the codes. */
function translateRetry(spec: NonNullable<RouteRule['retry']>, faults: string[]): RetryConfig {
  const { codes = [], attempts = 1, backoff } = spec;
  const backoffMs = duration(backoff, 'retry.backoff', faults);
  return { codes: codes.toSorted((a, b) => a - b), attempts, backoffMs, connectionErrors: attempts > 0 };
}

/** GEP-1619, as v1.7 spells it or as releases before did. */
function translateSession(spec: SessionPersistence, key: Key, faults: string[]): SessionPersistenceConfig {
  const type = spec.type === 'Header' ? 'Header' : 'Cookie';
  const named = type === 'Header' ? spec.header?.name : spec.cookie?.name;
  const lifetime = spec.cookie?.lifetimeType ?? spec.cookieConfig?.lifetimeType ?? 'Session';
  const absoluteTimeoutMs = duration(spec.absoluteTimeout, 'sessionPersistence.absoluteTimeout', faults);
  if (lifetime === 'Permanent' && absoluteTimeoutMs === 0) {
    faults.push('sessionPersistence: a cookie of lifetimeType Permanent needs absoluteTimeout');
  }
  const path = type === 'Cookie' ? (spec.cookie?.path ?? '/') : '/';
  // It goes into a header as it is; the API's schema leaves it open. RFC 6265 §4.1.1.
  if (!/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path)) {
    faults.push('sessionPersistence.cookie.path: must begin with / and hold neither ";" nor control characters');
  }
  const fallback = `headgate-session-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return {
    type,
    sessionName: named ?? spec.sessionName ?? fallback,
    cookieLifetime: lifetime === 'Permanent' ? 'Permanent' : 'Session',
    ...(path !== '/' && { cookiePath: path }),
    absoluteTimeoutMs,
    idleTimeoutMs: 0,
  };
}
