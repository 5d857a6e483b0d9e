/**
 * Reads what a TLS client asks for, before anything is answered: server name and protocols (RFC 8446 §4.1.2, RFC 6066 §3,
 * RFC 7301). Pure; knows neither sockets nor listeners. What it does not know (ECH, GREASE, new extensions) it skips.
 */

export interface ClientHello {
  /** Lower case, without a trailing dot; empty: the client named none. */
  readonly serverName: string;
  /** What it offers by ALPN, in its order. */
  readonly protocols: readonly string[];
}

/** `notTls`: the first bytes are no TLS record. `malformed`: they are, but no ClientHello that can be understood. */
export type HelloVerdict = ClientHello | 'needMore' | 'notTls' | 'malformed';

/** Of the handshake message, with its header. OpenSSL takes 128 KiB; honest clients send a few. */
export const MAX_HELLO_BYTES = 64 * 1024;
/** Honest clients need a handful. */
const MAX_RECORDS = 1024;

const HANDSHAKE = 22;
const SSL_MAJOR_VERSION = 3;
const RECORD_HEADER = 5;
/** RFC 8446 §5.1. */
const MAX_RECORD_BYTES = 16 * 1024;
const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER = 4;
const VERSION_AND_RANDOM_BYTES = 34;
/** Types of extensions, and of a server name. */
const SERVER_NAME = 0;
const ALPN = 16;
const HOST_NAME = 0;
const MAX_NAME_BYTES = 255;

/** Decides on all bytes received so far. The same bytes get the same verdict however they were split. */
export function readClientHello(bytes: Buffer): HelloVerdict {
  if (!isRecordStart(bytes, 0)) return 'notTls';
  const message = gatherMessage(bytes);
  return typeof message === 'string' ? message : (readMessage(message) ?? 'malformed');
}

/** The body of the ClientHello, out of one record or several; looked at anew with each packet, so it walks and copies nothing. */
function gatherMessage(bytes: Buffer): Buffer | 'needMore' | 'malformed' {
  const header = [];
  const parts: Buffer[] = [];
  let wanted = HANDSHAKE_HEADER;
  let gathered = 0;
  for (let at = 0; parts.length < MAX_RECORDS;) {
    if (!isRecordStart(bytes, at)) return 'malformed';
    if (bytes.length - at < RECORD_HEADER) return 'needMore';
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_RECORD_BYTES) return 'malformed';
    const part = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    for (let i = 0; i < part.length && header.length < HANDSHAKE_HEADER; i++) header.push(part[i]!);
    parts.push(part);
    gathered += part.length;
    if (header.length > 0 && header[0] !== CLIENT_HELLO) return 'malformed';
    if (header.length === HANDSHAKE_HEADER) {
      wanted = HANDSHAKE_HEADER + ((header[1]! << 16) | (header[2]! << 8) | header[3]!);
      if (wanted > MAX_HELLO_BYTES) return 'malformed';
      if (gathered >= wanted) return joined(parts).subarray(HANDSHAKE_HEADER, wanted);
    }
    if (part.length < length) return 'needMore';
    at += RECORD_HEADER + length;
  }
  return 'malformed';
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** As far as there are bytes: a handshake record of SSL 3 or any TLS (the version there is not the one that is meant). */
function isRecordStart(bytes: Buffer, at: number): boolean {
  return (
    (at >= bytes.length || bytes[at] === HANDSHAKE) && (at + 1 >= bytes.length || bytes[at + 1] === SSL_MAJOR_VERSION)
  );
}

/** Null: malformed. */
function readMessage(message: Buffer): ClientHello | null {
  const cursor = new Cursor(message);
  cursor.skip(VERSION_AND_RANDOM_BYTES);
  cursor.vector(1);
  const ciphers = cursor.vector(2);
  const compressions = cursor.vector(1);
  if (cursor.isBroken || ciphers.left < 2 || compressions.left < 1) return null;
  // TLS 1.2 allows a hello without extensions.
  if (cursor.left === 0) return { serverName: '', protocols: [] };
  const extensions = cursor.vector(2);
  if (cursor.isBroken || cursor.left !== 0) return null;
  return readExtensions(extensions);
}

function readExtensions(extensions: Cursor): ClientHello | null {
  let serverName: string | null = null;
  let protocols: readonly string[] | null = null;
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (extensions.isBroken) return null;
    if (type === SERVER_NAME) {
      // None may come twice (RFC 8446 §4.2): two readers might take different ones.
      if (serverName !== null) return null;
      serverName = readServerName(body);
      if (serverName === null) return null;
    } else if (type === ALPN) {
      if (protocols !== null) return null;
      protocols = readProtocols(body);
      if (protocols === null) return null;
    }
  }
  return { serverName: serverName ?? '', protocols: protocols ?? [] };
}

/** RFC 6066 §3. There is one name in practice: no other type than host_name was ever defined. */
function readServerName(body: Cursor): string | null {
  const list = body.vector(2);
  if (body.isBroken || body.left !== 0 || list.number(1) !== HOST_NAME) return null;
  const name = list.vector(2).latin1();
  if (list.isBroken || list.left !== 0 || name.length > MAX_NAME_BYTES || !/^[!-~]+$/.test(name)) return null;
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** RFC 7301 §3.1. */
function readProtocols(body: Cursor): readonly string[] | null {
  const list = body.vector(2);
  if (body.isBroken || body.left !== 0 || list.left === 0) return null;
  const protocols: string[] = [];
  while (list.left > 0) {
    const protocol = list.vector(1).latin1();
    if (list.isBroken || protocol === '') return null;
    protocols.push(protocol);
  }
  return protocols;
}

/** Reads on through bytes; whatever is not there is empty or 0, and it is broken from then on. */
class Cursor {
  isBroken = false;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Big-endian, of so many bytes. */
  number(length: number): number {
    const from = this.#take(length);
    return this.isBroken ? 0 : this.#bytes.readUIntBE(from, length);
  }

  /** What stands behind its length, which has so many bytes. */
  vector(lengthBytes: number): Cursor {
    const length = this.number(lengthBytes);
    const from = this.#take(length);
    return new Cursor(this.isBroken ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(from, from + length));
  }

  latin1(): string {
    return this.#bytes.toString('latin1', this.#at);
  }

  #take(length: number): number {
    const from = this.#at;
    if (length > this.left) this.isBroken = true;
    else this.#at += length;
    return from;
  }
}
