/** A client of raw bytes over TCP or TLS that keeps what came back, and reads answers out of it. Knows nothing of the proxy's codecs. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { chunkedEnd } from './recording-backend.ts';

export interface WireAnswer {
  readonly status: number;
  /** By lower-case name; several values are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** Chunks are left as they came. */
  readonly body: string;
  /** Ends as it announced (one without framing: by the end of the connection). */
  readonly isWhole: boolean;
}

export interface WireClientOptions {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Absent: in the clear. */
  readonly serverName?: string;
  readonly protocols?: readonly string[];
}

export class WireClient {
  readonly socket: net.Socket;
  /** Everything that came back, as latin1. */
  received = '';
  /** The proxy ended its side in order. */
  isEnded = false;
  isClosed = false;
  /** Such as ECONNRESET. */
  errorCode = '';

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', (error: NodeJS.ErrnoException) => (this.errorCode = error.code ?? error.message));
    socket.on('end', () => (this.isEnded = true));
    socket.on('close', () => (this.isClosed = true));
    socket.on('data', (data: Buffer) => (this.received += data.toString('latin1')));
  }

  static async connect({ port, serverName, protocols }: WireClientOptions): Promise<WireClient> {
    if (serverName === undefined) {
      const socket = net.connect({ port, host: '127.0.0.1' });
      await once(socket, 'connect');
      return new WireClient(socket);
    }
    const ALPNProtocols = protocols ? [...protocols] : undefined;
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      ...(serverName && { servername: serverName }),
      ...(ALPNProtocols && { ALPNProtocols }),
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    return new WireClient(socket);
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** In pieces, each of which arrives by itself. */
  async sendPieces(pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      this.send(piece);
      // Two turns of the loop that the proxy shares: it has read the piece before the next is written.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  answers(method = 'GET'): readonly WireAnswer[] {
    return readAnswers(this.received, method, this.isEnded);
  }

  /** The n-th final answer, whole. */
  async answer(count = 1, method = 'GET'): Promise<WireAnswer> {
    const finals = () => this.answers(method).filter(({ status }) => status >= 200 || status === 101);
    await this.until(() => (finals()[count - 1]?.isWhole ?? false) || this.isClosed, `answer ${count}`);
    const found = finals()[count - 1];
    if (!found)
      throw new Error(
        `closed (${this.errorCode}) before answer ${count}: ${JSON.stringify(this.received.slice(0, 500))}`,
      );
    return found;
  }

  async closed(limitMs = 60_000): Promise<void> {
    await this.until(() => this.isClosed, 'the connection is closed', limitMs);
  }

  /** Looked at whenever something happens on this connection: thousands of rows have no time to poll. */
  until(isTrue: () => boolean, what: string, limitMs = 60_000): Promise<void> {
    if (isTrue()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const events = ['data', 'end', 'close'] as const;
      const stop = () => {
        clearTimeout(timer);
        for (const event of events) this.socket.off(event, look);
      };
      const look = () => {
        if (!isTrue()) return;
        stop();
        resolve();
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`Waited ${limitMs} ms in vain until ${what}; received ${this.received.slice(0, 500)}`));
      }, limitMs);
      for (const event of events) this.socket.on(event, look);
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

/** All answers in a text, the last one perhaps not whole. */
export function readAnswers(text: string, method: string, isEnded: boolean): readonly WireAnswer[] {
  const answers: WireAnswer[] = [];
  for (let at = 0; at < text.length;) {
    const bodyStart = text.indexOf('\r\n\r\n', at) + 4;
    if (bodyStart < 4) break;
    const [line = '', ...lines] = text.slice(at, bodyStart - 4).split('\r\n');
    if (!/^HTTP\/1\.1 \d{3} /.test(line))
      throw new Error(`no status line: ${JSON.stringify(text.slice(at, at + 200))}`);
    const status = Number(line.slice(9, 12));
    const headers = new Map<string, string>();
    for (const field of lines) {
      const colon = field.indexOf(':');
      const name = field.slice(0, colon).toLowerCase();
      const value = field.slice(colon + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    const end = answerEnd({ status, headers, method }, text, bodyStart);
    const isWhole = end === 'close' ? isEnded : end >= 0;
    const bodyEnd = end === 'close' || end < 0 ? text.length : end;
    answers.push({ status, headers, body: text.slice(bodyStart, bodyEnd), isWhole });
    at = bodyEnd;
  }
  return answers;
}

interface AnswerHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Of the request. */
  readonly method: string;
}

/** Where the body ends; -1: not there yet; `close`: with the connection. */
function answerEnd({ status, headers, method }: AnswerHead, text: string, start: number): number | 'close' {
  if (status === 101) return 'close';
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return start;
  if (headers.get('transfer-encoding') === 'chunked') return chunkedEnd(text, start);
  const length = headers.get('content-length');
  if (length === undefined) return 'close';
  return text.length < start + Number(length) ? -1 : start + Number(length);
}
