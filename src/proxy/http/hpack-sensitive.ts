/** Which fields never enter a dynamic table, where others who share the connection could guess them (RFC 7541 §7.1). */
import type { Field } from './fields.ts';

/** Of one user, or different each time: they would only push out what repeats. */
const volatileNames = new Set([
  ':path',
  'age',
  'content-range',
  'cookie',
  'etag',
  'expires',
  // Clients count it down to the microsecond.
  'grpc-timeout',
  'last-modified',
  'location',
  'set-cookie',
  'traceparent',
  'tracestate',
  'x-request-id',
  'if-none-match',
  'if-modified-since',
]);
const secretNames = new Set(['authorization', 'proxy-authorization']);
const marked = new WeakSet<Field>();

/** Came as a literal that is never indexed; it must leave so too (RFC 7541 §6.2.3). */
export function markNeverIndexed(field: Field): void {
  // Those of these names leave so anyway, and come with every request of many a client.
  if (!secretNames.has(field.name)) marked.add(field);
}

/** How a literal is written: its first byte, with the index of the name in the low bits. */
export const LiteralKind = { indexed: 0x40, plain: 0x00, never: 0x10 } as const;
export type LiteralKind = (typeof LiteralKind)[keyof typeof LiteralKind];

export function literalKindOf(field: Field): LiteralKind {
  if (secretNames.has(field.name) || marked.has(field)) return LiteralKind.never;
  return volatileNames.has(field.name) ? LiteralKind.plain : LiteralKind.indexed;
}
