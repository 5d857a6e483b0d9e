/** Trailer sections of both directions (RFC 9110 §6.5, RFC 9113 §8.1). Knows no stream. */
import { FieldList, type Field } from './fields.ts';
import { HpackRole } from './hpack-entry.ts';
import type { HeaderBlock } from './hpack-decoder.ts';

/** What must not be merged into a head by anybody: framing, routing, authentication, and what says who the client is. */
const refusedNames = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'trailer',
  'content-type',
  'content-encoding',
  'content-range',
  'cache-control',
]);

/** No pseudo-field, nothing malformed, within the limits. */
export function areTrailers(block: HeaderBlock): boolean {
  if (block.isTooLarge) return false;
  for (const { role } of block.entries) {
    if (role >= HpackRole.method && role <= HpackRole.connectionSpecific) return false;
    if (role === HpackRole.malformed) return false;
  }
  return true;
}

/** The fields that may be passed on; null: none. */
export function trailersOf(block: HeaderBlock | null): FieldList | null {
  if (block === null) return null;
  const fields: Field[] = [];
  for (const { field, role } of block.entries) {
    const isPassedOn = role === HpackRole.regular || role === HpackRole.padded;
    if (isPassedOn && field.kind === 0 && !refusedNames.has(field.name)) fields.push(field);
  }
  return fields.length === 0 ? null : new FieldList(fields, null, false);
}
