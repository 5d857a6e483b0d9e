/** Which listener and rule take a request, or which answer it gets instead. Knows of routing only its pure functions. */
import type { LocalReply } from '../contract/exchange.ts';
import type { ExchangeRun } from './exchange.ts';
import { replies } from './local-reply.ts';
import { parseAuthority, normaliseTarget } from './routing/request-target.ts';
import { selectListener } from './routing/select-listener.ts';
import type { ListenerRuntime, PortRuntime } from './runtime.ts';

/** Fills in host, target, listener and rule of the exchange. A reply: the request is not to be forwarded. */
export function matchExchange(run: ExchangeRun): LocalReply | null {
  run.host = parseAuthority(run.authority).host;
  const target = normaliseTarget(run.target);
  if (target === null) return replies.badTarget;
  run.target = target;
  const question = target.indexOf('?');
  run.path = question < 0 ? target : target.slice(0, question);
  run.query = question < 0 ? '' : target.slice(question + 1);

  const listeners = (run.connection.port as PortRuntime).listeners;
  const listener = listenerOf(listeners, run.host);
  if (run.connection.isTls && isMisdirected(run, listeners, listener)) return replies.misdirected;
  if (listener === null) return replies.noListener;
  run.listener = listener;
  const match = listener.match(run);
  if (match === null) return replies.noRoute;
  run.rule = match.rule;
  run.pathPrefix = match.pathPrefix;
  return null;
}

function listenerOf(listeners: readonly ListenerRuntime[], host: string): ListenerRuntime | null {
  const only = listeners.length === 1 ? listeners[0]! : null;
  // The plain case of one listener for every host.
  if (only !== null && only.config.hostname === '') return only;
  return selectListener(listeners, host);
}

/**
 * A request for a host of another listener than the handshake was made with (RFC 9110 §15.5.20): a connection that was
 * coalesced, or an attempt to evade the other listener's TLS settings. Without SNI there is nothing to compare.
 */
function isMisdirected(
  run: ExchangeRun,
  listeners: readonly ListenerRuntime[],
  listener: ListenerRuntime | null,
): boolean {
  const { serverName } = run.connection;
  return serverName !== '' && serverName !== run.host && listenerOf(listeners, serverName) !== listener;
}
