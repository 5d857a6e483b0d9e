/**
 * The messages of Envoy's ext_authz protocol (envoy.service.auth.v3): a request as a CheckRequest, a CheckResponse as what is to
 * be done. Each number is a field of a message of that package, of envoy.config.core.v3 or of google.rpc.
 */
import { isUtf8 } from 'node:buffer';
import type { Exchange } from '../../contract/exchange.ts';
import { fieldValueOf, isConnectionField, isFieldName, isFieldValue } from '../field-text.ts';
import { decodeMessage, encodeMessage, type Message } from '../../lib/protobuf.ts';

/** `headers`: lower-case names of those that are sent; empty: all. `body`: undefined where it is not sent. */
export function encodeCheckRequest(
  { request, clientAddress, match }: Exchange,
  headers: readonly string[],
  body: Uint8Array | undefined,
): Buffer {
  const named: readonly (readonly [string, string | undefined])[] =
    headers.length > 0
      ? headers.map((name) => [name, request.headers.get(name)])
      : [...new Set([...request.headers.entries()].map(([name]) => name))]
          .map((name) => [name, request.headers.get(name)] as const)
          // As Envoy has them among the headers.
          .concat([
            [':authority', request.authority],
            [':method', request.method],
            [':path', request.target],
            [':scheme', request.scheme],
          ]);
  const pairs = named.flatMap(([name, value]) => (value === undefined ? [] : [[name, textOf(value)] as const]));
  const http = encodeMessage([
    [2, request.method],
    ...pairs.map(
      ([name, value]) =>
        [
          3,
          encodeMessage([
            [1, name],
            [2, value],
          ]),
        ] as const,
    ),
    [4, request.target],
    [5, request.authority],
    [6, request.scheme],
    [9, body?.length ?? -1],
    ...(body === undefined || body.length === 0 ? [] : [[isUtf8(body) ? 11 : 12, body] as const]),
  ]);
  const attributes = encodeMessage([
    [1, peer(clientAddress, 0)],
    [2, peer('', match.listenerPort)],
    [4, encodeMessage([[2, http]])],
  ]);
  return encodeMessage([[1, attributes]]);
}

/** Peer.address.socket_address. */
function peer(address: string, port: number): Buffer {
  return encodeMessage([
    [
      1,
      encodeMessage([
        [
          1,
          encodeMessage([
            [2, address],
            [3, port],
          ]),
        ],
      ]),
    ],
  ]);
}

/** Values are bytes; a protobuf string must be UTF-8. */
function textOf(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}

export interface HeaderChange {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
  readonly action: 'Append' | 'AddIfAbsent' | 'Overwrite' | 'OverwriteIfExists';
}

export type CheckResponse =
  | {
      readonly isAllowed: true;
      readonly headers: readonly HeaderChange[];
      readonly remove: readonly string[];
      readonly responseHeaders: readonly HeaderChange[];
    }
  | {
      readonly isAllowed: false;
      readonly status: number;
      readonly headers: readonly HeaderChange[];
      readonly body: Buffer | undefined;
    };

const FORBIDDEN = 403;

/** Null where it is no such message, or wants what cannot be done. */
export function decodeCheckResponse(bytes: Buffer): CheckResponse | null {
  const message = decodeMessage(bytes);
  const status = part(message, 1);
  const denied = part(message, 2);
  const ok = part(message, 3);
  if (!message || !status || !denied || !ok) return null;
  // Status.code 0 is OK, also where the status is left out.
  if (status.integer(1) === 0 && message.bytes(2) === undefined) {
    const headers = readHeaders(ok.all(2));
    const responseHeaders = readHeaders(ok.all(6));
    const remove = ok.all(5).map((name) => name.toString('utf8').toLowerCase());
    return headers && responseHeaders && { isAllowed: true, headers, responseHeaders, remove: remove.filter(isOpen) };
  }
  const headers = readHeaders(denied.all(2));
  const code = part(denied, 1)?.integer(1) ?? FORBIDDEN;
  return (
    headers && {
      isAllowed: false,
      status: code >= 200 && code <= 599 ? code : FORBIDDEN,
      headers,
      body: denied.bytes(3),
    }
  );
}

/** A message within another; empty where it is not there. Null: it cannot be read. */
function part(message: Message | null, field: number): Message | null {
  return message && decodeMessage(message.bytes(field) ?? Buffer.alloc(0));
}

/** Null where one of them would break the message that it is put into. */
function readHeaders(options: readonly Buffer[]): readonly HeaderChange[] | null {
  const changes: HeaderChange[] = [];
  for (const bytes of options) {
    const option = decodeMessage(bytes);
    const header = part(option, 1);
    const append = part(option, 2);
    if (!option || !header || !append) return null;
    const name = header.text(1).toLowerCase();
    const raw = header.bytes(3);
    const value = raw === undefined ? fieldValueOf(header.text(2)) : raw.toString('latin1').trim();
    if (!isOpen(name)) continue;
    if (!isFieldName(name) || !isFieldValue(value)) return null;
    // In these messages the deprecated `append` is false where it is left out.
    const action = append.integer(1) !== 0 ? 'Append' : (actions[option.integer(3)] ?? 'Overwrite');
    changes.push({ name, value, action });
  }
  return changes;
}

/** HeaderAppendAction; 0 is what stands there when nobody says anything. */
const actions: Readonly<Record<number, HeaderChange['action']>> = { 1: 'AddIfAbsent', 3: 'OverwriteIfExists' };

/** Host, pseudo-headers and the fields of the connection are not the server's to change: it is not heard. */
function isOpen(name: string): boolean {
  return name !== 'host' && !name.startsWith(':') && !isConnectionField(name);
}
