/** A probe by the gRPC health protocol (grpc/grpc doc/health-checking.md). Knows no connections. */
import { decodeMessage, encodeMessage } from '../../lib/protobuf.ts';
import { type PartOfAnswer, type Question, type QuestionTarget, requestWith } from './question.ts';

/** A flag for compression, and the length of the message. */
const PREFIX_BYTES = 5;
/** `HealthCheckResponse.ServingStatus`. */
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** An empty service asks about the server as a whole. */
export function grpcQuestion(service: string, at: QuestionTarget): Question {
  const message = encodeMessage([[1, service]]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  const body = Buffer.concat([prefix, message]);
  const options = { ...at, method: 'POST', target: '/grpc.health.v1.Health/Check', bodyLength: body.length };
  return {
    request: requestWith(
      { ...options, takesTrailers: true },
      { 'content-type': 'application/grpc', 'user-agent': 'headgate-probe' },
    ),
    body,
    judge: (answer) => judge(answer, service),
  };
}

function judge({ status, headers, body, trailers }: PartOfAnswer, service: string): string | null | undefined {
  if (status !== 200) return `the gRPC health check was answered with HTTP status ${status}`;
  if (trailers === undefined) return undefined;
  // Without a message, the status comes in the head.
  const code = (trailers ?? headers).get('grpc-status') ?? headers.get('grpc-status');
  if (code === '12') return 'it has no gRPC health service (grpc-status 12)';
  if (code === '5')
    return `its gRPC health service does not know ${service || 'the server as a whole'} (grpc-status 5)`;
  if (code !== '0') return `the gRPC health check ended with grpc-status ${code ?? '(none)'}`;
  const answer = messageIn(body);
  if (!answer) return 'the answer to the gRPC health check is none';
  const serving = answer.integer(1);
  return serving === 1 ? null : `gRPC health: ${servingStatuses[serving] ?? serving}`;
}

function messageIn(body: Buffer): ReturnType<typeof decodeMessage> {
  if (body.length < PREFIX_BYTES || body[0] !== 0) return null;
  if (body.readUInt32BE(1) !== body.length - PREFIX_BYTES) return null;
  return decodeMessage(body.subarray(PREFIX_BYTES));
}
