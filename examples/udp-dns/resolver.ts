/** The backend: a DNS server with a few names of its own (RFC 1035). Knows nothing of Headgate. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Backend } from '../backends.ts';
import type { EchoOptions } from '../echo.ts';

const addresses: Readonly<Record<string, string>> = {
  'api.shop.example': '192.0.2.10',
  'www.shop.example': '192.0.2.20',
};

const HEADER_BYTES = 12;
const TYPE_A = 1;
/** QR and AA; the client's RD is copied. */
const ANSWER = 0x8400;
const NAME_ERROR = 3;

/** Resolves once it listens. */
export async function startBackend({ port, address }: EchoOptions): Promise<Backend> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = answerTo(query);
    if (answer !== null) socket.send(answer, from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  return { closeAllConnections() {}, close: () => socket.close() };
}

/** Null for what is no query. */
function answerTo(query: Buffer): Buffer | null {
  if (query.length < HEADER_BYTES || query.readUInt16BE(2) >> 15 !== 0) return null;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = at + 3 <= query.length ? query.readUInt16BE(at + 1) : 0;
  const address = addresses[labels.join('.').toLowerCase()];
  const records = type === TYPE_A && address !== undefined ? [recordOf(address)] : [];
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(ANSWER | (query.readUInt16BE(2) & 0x0100) | (address === undefined ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(HEADER_BYTES, at + 5), ...records]);
}

/** Its name is the question's (RFC 1035 §4.1.4); it may be kept for a minute. */
function recordOf(address: string): Buffer {
  const name = [0xc0, HEADER_BYTES];
  return Buffer.from([...name, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]);
}
