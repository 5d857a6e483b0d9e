/** Ranges of IPv4 addresses as people write them. Knows nothing of who gets one. */
import { isIPv4 } from 'node:net';

/** Both ends belong to it; addresses as numbers. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** `10.0.0.0/24`, of which the first and the last address are left out, or `10.0.0.10-10.0.0.20`; null: neither. */
export function parseAddressRange(text: string): AddressRange | null {
  const [, base, bits] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  if (base !== undefined) {
    const number = numberOf(base);
    if (number === null || Number(bits) > 32) return null;
    const size = 2 ** (32 - Number(bits));
    const first = Math.floor(number / size) * size;
    // Network and broadcast address, where there are such (RFC 3021).
    const edge = size > 2 ? 1 : 0;
    return { first: first + edge, last: first + size - 1 - edge };
  }
  const [from = '', to = from] = text.split('-');
  const first = numberOf(from);
  const last = numberOf(to);
  return first === null || last === null || last < first ? null : { first, last };
}

/** Null: not an IPv4 address. */
export function numberOf(address: string): number | null {
  if (!isIPv4(address)) return null;
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function addressAt(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
