/** One call of each kind to a Gateway, as its clients make them; each resolves to what came back. Node's modules only. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { IncomingMessage, RequestOptions } from 'node:http';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';

const limitMs = 5000;

/** The body; rejects unless the answer is 200 and whole. */
export function get(host: string, options: RequestOptions = {}): Promise<string> {
  return read(http.get({ host, port: 80, path: '/smoke', timeout: limitMs, ...options }));
}

/** The same over TLS, with this certificate trusted and nothing else. */
export function getSecurely(host: string, ca: Buffer): Promise<string> {
  const name = 'smoke.test';
  const headers = { host: name };
  const tls = { ca, servername: name, agent: false as const };
  return read(https.get({ host, port: 443, path: '/smoke', timeout: limitMs, headers, ...tls }));
}

async function read(request: http.ClientRequest): Promise<string> {
  request.on('timeout', () => request.destroy(new Error(`no answer in ${limitMs} ms`)));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  response.setEncoding('utf8');
  for await (const part of response) body += String(part);
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${body.trim()}`);
  return body;
}

/** A session for `call`; it has its errors told to nobody, since calls have them too. */
export function openSession(host: string): http2.ClientHttp2Session {
  const session = http2.connect(`http://${host}:80`);
  session.on('error', () => {});
  return session;
}

/** A unary gRPC call with this text as its message; the message that came back. */
export async function call(session: http2.ClientHttp2Session, text: string): Promise<string> {
  const message = Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/headgate.Smoke/Say',
    ':authority': 'grpc.smoke.test',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.setTimeout(limitMs, () => stream.close(http2.constants.NGHTTP2_CANCEL));
  let head: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (headers) => (head = headers));
  stream.on('trailers', (headers) => (trailers = headers));
  stream.end(Buffer.concat([prefix, message]));
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  const status = trailers['grpc-status'] ?? head['grpc-status'];
  if (status !== '0') throw new Error(`HTTP ${Number(head[':status'])}, grpc-status ${String(status)}`);
  return Buffer.concat(parts).subarray(5).toString();
}

/** Sent over a connection of its own, which is then half closed; what came until the other side had closed too. */
export async function sendBytes(host: string, text: string): Promise<string> {
  const socket = net.connect({ host, port: 7000, timeout: limitMs });
  socket.on('timeout', () => socket.destroy(new Error(`no answer in ${limitMs} ms`)));
  socket.end(text);
  let all = '';
  for await (const part of socket) all += String(part);
  return all;
}

/** A datagram, and the one that came back. It is not sent again: on the way there is nothing that loses one. */
export async function sendDatagram(host: string, text: string): Promise<string> {
  const socket = dgram.createSocket('udp4');
  try {
    socket.send(text, 7000, host);
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(limitMs) })) as [Buffer];
    return answer.toString();
  } finally {
    socket.close();
  }
}
