/** GrpcWeb, a kind of our own: lets browsers call gRPC services (grpc/grpc: doc/PROTOCOL-WEB.md). CORS is the CORS filter's business. */
import type { ResponseTransform } from '../../contract/exchange.ts';
import { defineFilter } from '../../contract/filter.ts';
import type { Headers } from '../../contract/headers.ts';
import { Base64Decoder } from './base64-decoder.ts';

/** `-text` is base64, for clients that cannot read bytes; `+proto` and the like name the format of the messages. */
const webType = /^application\/grpc-web(-text)?(\+[\w.-]+)?\s*(?:;|$)/i;
const grpcType = /^application\/grpc(\+[\w.-]+)?\s*(?:;|$)/i;

export const grpcWeb = defineFilter<Record<string, never>, Record<string, never>>({
  type: 'GrpcWeb',
  spec: {
    kind: 'GrpcWeb',
    plural: 'grpcwebs',
    description: 'Lets clients of a rule speak gRPC-Web, in binary and as text, to backends that speak gRPC.',
    schema: { type: 'object', properties: {} },
  },
  supportedFeatures: [],
  summary: 'Translates between gRPC-Web and gRPC.',
  compile: () => ({ config: {} }),
  create: () => ({
    onRequest(exchange) {
      const { request } = exchange;
      const type = webType.exec(request.headers.get('content-type') ?? '');
      if (type === null) return undefined;
      const isText = type[1] !== undefined;
      request.headers.set('content-type', `application/grpc${type[2] ?? ''}`);
      // The status comes in trailers, whatever this client makes of those.
      request.takesTrailers = true;
      if (isText) exchange.transformRequest(new Base64Decoder());
      exchange.transformResponse(responseFor(request.headers.get('accept') ?? '', isText ? 'text' : 'binary'));
      return undefined;
    },
  }),
});

/** What the client asks for; otherwise as it speaks itself. */
function responseFor(accept: string, encoding: 'text' | 'binary'): ResponseTransform {
  if (/application\/grpc-web-text/i.test(accept)) return createResponse('text');
  return createResponse(/application\/grpc-web/i.test(accept) ? 'binary' : encoding);
}

function createResponse(encoding: 'text' | 'binary'): ResponseTransform {
  const infix = encoding === 'text' ? '-text' : '';
  // Padding may stand anywhere in the stream, so that nothing waits for the next byte.
  const encode = (bytes: Buffer) => (encoding === 'text' ? Buffer.from(bytes.toString('base64')) : bytes);
  return {
    onHead(headers) {
      const type = grpcType.exec(headers.get('content-type') ?? '');
      // Not gRPC: an error of something on the way, which the client understands by its status.
      if (type === null) return false;
      headers.set('content-type', `application/grpc-web${infix}${type[1] ?? '+proto'}`);
      return true;
    },
    onData: (bytes) => encode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    onEnd: (trailers) => encode(trailerFrame(trailers)),
  };
}

/** The trailers as the last message of the body: flag, length, and lines as in HTTP/1.1. They do not go as trailers then. */
function trailerFrame(trailers: Headers | null): Buffer {
  let text = '';
  for (const [name, value] of trailers?.entries() ?? []) {
    text += `${name}: ${value}\r\n`;
    trailers?.remove(name);
  }
  const frame = Buffer.alloc(5 + text.length);
  frame[0] = 0x80;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5, 'latin1');
  return frame;
}
