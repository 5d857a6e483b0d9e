/** The check over gRPC: Envoy's ext_authz, one unary call a request. Knows gRPC's framing, and nothing of what messages hold. */
import type { CallResponse as Answer, Exchange, LocalReply } from '../../contract/exchange.ts';
import type { Headers } from '../../contract/headers.ts';
import { bodyTooLarge, unanswered } from './answers.ts';
import { decodeCheckResponse, encodeCheckRequest, type HeaderChange } from './check-messages.ts';
import type { ExternalAuthConfig } from './external-auth.ts';

const method = '/envoy.service.auth.v3.Authorization/Check';
/** A flag for compression, and the length. */
const PREFIX_BYTES = 5;

export interface Verdict {
  /** Undefined: the request may pass, and carries what the server wants it to. */
  readonly reply: LocalReply | undefined;
  /** What the response is to carry; absent: nothing. */
  readonly responseHeaders?: readonly HeaderChange[];
}

export async function checkByGrpc(config: ExternalAuthConfig, exchange: Exchange): Promise<Verdict> {
  const body = config.maxBodyBytes > 0 ? await exchange.readBody(config.maxBodyBytes) : undefined;
  if (body === null) return { reply: bodyTooLarge };
  const answer = await exchange.call(config.backend, {
    method: 'POST',
    target: method,
    authority: config.authority,
    headers: [['content-type', 'application/grpc']],
    body: framed(encodeCheckRequest(exchange, config.requestHeaders, body)),
    takesTrailers: true,
  });
  const message = 'failure' in answer ? null : messageOf(answer);
  const response = message && decodeCheckResponse(message);
  if (!response) return { reply: unanswered };
  if (!response.isAllowed) {
    const headers = response.headers.map(({ name, value }) => [name, value] as const);
    return { reply: { status: response.status, headers, body: response.body, reason: 'ExternalAuthDenied' } };
  }
  const { headers } = exchange.request;
  for (const name of response.remove) headers.remove(name);
  applyChanges(headers, response.headers);
  const { responseHeaders } = response;
  return { reply: undefined, ...(responseHeaders.length > 0 && { responseHeaders }) };
}

export function applyChanges(headers: Headers, changes: readonly HeaderChange[]): void {
  for (const { name, value, action } of changes) {
    if (action === 'Append') headers.add(name, value);
    else if (action === 'Overwrite' || headers.has(name) === (action === 'OverwriteIfExists')) headers.set(name, value);
  }
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Null where the call failed. Nothing but one whole message that is not compressed is an answer. */
function messageOf({ status, trailers, headers, body }: Answer): Buffer | null {
  if (status !== 200 || (trailers ?? headers).get('grpc-status') !== '0' || body.length < PREFIX_BYTES) return null;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - PREFIX_BYTES) return null;
  return bytes.subarray(PREFIX_BYTES);
}
