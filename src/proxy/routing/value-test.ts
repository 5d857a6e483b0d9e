/** Tests of one match beside its path: method, header and query parameter. Knows no paths and no order of matches. */
import type { MatchConfig, ValueMatch } from '../../contract/gateway-config.ts';
import type { MatchInput } from '../runtime.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import { queryValue } from './query.ts';

const grpcType = 'application/grpc';

interface ValueTest {
  readonly name: string;
  /** Null: an expression decides. */
  readonly value: string | null;
  readonly pattern: Pattern | null;
}

/** What a request must have beside the path. */
export interface RequestTest {
  /** Only what says it is gRPC, in one of its forms, fits. */
  readonly isGrpc: boolean;
  readonly method: string | null;
  readonly headers: readonly ValueTest[];
  /** Of Host and Upgrade, which are not among the fields. */
  readonly apart: readonly ValueTest[];
  readonly query: readonly ValueTest[];
}

/** Null: every request fits. */
export function requestTest(match: MatchConfig): RequestTest | null {
  const all = (match.headers ?? []).map(headerTest);
  const headers = all.filter(({ name }) => !apart.has(name));
  const query = (match.query ?? []).map(valueTest);
  const isGrpc = match.isGrpc === true;
  if (!isGrpc && match.method === undefined && all.length === 0 && query.length === 0) return null;
  return { isGrpc, method: match.method ?? null, headers, apart: all.filter(({ name }) => apart.has(name)), query };
}

const apart: ReadonlySet<string> = new Set(['host', 'upgrade']);

function valueTest({ name, type, value }: ValueMatch): ValueTest {
  if (type === 'Exact') return { name, value, pattern: null };
  return { name, value: null, pattern: compilePattern(value) };
}

/** Field values are bytes as latin1 text, manifests are UTF-8. */
function headerTest(match: ValueMatch): ValueTest {
  const test = valueTest(match);
  if (test.value === null) return test;
  const value = Buffer.from(test.value, 'utf8').toString('latin1');
  // Names of protocols are compared without regard to case (RFC 9110 §7.8).
  return { ...test, value: match.name === 'upgrade' ? value.toLowerCase() : value };
}

export function passes(test: RequestTest, request: MatchInput): boolean {
  if (test.method !== null && test.method !== request.method) return false;
  if (test.isGrpc && !saysGrpc(request)) return false;
  for (let i = 0; i < test.headers.length; i++) {
    // All values joined: a second field must not hide behind the first.
    if (!fits(test.headers[i]!, request.headers.get(test.headers[i]!.name))) return false;
  }
  for (let i = 0; i < test.apart.length; i++) {
    const one = test.apart[i]!;
    if (!fits(one, (one.name === 'host' ? request.authority : request.upgrade) || undefined)) return false;
  }
  for (let i = 0; i < test.query.length; i++) {
    if (!fits(test.query[i]!, queryValue(request.query, test.query[i]!.name))) return false;
  }
  return true;
}

/** Media types are case-insensitive, but hardly any client writes this one otherwise. `application/grpc-web` is gRPC here too. */
function saysGrpc({ headers }: MatchInput): boolean {
  const type = headers.get('content-type');
  return type !== undefined && (type.startsWith(grpcType) || type.toLowerCase().startsWith(grpcType));
}

function fits(test: ValueTest, value: string | undefined): boolean {
  if (value === undefined) return false;
  return test.pattern === null ? value === test.value : test.pattern(value);
}
