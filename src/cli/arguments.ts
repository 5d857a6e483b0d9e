/** Reads the values of options. Each parser throws commander's InvalidArgumentError with what was expected. */
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseAddressRange, type AddressRange } from '../controller/address-range.ts';
import type { MappedBackend } from '../controller/mapped-backends.ts';

export interface HostPort {
  /** Name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:80`, `[::1]:80`, `localhost:80`. */
export function parseHostPort(text: string): HostPort {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new InvalidArgumentError('expected ADDRESS:PORT, such as 127.0.0.1:19000 or [::1]:19000');
  }
  return { host, port: Number(port) };
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > 1024)
    throw new InvalidArgumentError('expected a number from 1 to 1024');
  return count;
}

/** Collects the values of a repeated option. */
export function parseAddress(text: string, previous: readonly string[] = []): string[] {
  const address = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) === 0) throw new InvalidArgumentError('expected an IP address, such as 127.0.0.1 or ::1');
  return [...previous, address];
}

/** Collects the values of a repeated option: `namespace/name:port=host:port`. */
export function parseBackend(text: string, previous: readonly MappedBackend[] = []): MappedBackend[] {
  const [, namespace, name, port, target] = /^([a-z\d-]+)\/([a-z\d-]+):(\d+)=(.+)$/.exec(text) ?? [];
  if (namespace === undefined || name === undefined || target === undefined || Number(port) > 65_535) {
    throw new InvalidArgumentError('expected NAMESPACE/NAME:PORT=HOST:PORT, such as default/shop:80=127.0.0.1:3000');
  }
  return [...previous, { namespace, name, port: Number(port), target: parseHostPort(target) }];
}

/** `10.0.0.0/24` or `10.0.0.10-10.0.0.20`. */
export function parseAddressPool(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (range === null)
    throw new InvalidArgumentError('expected IPv4 addresses, such as 127.1.0.0/16 or 192.168.1.10-192.168.1.20');
  return range;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A Gateway API duration (GEP-2257): `60s`, `1m30s`, `500ms`. */
export function parseDurationMs(text: string): number {
  if (!/^(\d{1,5}(h|m|s|ms)){1,4}$/.test(text))
    throw new InvalidArgumentError('expected a duration, such as 60s or 1m30s');
  const parts = text.matchAll(/(\d+)(ms|[hms])/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit!]!, 0);
}
