/** The check over HTTP: the authorization server gets a copy of the request's head, and its 200 lets the request pass. */
import type { CallResponse, Exchange, LocalReply } from '../../contract/exchange.ts';
import type { Headers } from '../../contract/headers.ts';
import { bodyTooLarge, denied, unanswered } from './answers.ts';
import type { ExternalAuthConfig } from './external-auth.ts';

/** Undefined: the request may pass, and carries what the server wants it to. */
export async function checkByHttp(config: ExternalAuthConfig, exchange: Exchange): Promise<LocalReply | undefined> {
  const { request } = exchange;
  const body = config.maxBodyBytes > 0 ? await exchange.readBody(config.maxBodyBytes) : undefined;
  if (body === null) return bodyTooLarge;
  const answer = await exchange.call(config.backend, {
    method: request.method,
    // `*`, of OPTIONS, has no place behind a prefix.
    target: request.target.startsWith('/') ? config.pathPrefix + request.target : config.pathPrefix || '/',
    authority: request.authority,
    headers: pick(request.headers, config.requestHeaders),
    ...(body !== undefined && body.length > 0 && { body }),
  });
  if ('failure' in answer) return unanswered;
  if (answer.status !== 200) return refusal(answer);
  addHeaders(request.headers, answer.headers, config.responseHeaders);
  return undefined;
}

function pick(headers: Headers, names: readonly string[]): readonly (readonly [string, string])[] {
  return names.flatMap((name) => headers.getAll(name).map((value) => [name, value] as const));
}

/** What the server says instead is for the client: a login page's address, a challenge. */
function refusal({ status, headers, body }: CallResponse): LocalReply {
  if (status >= 500) return unanswered;
  // Other codes of success would tell the client that its request was served.
  if (status < 300) return denied;
  return {
    status,
    headers: [...headers.entries()].filter(([name]) => name !== 'date'),
    body,
    reason: 'ExternalAuthDenied',
  };
}

/**
 * Named headers belong to the server: what the client sent under their names goes, or it could speak in the server's name.
 * Where none are named, all are meant but those that describe the answer and its content, not the request.
 */
function addHeaders(request: Headers, answer: Headers, names: readonly string[]): void {
  const wanted = new Set(names);
  const pairs = [...answer.entries()].filter(([name]) => (wanted.size === 0 ? !isOfAnswer(name) : wanted.has(name)));
  const owned = wanted.size === 0 ? pairs.map(([name]) => name) : wanted;
  for (const name of owned) if (!isOfRouting(name)) request.remove(name);
  for (const [name, value] of pairs) if (!isOfRouting(name)) request.add(name, value);
}

function isOfAnswer(name: string): boolean {
  return name.startsWith('content-') || answerFields.has(name);
}

const answerFields: ReadonlySet<string> = new Set([
  'date',
  'server',
  'set-cookie',
  'etag',
  'last-modified',
  'vary',
  'alt-svc',
]);

/** The API forbids them to the server. */
function isOfRouting(name: string): boolean {
  return name === 'host' || name.startsWith(':');
}
