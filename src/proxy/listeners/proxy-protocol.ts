/**
 * The header by which a load balancer says whose connection it passes on (haproxy, proxy-protocol.txt, versions 1 and 2):
 * reads it and writes it. Pure; knows neither sockets nor who may be believed.
 */
import net from 'node:net';
import type { ProxyProtocolVersion } from '../../contract/gateway-config.ts';

export interface SocketName {
  /** IPv4 or IPv6, without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  /** Bytes of the header: what follows is the connection's own. */
  readonly length: number;
  /** Null: the sender speaks for itself (LOCAL, UNKNOWN), or of a family that is no IP. */
  readonly client: SocketName | null;
}

/** `none`: the first bytes are no such header. `malformed`: they begin like one. */
export type ProxyHeaderVerdict = ProxyHeader | 'needMore' | 'none' | 'malformed';

/** §2.1: what the longest line has, with its CRLF. */
const MAX_V1_BYTES = 107;
/** The address block and its TLVs; honest senders need some hundreds. */
const MAX_V2_BYTES = 4096;
const V1_START = Buffer.from('PROXY ', 'latin1');
const V2_START = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED_BYTES = 16;
/** §2.2: version 2 with its command, and family with transport. */
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

/** Decides on all bytes received so far: the same bytes get the same verdict however they were split. */
export function readProxyHeader(bytes: Buffer): ProxyHeaderVerdict {
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? 'needMore' : readV1(bytes);
  if (startsLike(bytes, V2_START)) return bytes.length < V2_FIXED_BYTES ? 'needMore' : readV2(bytes);
  return 'none';
}

/** Whether the bytes agree with the start as far as they go. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeaderVerdict {
  const text = bytes.toString('latin1', 0, MAX_V1_BYTES);
  const end = text.indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_V1_BYTES ? 'needMore' : 'malformed';
  const length = end + 2;
  const [, family, address = '', destination = '', port = '', destinationPort = '', ...rest] = text
    .slice(0, end)
    .split(' ');
  // §2.1: whatever follows UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { length, client: null };
  const isAddress = family === 'TCP4' ? net.isIPv4 : family === 'TCP6' ? isPlainV6 : null;
  const isSound = isAddress?.(address) === true && isAddress(destination) && isPort(port) && isPort(destinationPort);
  if (!isSound || rest.length > 0) return 'malformed';
  return { length, client: { address, port: Number(port) } };
}

/** Without a zone, which would mean something on the sender's machine only. */
function isPlainV6(text: string): boolean {
  return net.isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff;
}

function readV2(bytes: Buffer): ProxyHeaderVerdict {
  const command = bytes[12]!;
  const family = bytes[13]!;
  const blockBytes = bytes.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXY) || blockBytes > MAX_V2_BYTES) return 'malformed';
  const length = V2_FIXED_BYTES + blockBytes;
  if (bytes.length < length) return 'needMore';
  const addressBytes = family === TCP4 ? 4 : family === TCP6 ? 16 : 0;
  // §2.2: of LOCAL the block is skipped; other families than these say nothing that could be used here.
  if (command === LOCAL || addressBytes === 0) return { length, client: null };
  const at = V2_FIXED_BYTES;
  const portAt = at + 2 * addressBytes;
  if (length < portAt + 4) return 'malformed';
  return {
    length,
    client: { address: addressOf(bytes.subarray(at, at + addressBytes)), port: bytes.readUInt16BE(portAt) },
  };
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':');
  return new net.SocketAddress({ address: groups, family: 'ipv6' }).address;
}

/** Both ends of a connection, as they are seen here. */
export interface ConnectionEnds {
  readonly client: SocketName;
  readonly server: SocketName;
}

/** The header for a connection; null: our own. Where one end is IPv4 and the other one IPv6, both are written as IPv6. */
export function proxyHeader(version: ProxyProtocolVersion, ends: ConnectionEnds | null): Buffer {
  if (ends === null) {
    return version === 'V1'
      ? Buffer.from('PROXY UNKNOWN\r\n')
      : Buffer.concat([V2_START, Buffer.from([LOCAL, 0, 0, 0])]);
  }
  const client = endOf(ends.client);
  const server = endOf(ends.server);
  const isV4 = net.isIPv4(client.address) && net.isIPv4(server.address);
  if (version === 'V1') return writeV1({ client, server }, isV4 ? 'TCP4' : 'TCP6');
  return writeV2({ client, server }, isV4 ? TCP4 : TCP6);
}

/** A zone means nothing elsewhere, and an IPv4 client may have come to a dual-stack socket. */
function endOf({ address, port }: SocketName): SocketName {
  const plain = address.replace(/%.*$/, '');
  return { address: plain.startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain, port };
}

function writeV1({ client, server }: ConnectionEnds, family: 'TCP4' | 'TCP6'): Buffer {
  const [from, to] = [client, server].map(({ address }) =>
    family === 'TCP6' && net.isIPv4(address) ? `::ffff:${address}` : address,
  );
  return Buffer.from(`PROXY ${family} ${from} ${to} ${client.port} ${server.port}\r\n`, 'latin1');
}

function writeV2({ client, server }: ConnectionEnds, family: number): Buffer {
  const addresses = [client, server].map(({ address }) => bytesOf(address, family));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(client.port, 0);
  ports.writeUInt16BE(server.port, 2);
  const block = Buffer.concat([...addresses, ports]);
  return Buffer.concat([V2_START, Buffer.from([PROXY, family, 0, block.length]), block]);
}

/** In network order. */
function bytesOf(address: string, family: number): Buffer {
  if (family === TCP4) return Buffer.from(address.split('.').map(Number));
  // URL writes every spelling in one way: hexadecimal groups with one `::` at most.
  const text = net.isIPv4(address) ? `::ffff:${address}` : address;
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255]));
}
