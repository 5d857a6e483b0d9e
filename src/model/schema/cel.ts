/**
 * What the generated rules are written in: the functions of CEL with their meaning in Kubernetes. Integers are numbers here.
 * A value that is not there is an error, as in CEL; who runs a rule counts an error as an objection.
 */
import { isIP as ipVersion } from 'node:net';

class CelError extends Error {}

function fail(message: string): never {
  throw new CelError(message);
}

export function field(value: unknown, name: string): unknown {
  const found = (value as Record<string, unknown> | null | undefined)?.[name];
  return found === undefined ? fail(`no such field: ${name}`) : found;
}

export function has(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return fail(`no fields to look for ${name} in`);
  return (value as Record<string, unknown>)[name] !== undefined;
}

export function item(list: unknown, index: unknown): unknown {
  const found = (list as Record<string, unknown>)[index as string];
  return found === undefined ? fail(`no such item: ${String(index)}`) : found;
}

export function isTrue(value: unknown): boolean {
  return typeof value === 'boolean' ? value : fail('not a boolean');
}

export function not(value: unknown): boolean {
  return !isTrue(value);
}

/** False where either side is, even if the other one fails (CEL: "logical operators"). */
export function and(left: () => unknown, right: () => unknown): boolean {
  let first: boolean;
  try {
    first = isTrue(left());
  } catch (error) {
    if (error instanceof CelError && !isTrue(right())) return false;
    throw error;
  }
  return first && isTrue(right());
}

/** True where either side is, even if the other one fails. */
export function or(left: () => unknown, right: () => unknown): boolean {
  let first: boolean;
  try {
    first = isTrue(left());
  } catch (error) {
    if (error instanceof CelError && isTrue(right())) return true;
    throw error;
  }
  return first || isTrue(right());
}

export function isNotFalse(value: unknown): boolean {
  return value !== false;
}

export function equals(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equals(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

type Ordered = number | string;

export function isLess(a: unknown, b: unknown): boolean {
  return (a as Ordered) < (b as Ordered);
}

export function isAtMost(a: unknown, b: unknown): boolean {
  return (a as Ordered) <= (b as Ordered);
}

export function plus(a: unknown, b: unknown): unknown {
  if (Array.isArray(a) && Array.isArray(b)) return [...(a as unknown[]), ...(b as unknown[])];
  return (a as number) + (b as number);
}

export function isIn(value: unknown, container: unknown): boolean {
  if (Array.isArray(container)) return container.some((candidate) => equals(candidate, value));
  return Object.hasOwn(container as object, value as string);
}

/** Of text: in characters, not in UTF-16 units. */
export function size(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'string') return [...value].length;
  return Object.keys(value as object).length;
}

export interface Fold {
  readonly condition: (result: unknown) => unknown;
  readonly step: (result: unknown, item: unknown) => unknown;
}

/** Over the items of a list or the keys of a map. An item that fails does not matter where another one decides. */
export function fold(range: unknown, start: unknown, { condition, step }: Fold): unknown {
  let result = start;
  let failure: unknown;
  for (const value of Array.isArray(range) ? (range as unknown[]) : Object.keys(range as object)) {
    if (condition(result) !== true) return result;
    try {
      result = step(result, value);
    } catch (error) {
      if (typeof result !== 'boolean') throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined && result === start) throw failure;
  return result;
}

const patterns = new Map<string, RegExp>();

/** The patterns are upstream's own, and what they are asked about has a limited length. */
export function matches(value: unknown, pattern: unknown): boolean {
  const source = pattern as string;
  let compiled = patterns.get(source);
  if (!compiled) {
    // RE2's flag holds for all that follows it; JavaScript wants a group.
    const [before, caseless] = source.split('(?i)');
    compiled = new RegExp(caseless === undefined ? source : `${before}(?i:${caseless})`, 'u');
    patterns.set(source, compiled);
  }
  return compiled.test(value as string);
}

export function startsWith(value: unknown, start: unknown): boolean {
  return (value as string).startsWith(start as string);
}

export function endsWith(value: unknown, end: unknown): boolean {
  return (value as string).endsWith(end as string);
}

export function contains(value: unknown, part: unknown): boolean {
  return (value as string).includes(part as string);
}

export function substring(value: unknown, start: unknown, end?: unknown): string {
  return [...(value as string)].slice(start as number, end as number | undefined).join('');
}

export function split(value: unknown, separator: unknown): string[] {
  return (value as string).split(separator as string);
}

export function isIP(value: unknown): boolean {
  return ipVersion(value as string) !== 0 && !(value as string).includes('%');
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's durations, in milliseconds: only compared with each other. */
export function duration(value: unknown): number {
  const text = value as string;
  if (text === '0') return 0;
  if (!/^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return fail(`not a duration: ${text}`);
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) sum += Number(amount) * unitMs[unit!]!;
  return text.startsWith('-') ? -sum : sum;
}

/** A format says what is wrong with a text; nothing is said of a good one. */
export const format = {
  dns1123Subdomain: /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/,
};

export function dns1123Subdomain(formats: unknown): RegExp {
  return (formats as typeof format).dns1123Subdomain;
}

export function validate(pattern: unknown, value: unknown): string[] {
  const text = value as string;
  return text.length <= 253 && (pattern as RegExp).test(text) ? [] : ['is malformed'];
}

export function hasValue(messages: unknown): boolean {
  return (messages as string[]).length > 0;
}
