/** Sets, adds and removes header fields: what the request's and the response's modifier have in common. Knows no exchange. */
import type { Headers } from '../contract/headers.ts';
import type { Problem } from '../contract/problem.ts';
import { fieldValueOf, isConnectionField, isFieldName, isFieldValue } from './field-text.ts';

/** HTTPHeaderFilter of the Gateway API. */
export interface HeaderModifierSpec {
  readonly set?: readonly HeaderSpec[];
  readonly add?: readonly HeaderSpec[];
  readonly remove?: readonly string[];
}

export interface HeaderSpec {
  readonly name: string;
  readonly value: string;
}

type Pair = readonly [name: string, value: string];

export interface HeaderModifierConfig {
  readonly set: readonly Pair[];
  readonly add: readonly Pair[];
  readonly remove: readonly string[];
}

/** Names and values ready to be sent, or the first mistake. Of several entries with one name the first counts (Gateway API). */
export function compileHeaderModifier(
  spec: HeaderModifierSpec,
): { readonly config: HeaderModifierConfig } | { readonly problem: Problem } {
  const { set = [], add = [], remove = [] } = spec;
  for (const { name, value } of [...set, ...add]) {
    const fault = nameFault(name) ?? valueFault(name, value);
    if (fault !== null) return { problem: { reason: 'UnsupportedValue', message: fault } };
  }
  for (const name of remove) {
    const fault = nameFault(name);
    if (fault !== null) return { problem: { reason: 'UnsupportedValue', message: fault } };
  }
  return { config: { set: firstOfName(set), add: firstOfName(add), remove } };
}

function nameFault(name: string): string | null {
  const lower = name.toLowerCase();
  if (!isFieldName(name)) return `${JSON.stringify(name)} is not a header name`;
  if (lower === 'host') return 'header Host cannot be modified, use a URLRewrite filter with hostname';
  return isConnectionField(lower) ? `header ${name} belongs to the connection and cannot be modified` : null;
}

function valueFault(name: string, value: string): string | null {
  return isFieldValue(value) ? null : `the value of header ${name} holds a control character`;
}

function firstOfName(specs: readonly HeaderSpec[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { name, value } of specs) {
    const lower = name.toLowerCase();
    if (!pairs.has(lower)) pairs.set(lower, [name, fieldValueOf(value)]);
  }
  return [...pairs.values()];
}

/** Removes first, as Envoy does, so that what is set and added is there in the end. */
export function modifyHeaders(headers: Headers, { set, add, remove }: HeaderModifierConfig): void {
  for (const name of remove) headers.remove(name);
  for (const [name, value] of set) headers.set(name, value);
  for (const [name, value] of add) headers.add(name, value);
}
