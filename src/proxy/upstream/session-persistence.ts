/**
 * Sessions that stay with an endpoint (GEP-1619). The token holds a hash of backend and endpoint, compared with the endpoints
 * there are: it gives no address away, needs no secret, and is the same in every worker and after a restart.
 */
import { createHash } from 'node:crypto';
import type { Endpoint } from '../../contract/endpoints.ts';
import type { SessionPersistenceConfig } from '../../contract/gateway-config.ts';
import type { Key } from '../../contract/keys.ts';
import type { FieldList } from '../http/fields.ts';
import type { BackendChoice, BackendRuntime, EndpointRuntime, RuleRuntime } from '../runtime.ts';
import { nameOf } from './pooled-endpoint.ts';

/** What is known of the session of one request. Times are milliseconds since the epoch. */
export interface Session {
  readonly config: SessionPersistenceConfig;
  /** When it was opened; 0: it is new. */
  readonly startedAtMs: number;
  /** Where it belongs; null where it is new or its endpoint is gone. */
  readonly choice: BackendChoice | null;
  readonly endpointName: string;
}

/** The parts of an exchange that a session needs. */
export interface SessionExchange {
  readonly session: Session | null;
  readonly scheme: 'http' | 'https';
  readonly backend: BackendRuntime | null;
  readonly endpoint: EndpointRuntime | null;
  readonly responseHeaders: FieldList;
}

/** Reads the session of a request of a rule that has persistence; one that is unknown, over or gone is a new one. */
export function findSession(rule: RuleRuntime, headers: FieldList): Session | null {
  const config = rule.sessionPersistence;
  if (config === undefined) return null;
  const token = config.type === 'Header' ? headers.get(config.sessionName) : cookieOf(headers, config.sessionName);
  const fresh = { config, startedAtMs: 0, choice: null, endpointName: '' };
  const parts = token === undefined ? null : /^([\w-]{16})\.([0-9a-z]{1,9})\.([0-9a-z]{1,9})$/.exec(token);
  if (parts === null) return fresh;
  const startedAtMs = Number.parseInt(parts[2]!, 36) * 1000;
  const seenAtMs = Number.parseInt(parts[3]!, 36) * 1000;
  const now = Date.now();
  if (config.absoluteTimeoutMs > 0 && now - startedAtMs > config.absoluteTimeoutMs) return fresh;
  if (config.idleTimeoutMs > 0 && now - seenAtMs > config.idleTimeoutMs) return fresh;
  for (const choice of rule.backends) {
    // Weight 0 takes a backend out of service, sessions included: that is how a roll-back works.
    if (choice.backend === null || choice.ref.weight === 0) continue;
    const endpointName = namesByHash(choice.backend).get(parts[1]!);
    if (endpointName !== undefined) return { config, startedAtMs, choice, endpointName };
  }
  return fresh;
}

/** Tells the client its session where it has to know: a new one, another endpoint, or to put the idle time-out off. */
export function setSession(exchange: SessionExchange): void {
  const { session, backend, endpoint } = exchange;
  if (session === null || backend === null || endpoint === null) return;
  const { config } = session;
  const isSame = session.endpointName === endpoint.name;
  if (isSame && config.idleTimeoutMs === 0) return;
  const now = Date.now();
  const startedAtMs = isSame ? session.startedAtMs : now;
  const token = `${hashOf(backend.key, endpoint.name)}.${seconds(startedAtMs)}.${seconds(now)}`;
  if (config.type === 'Header') exchange.responseHeaders.set(config.sessionName, token);
  else exchange.responseHeaders.add('Set-Cookie', cookieText(exchange, token, now - startedAtMs));
}

function cookieText({ session, scheme }: SessionExchange, token: string, ageMs: number): string {
  const config = session!.config;
  let text = `${config.sessionName}=${token}; Path=${config.cookiePath ?? '/'}; HttpOnly; SameSite=Lax`;
  if (scheme === 'https') text += '; Secure';
  if (config.cookieLifetime === 'Permanent' && config.absoluteTimeoutMs > 0) {
    text += `; Max-Age=${Math.max(0, Math.floor((config.absoluteTimeoutMs - ageMs) / 1000))}`;
  }
  return text;
}

/** RFC 6265 §4.2.1; the first of that name counts. */
function cookieOf(headers: FieldList, name: string): string | undefined {
  const cookies = headers.get('cookie');
  if (cookies === undefined) return undefined;
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

function seconds(ms: number): string {
  return Math.floor(ms / 1000).toString(36);
}

function hashOf(backend: Key, endpoint: string): string {
  return createHash('sha256').update(`${backend}\n${endpoint}`).digest('base64url').slice(0, 16);
}

interface NameTable {
  readonly endpoints: readonly Endpoint[];
  readonly names: ReadonlyMap<string, string>;
}

const tables = new WeakMap<BackendRuntime, NameTable>();

/** Made anew when the endpoints of a backend have changed. */
function namesByHash(backend: BackendRuntime): ReadonlyMap<string, string> {
  const known = tables.get(backend);
  if (known !== undefined && known.endpoints === backend.endpoints) return known.names;
  const names = new Map(backend.endpoints.map(nameOf).map((name) => [hashOf(backend.key, name), name]));
  tables.set(backend, { endpoints: backend.endpoints, names });
  return names;
}
