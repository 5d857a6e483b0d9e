/** Sets, adds and removes header fields: what the request's and the response's modifier have in common. Knows no exchange. */
import type { Headers } from '../contract/headers.ts';
import type { Problem } from '../contract/problem.ts';

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

const token = /^[\w!#$%&'*+.^`|~-]+$/;
// oxlint-disable-next-line no-control-regex -- these are what is looked for: a value must not begin a line of its own
const control = /[\x00-\x08\x0a-\x1f\x7f]/;
/** Fields by which messages are framed and connections kept (RFC 9110 §7.6.1): the proxy's own, on each side. */
const ownFields: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

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
  if (!token.test(name)) return `${JSON.stringify(name)} is not a header name`;
  if (lower === 'host') return 'header Host cannot be modified, use a URLRewrite filter with hostname';
  return ownFields.has(lower) ? `header ${name} belongs to the connection and cannot be modified` : null;
}

function valueFault(name: string, value: string): string | null {
  return control.test(value) ? `the value of header ${name} holds a control character` : null;
}

/** Manifests are UTF-8, field values are bytes as latin1 text without surrounding white space. */
function firstOfName(specs: readonly HeaderSpec[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { name, value } of specs) {
    const lower = name.toLowerCase();
    if (!pairs.has(lower)) pairs.set(lower, [name, Buffer.from(value.trim(), 'utf8').toString('latin1')]);
  }
  return [...pairs.values()];
}

/** Removes first, as Envoy does, so that what is set and added is there in the end. */
export function modifyHeaders(headers: Headers, { set, add, remove }: HeaderModifierConfig): void {
  for (const name of remove) headers.remove(name);
  for (const [name, value] of set) headers.set(name, value);
  for (const [name, value] of add) headers.add(name, value);
}
