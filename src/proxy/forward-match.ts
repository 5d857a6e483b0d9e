/** Which listener and rule take a request, or which answer it gets instead. Knows of routing only its pure functions. */
import type { LocalReply } from '../contract/exchange.ts';
import type { ExchangeRun } from './exchange.ts';
import { replies } from './local-reply.ts';
import { normaliseTarget, parseAuthority } from './routing/request-target.ts';
import { selectListener, selectSecureListener } from './routing/select-listener.ts';
import type { PortRuntime } from './runtime.ts';

/** Fills in host, target and listener of the exchange. A reply: the request is not to be forwarded. */
export function findListener(run: ExchangeRun): LocalReply | null {
  run.host = parseAuthority(run.authority).host;
  const target = normaliseTarget(run.target);
  if (target === null) return replies.badTarget;
  run.target = target;
  const listeners = (run.connection.port as PortRuntime).listeners;
  const listener = run.connection.isTls
    ? selectSecureListener(listeners, run.connection.serverName, run.host)
    : selectListener(listeners, run.host);
  // A connection that was coalesced, or an attempt to evade another listener's TLS settings (RFC 9110 §15.5.20).
  if (listener === 'Misdirected') return replies.misdirected;
  if (listener === null) return replies.noListener;
  run.listener = listener;
  return null;
}

/** Fills in path, query and rule, after the filters of the listener. */
export function findRule(run: ExchangeRun): LocalReply | null {
  const { target } = run;
  const question = target.indexOf('?');
  run.path = question < 0 ? target : target.slice(0, question);
  run.query = question < 0 ? '' : target.slice(question + 1);
  const match = run.listener!.match(run);
  if (match === null) return replies.noRoute;
  run.rule = match.rule;
  run.pathPrefix = match.pathPrefix;
  return null;
}
