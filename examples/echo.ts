/** The backend of the examples: says who it is and what it was asked, over HTTP/1.1 and WebSocket. Knows nothing of Headgate. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';

export interface EchoOptions {
  /** What it calls itself in every answer. */
  readonly name: string;
  readonly port: number;
  readonly address: string;
  /** Called for each request, mirrored ones too. */
  readonly onRequest?: (line: string) => void;
}

/** Starts the backend; resolves once it listens. */
export function startEcho(options: EchoOptions): Promise<Server> {
  const server = createServer((request, response) => {
    const line = `${options.name} ${request.method} ${request.url}`;
    options.onRequest?.(line);
    request.resume();
    request.on('end', () => {
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.end([line, ...notableHeaders(request), ''].join('\n'));
    });
  });
  // Longer than any gateway keeps idle connections, so that it is the gateway who closes them.
  server.keepAliveTimeout = 120_000;
  server.on('upgrade', (request, socket, head) => {
    options.onRequest?.(`${options.name} WEBSOCKET ${request.url}`);
    acceptWebSocket(request, socket);
    echoFrames(socket, head);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, () => resolve(server));
  });
}

/** The host and the headers of the application's own: not what clients and gateways add by themselves. */
function notableHeaders(request: IncomingMessage): string[] {
  const own = Object.entries(request.headers).filter(([name]) => /^x-(?!forwarded-|real-ip|request-id)/.test(name));
  return [`host: ${request.headers.host}`, ...own.map(([name, value]) => `${name}: ${String(value)}`)];
}

function acceptWebSocket(request: IncomingMessage, socket: Duplex): void {
  // RFC 6455 §1.3: the key with this GUID, hashed, proves that the server speaks WebSocket.
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.on('error', () => socket.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

/** Sends every frame back unmasked (RFC 6455 §5.2); a close frame ends the connection. */
function echoFrames(socket: Duplex, head: Buffer): void {
  let rest = head;
  const take = (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    for (let frame = readFrame(rest); frame; frame = readFrame(rest)) {
      rest = rest.subarray(frame.size);
      socket.write(frame.answer);
      if (frame.isClose) socket.end();
    }
  };
  socket.on('data', take);
  socket.on('end', () => socket.end());
  take(Buffer.alloc(0));
}

function readFrame(bytes: Buffer): { size: number; answer: Buffer; isClose: boolean } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + lengthBytes + 4;
  if (bytes.length < start) return null;
  const length =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + length) return null;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + length).map((byte, i) => byte ^ mask[i % 4]!));
  const header = Buffer.from(bytes.subarray(0, 2 + lengthBytes));
  header[1] = short;
  return { size: start + length, answer: Buffer.concat([header, payload]), isClose: (bytes[0]! & 0x0f) === 8 };
}
