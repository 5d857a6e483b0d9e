/**
 * A backend of raw TCP that keeps every byte it got. Its own small reader of requests is strict, so that a proxy which forwards
 * something ambiguous is found out. Knows nothing of the proxy's codecs.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/** One request as it stood on the wire. */
export interface WireRequest {
  readonly method: string;
  readonly target: string;
  /** By lower-case name; several values stay apart. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Head with the empty line, as latin1. */
  readonly head: string;
  /** With its chunks as they came. */
  readonly body: string;
}

export interface BackendConnection {
  readonly socket: net.Socket;
  /** Every byte, as latin1. */
  received: string;
  /** What is no whole request yet. */
  rest: string;
  isClosed: boolean;
}

/** Writes what it wants; called for each whole request, in order. */
type Answerer = (request: WireRequest, connection: BackendConnection) => void;

export const okay = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** 200 with the target as its body, so that an answer cannot be taken for another's. */
const echoTarget: Answerer = ({ method, target }, { socket }) => {
  const answer = okay(target);
  socket.write(method === 'HEAD' ? answer.slice(0, -target.length) : answer, 'latin1');
};

export class RecordingBackend {
  readonly connections: BackendConnection[] = [];
  readonly requests: WireRequest[] = [];
  /** What a strict server would have answered with 400: a fault of the proxy. */
  readonly faults: string[] = [];
  port = 0;
  /** Where the start of a target is a key, that one answers; otherwise the target is echoed. */
  readonly scripts = new Map<string, Answerer>();
  /** Called with the head of a request as soon as it is there, before its body; what it writes goes ahead of any script. */
  onHead: ((request: WireRequest, connection: BackendConnection) => void) | null = null;
  readonly #server: net.Server;

  constructor() {
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      const connection: BackendConnection = { socket, received: '', rest: '', isClosed: false };
      this.connections.push(connection);
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.on('close', () => (connection.isClosed = true));
      socket.on('data', (chunk: Buffer) => this.#onData(connection, chunk.toString('latin1')));
    });
  }

  /** Of all connections, in the order they were opened. */
  get received(): string {
    return this.connections.map((connection) => connection.received).join('');
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    this.#server.unref();
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** What was received from now on, when it is asked for. */
  mark(): () => string {
    const lengths = new Map(this.connections.map((connection) => [connection, connection.received.length]));
    return () => this.connections.map((one) => one.received.slice(lengths.get(one) ?? 0)).join('');
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.connections) socket.destroy();
  }

  #onData(connection: BackendConnection, text: string): void {
    const hadHead = connection.rest.includes('\r\n\r\n');
    connection.received += text;
    connection.rest += text;
    for (;;) {
      const end = connection.rest.indexOf('\r\n\r\n') + 4;
      if (end < 4) return;
      const head = this.#head(connection.rest.slice(0, end));
      if (this.onHead && !hadHead) this.onHead({ ...head, body: '' }, connection);
      const bodyEnd = this.#bodyEnd(head, connection.rest, end);
      if (bodyEnd < 0) return;
      const request = { ...head, body: connection.rest.slice(end, bodyEnd) };
      connection.rest = connection.rest.slice(bodyEnd);
      this.requests.push(request);
      const script = [...this.scripts].find(([start]) => request.target.startsWith(start))?.[1] ?? echoTarget;
      script(request, connection);
    }
  }

  #head(text: string): Omit<WireRequest, 'body'> {
    const [line = '', ...lines] = text.slice(0, -4).split('\r\n');
    if (!/^[!#$%&'*+.^_`|~\w-]+ [\x21-\x7e]+ HTTP\/1\.1$/.test(line)) this.faults.push(`request line ${line}`);
    const headers = new Map<string, readonly string[]>();
    for (const field of lines) {
      // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
      const [, name = '', value = ''] =
        /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(field) ?? [];
      if (name === '') this.faults.push(`field ${JSON.stringify(field)}`);
      headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
    }
    if (headers.get('host')?.length !== 1) this.faults.push(`Host of ${text}`);
    const [method = '', target = ''] = line.split(' ');
    return { method, target, headers, head: text };
  }

  /** -1: not all of it is there. */
  #bodyEnd({ headers }: Pick<WireRequest, 'headers'>, text: string, start: number): number {
    const lengths = headers.get('content-length') ?? [];
    const codings = headers.get('transfer-encoding') ?? [];
    if (lengths.length + codings.length > 1) this.faults.push('framed twice');
    if (codings.length > 0) {
      if (codings[0] !== 'chunked') this.faults.push(`coding ${codings[0]}`);
      return chunkedEnd(text, start);
    }
    const length = lengths[0] ?? '0';
    if (!/^(0|[1-9]\d*)$/.test(length)) this.faults.push(`length ${length}`);
    return text.length - start < Number(length) ? -1 : start + Number(length);
  }
}

/** Where a chunked body with its trailers ends; -1: not there yet. Extensions are none of ours to get. */
export function chunkedEnd(text: string, start: number): number {
  for (let at = start; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return -1;
    const line = text.slice(at, lineEnd);
    if (!/^[\da-fA-F]{1,8}$/.test(line)) throw new Error(`chunk size ${JSON.stringify(line)}`);
    const size = Number(`0x${line}`);
    if (size === 0) {
      if (text.startsWith('\r\n', lineEnd + 2)) return lineEnd + 4;
      const end = text.indexOf('\r\n\r\n', lineEnd + 2);
      return end < 0 ? -1 : end + 4;
    }
    at = lineEnd + 2 + size + 2;
    if (text.length < at) return -1;
    if (text.slice(at - 2, at) !== '\r\n') throw new Error('no CRLF behind a chunk');
  }
}
