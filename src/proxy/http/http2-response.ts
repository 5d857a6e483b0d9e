/** From the fields of an HTTP/2 response to its head (RFC 9113 §8.2, §8.3.2). Pure; knows no stream. */
import { type Field, FieldList } from './fields.ts';
import { parseDecimal } from './head-grammar.ts';
import type { HeaderBlock } from './hpack-decoder.ts';
import { HpackRole } from './hpack-entry.ts';

export interface Http2ResponseHead {
  readonly status: number;
  readonly headers: FieldList;
  /** -1: none. */
  readonly contentLength: number;
}

/** Null: malformed or beyond the limits. */
export function readResponseHead(block: HeaderBlock): Http2ResponseHead | null {
  if (block.isTooLarge) return null;
  let status = 0;
  let contentLength = -1;
  let isRegular = false;
  const fields: Field[] = [];
  for (const { role, field } of block.entries) {
    switch (role) {
      case HpackRole.regular:
      case HpackRole.padded:
      case HpackRole.cookie:
      case HpackRole.expect:
        isRegular = true;
        fields.push(field);
        break;
      case HpackRole.status:
        if (status !== 0 || isRegular || !isStatus(field.value)) return null;
        status = Number(field.value);
        break;
      case HpackRole.contentLength:
        isRegular = true;
        if (contentLength >= 0) return null;
        contentLength = parseDecimal(field.value);
        if (contentLength < 0) return null;
        break;
      case HpackRole.host:
      case HpackRole.dropped:
        isRegular = true;
        break;
      default:
        return null;
    }
  }
  return status === 0 ? null : { status, headers: new FieldList(fields, null, true), contentLength };
}

/** Three digits, 100 to 599 (RFC 9110 §15). */
function isStatus(value: string): boolean {
  if (value.length !== 3 || parseDecimal(value) < 0) return false;
  const first = value.charCodeAt(0) - 0x30;
  return first >= 1 && first <= 5;
}
