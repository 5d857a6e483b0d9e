/**
 * What gRPC means to a proxy: its content type, codes, messages and time-outs (grpc/grpc: doc/PROTOCOL-HTTP2.md,
 * doc/http-grpc-status-mapping.md). Pure; knows no exchange.
 */
import type { Headers } from '../contract/headers.ts';

/** The codes that are spoken of here (grpc/grpc: doc/statuscodes.md). */
export const GrpcCode = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** `application/grpc`, with or without `+proto` or parameters; gRPC-Web is another type. */
export function isGrpcType(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const text = contentType.slice(0, 17).toLowerCase();
  if (!text.startsWith('application/grpc')) return false;
  return text.length === 16 || text[16] === '+' || text[16] === ';' || text[16] === ' ';
}

/** The code that stands for an answer of our own with this status of 400 or above. */
export function codeOfStatus(status: number): number {
  switch (status) {
    case 401:
      return GrpcCode.unauthenticated;
    case 403:
      return GrpcCode.permissionDenied;
    // Not served here: the method, or by this connection.
    case 404:
    case 405:
    case 421:
    case 501:
      return GrpcCode.unimplemented;
    case 413:
    case 414:
    case 431:
      return GrpcCode.resourceExhausted;
    case 429:
    case 502:
    case 503:
      return GrpcCode.unavailable;
    // The mapping says UNAVAILABLE, for statuses of which nobody knows who made them. We do.
    case 408:
    case 504:
      return GrpcCode.deadlineExceeded;
    case 400:
    case 500:
      return GrpcCode.internal;
    default:
      return GrpcCode.unknown;
  }
}

/** Statuses by code, as google.rpc.Code names them. */
const statuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** What retry rules, which speak of HTTP statuses, understand of a code. */
export function statusOfCode(code: number): number {
  return statuses[code] ?? 500;
}

/** What a client would make of the HTTP/2 error code with which a backend ended the stream ("Errors"). */
export function codeOfReset(errorCode: number): number {
  switch (errorCode) {
    case 0x7:
      return GrpcCode.unavailable;
    case 0x8:
      return GrpcCode.cancelled;
    case 0xb:
      return GrpcCode.resourceExhausted;
    case 0xc:
      return GrpcCode.permissionDenied;
    default:
      return GrpcCode.internal;
  }
}

/** The code in a head or in trailers; -1: there is none. Whoever sends none that can be read says UNKNOWN. */
export function grpcStatusIn(fields: Headers | null): number {
  const text = fields?.get('grpc-status');
  if (text === undefined) return -1;
  if (text === '0') return 0;
  const code = /^\d{1,2}$/.test(text) ? Number(text) : GrpcCode.unknown;
  return code < statuses.length ? code : GrpcCode.unknown;
}

/** Milliseconds by unit. */
const units = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/** A `grpc-timeout` in milliseconds, fractions too; null: it breaks the grammar (`TimeoutValue TimeoutUnit`, eight digits at most). */
export function parseTimeout(text: string): number | null {
  const last = text.length - 1;
  const unit = units.get(text.charAt(last));
  if (unit === undefined || last < 1 || last > 8) return null;
  let value = 0;
  for (let i = 0; i < last; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  return value * unit;
}

/** `grpc-message`: UTF-8, of which all but printable ASCII is percent-encoded, and `%` too. */
export function encodeMessage(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/gu, (part) => {
    let encoded = '';
    for (const byte of Buffer.from(part)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}
