/** One HTTP/1.1 request on a connection of its own, over TCP or TLS, byte for byte as it is given. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';

export interface AskOptions {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly isTls: boolean;
  /** The Host, and the SNI. */
  readonly host: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Latin1 text; its length is sent along. Absent: none. */
  readonly body?: string | undefined;
  /** The name of a client certificate in test/certificates. */
  readonly certificate?: string | undefined;
}

export interface Answer {
  readonly status: number;
  /** By lower-case name; several values are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Rejects where the connection fails, or ends before a whole answer. */
export async function ask({
  port,
  isTls,
  host,
  method = 'GET',
  path,
  headers = {},
  body,
  certificate,
}: AskOptions): Promise<Answer> {
  const servername = host.replace(/:\d+$/, '');
  const socket = isTls
    ? tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false, ...clientCertificate(certificate) })
    : net.connect(port, '127.0.0.1');
  const all = body === undefined ? headers : { 'Content-Length': String(body.length), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines.join('')}\r\n`;
  socket.write(head + (body ?? ''), 'latin1');
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
  await once(socket, 'end');
  socket.destroy();
  return parse(text);
}

function parse(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no whole answer: ${JSON.stringify(text)}`);
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const headers = new Map<string, string>();
  for (const field of fields) {
    const colon = field.indexOf(':');
    const name = field.slice(0, colon).toLowerCase();
    const value = field.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const raw = text.slice(end + 4);
  return {
    status: Number(line.split(' ')[1]),
    headers,
    body: headers.get('transfer-encoding') === 'chunked' ? dechunk(raw) : raw,
  };
}

function dechunk(text: string): string {
  const lineEnd = text.indexOf('\r\n');
  const size = Number.parseInt(text, 16);
  if (!(size > 0)) return '';
  return text.slice(lineEnd + 2, lineEnd + 2 + size) + dechunk(text.slice(lineEnd + 4 + size));
}

function clientCertificate(name: string | undefined): tls.ConnectionOptions {
  if (name === undefined) return {};
  const read = (end: string) => readFileSync(join(import.meta.dirname, 'certificates', `${name}.${end}`));
  return { cert: read('crt'), key: read('key') };
}
