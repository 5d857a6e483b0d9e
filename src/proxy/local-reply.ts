/** Our own answers: which code, text and reason each failure has, and how an answer becomes fields and a body. */
import type { LocalReply } from '../contract/exchange.ts';
import type { ExchangeRun } from './exchange.ts';
import { codeOfReset, codeOfStatus, encodeMessage, GrpcCode, isGrpcType } from './grpc.ts';
import { Field, FieldList } from './http/fields.ts';
import type { UpstreamError } from './http/streams.ts';

/** Answers of forwarding itself. The reason is what access logs and metrics show; each text says whose turn it is. */
export const replies = {
  badTarget: { status: 400, reason: 'BadTarget', body: 'bad request: the path is not valid\n' },
  badBody: { status: 400, reason: 'BadBody', body: 'bad request: the body is not valid\n' },
  misdirected: {
    status: 421,
    reason: 'Misdirected',
    body: 'misdirected request: this host is served on another connection\n',
  },
  noListener: { status: 404, reason: 'NoListener', body: 'not found: no listener serves this host\n' },
  noRoute: { status: 404, reason: 'NoRoute', body: 'not found: no route matches this request\n' },
  // GRPCRoute, backendRefs: calls of an invalid reference get UNAVAILABLE.
  noBackend: {
    status: 500,
    reason: 'NoBackend',
    body: 'the route has no backend for this request\n',
    grpcStatus: GrpcCode.unavailable,
  },
  filterFailed: { status: 500, reason: 'FilterFailed', body: 'the request could not be processed\n' },
  badGrpcTimeout: { status: 400, reason: 'BadGrpcTimeout', body: 'grpc-timeout is not valid\n' },
  needsHttp2: { status: 505, reason: 'GrpcNeedsHttp2', body: 'gRPC needs HTTP/2, or trailers\n' },
  noEndpoint: { status: 503, reason: 'NoEndpoint', body: 'no endpoint of the backend is ready\n' },
  overloaded: { status: 503, reason: 'Overloaded', body: 'the gateway has no memory for this request now\n' },
  overflow: { status: 503, reason: 'Overflow', body: 'too many requests wait for the backend\n' },
  requestTimeout: { status: 504, reason: 'RequestTimeout', body: 'the request took too long\n' },
  backendTimeout: { status: 504, reason: 'BackendRequestTimeout', body: 'the backend took too long\n' },
} as const satisfies Record<string, LocalReply>;

const unreachable = 'the backend cannot be reached\n';
const broken = 'the backend broke off its answer\n';

const upstreamReplies = {
  Connect: { status: 503, reason: 'ConnectFailed', body: unreachable },
  ConnectTimeout: { status: 503, reason: 'ConnectTimeout', body: unreachable },
  Tls: { status: 503, reason: 'BackendTlsFailed', body: unreachable },
  RefusedStream: { status: 503, reason: 'BackendRefusedStream', body: 'the backend refused the request\n' },
  Closed: { status: 502, reason: 'BackendClosed', body: broken },
  Reset: { status: 502, reason: 'BackendReset', body: broken },
  Protocol: { status: 502, reason: 'BackendProtocolError', body: 'the backend sent an invalid answer\n' },
} as const satisfies Record<UpstreamError['kind'], LocalReply>;

/** What the client gets when no further try is made. */
export function replyToUpstreamError({ kind, resetCode }: UpstreamError): LocalReply {
  const reply = upstreamReplies[kind];
  return resetCode === undefined ? reply : { ...reply, grpcStatus: codeOfReset(resetCode) };
}

/** The client is owed a gRPC status, and can get one: over HTTP/1.1 only if it takes trailers. */
export function isGrpcCall({ head, takesTrailers }: ExchangeRun): boolean {
  return (head.version === '2' || takesTrailers) && isGrpcType(head.headers.get('content-type'));
}

/** A filter may answer with a page; a field must fit a client's limits. */
const MAX_MESSAGE_CHARS = 1024;

/** `grpc-status` and `grpc-message` of a reply of 400 or above. */
export function grpcTrailersOf(reply: LocalReply): readonly (readonly [name: string, value: string])[] {
  const text = typeof reply.body === 'string' ? reply.body.slice(0, MAX_MESSAGE_CHARS).trimEnd() : reply.reason;
  const message = encodeMessage(text);
  return [
    ['grpc-status', String(grpcStatusOf(reply))],
    ['grpc-message', message],
  ];
}

export function grpcStatusOf(reply: LocalReply): number {
  return reply.grpcStatus ?? codeOfStatus(reply.status);
}

/** What a gRPC client gets in place of a reply of 400 or above: a head that is the trailers too (PROTOCOL-HTTP2, "Responses"). */
export function grpcReplyOf(reply: LocalReply): LocalReply {
  const rest = (reply.headers ?? []).filter(([name]) => name.toLowerCase() !== 'content-type');
  return {
    status: 200,
    reason: reply.reason,
    headers: [['content-type', 'application/grpc'], ...grpcTrailersOf(reply), ...rest],
  };
}

const plainText = new Field('content-type', 'text/plain; charset=utf-8', 'Content-Type: text/plain; charset=utf-8\r\n');
/** A stranger's request must not be sniffed into something else by a browser (our texts may name its host). */
const noSniff = new Field('x-content-type-options', 'nosniff', 'X-Content-Type-Options: nosniff\r\n');

let dateField = new Field('date', '');
let dateSecond = 0;

/** RFC 9110 §6.6.1: who makes an answer dates it. */
function currentDate(): Field {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    const text = new Date(second * 1000).toUTCString();
    dateField = new Field('date', text, `Date: ${text}\r\n`);
  }
  return dateField;
}

/** The fields of a reply, without framing. */
export function fieldsOf(reply: LocalReply): FieldList {
  const fields = new FieldList();
  fields.append(currentDate());
  if (reply.body !== undefined) {
    fields.append(plainText);
    fields.append(noSniff);
  }
  for (const [name, value] of reply.headers ?? []) {
    if (name.toLowerCase() === 'content-type') fields.set(name, value);
    else fields.add(name, value);
  }
  return fields;
}
