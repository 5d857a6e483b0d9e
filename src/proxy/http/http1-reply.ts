/**
 * The answer to one HTTP/1 request: its head, framing, body and end as text and bytes. One object a request, so that a late
 * call of an exchange that is over touches nothing. Knows the connection only as its owner.
 */
import type { FieldList } from './fields.ts';
import type { Http1RequestHead } from './head-request.ts';
import type { Http1Output } from './http1-output.ts';
import { statusLine } from './status-lines.ts';
import { BODY_NONE, BODY_TUNNEL, BODY_UNKNOWN, type Downstream } from './streams.ts';

/** The connection, as its reply sees it. */
export interface ReplyOwner {
  readonly output: Http1Output;
  /** Asked once, when the head is made: must the connection end with this answer? */
  mustClose(): boolean;
  onTunnel(): void;
  /** The client does not take what was written. */
  onBlocked(): void;
  onReplyEnd(isClose: boolean): void;
  onReplyReset(): void;
  pauseReading(): void;
  resumeReading(): void;
}

const Stage = { waiting: 0, body: 1, over: 2 } as const;
type Stage = (typeof Stage)[keyof typeof Stage];

export class Http1Reply implements Downstream {
  readonly #owner: ReplyOwner;
  readonly #head: Http1RequestHead;
  #stage: Stage = Stage.waiting;
  #bodyLength = BODY_NONE;
  #remaining = 0;
  #isClose = false;

  constructor(owner: ReplyOwner, head: Http1RequestHead) {
    this.#owner = owner;
    this.#head = head;
  }

  get hasBegun(): boolean {
    return this.#stage !== Stage.waiting;
  }

  /** Everything called from now on is ignored. */
  detach(): void {
    this.#stage = Stage.over;
  }

  sendInformational(status: number, headers: FieldList): void {
    if (this.#stage !== Stage.waiting || this.#head.version === '1.0') return;
    this.#owner.output.add(`${statusLine(status)}${headers.text}\r\n`);
    this.#write();
  }

  sendHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void {
    if (this.#stage !== Stage.waiting) return;
    this.#stage = Stage.body;
    const text = statusLine(status) + headers.text;
    if (bodyLength === BODY_TUNNEL) {
      this.#bodyLength = BODY_TUNNEL;
      this.#owner.output.add(`${text}connection: upgrade\r\nupgrade: ${this.#head.upgrade}\r\n\r\n`);
      this.#write();
      this.#owner.onTunnel();
      return;
    }
    const isOld = this.#head.version === '1.0';
    this.#isClose = (isOld && bodyLength === BODY_UNKNOWN) || this.#owner.mustClose();
    const framing = this.#frame(status, bodyLength, contentLength);
    this.#owner.output.add(text + framing + (this.#isClose ? closing : isOld ? keeping : '\r\n'));
  }

  /** RFC 9110 §6.4.1, RFC 9112 §6: which answers have no body, and how the others end. */
  #frame(status: number, bodyLength: number, contentLength: number): string {
    const isBodyless = status === 204 || status === 304 || this.#head.method === 'HEAD';
    if (isBodyless || bodyLength === BODY_NONE) {
      const length = bodyLength > 0 ? bodyLength : contentLength;
      if (status === 204) return '';
      return length >= 0 ? `content-length: ${length}\r\n` : isBodyless ? '' : 'content-length: 0\r\n';
    }
    this.#bodyLength = bodyLength;
    if (bodyLength > 0) {
      this.#remaining = bodyLength;
      return `content-length: ${bodyLength}\r\n`;
    }
    if (this.#head.version === '1.0') return '';
    return 'transfer-encoding: chunked\r\n';
  }

  sendData(buffer: Buffer, start: number, end: number): boolean {
    if (this.#stage !== Stage.body || this.#bodyLength === BODY_NONE || start === end) return true;
    const { output } = this.#owner;
    let isReady: boolean;
    if (this.#bodyLength === BODY_UNKNOWN && this.#head.version !== '1.0') {
      output.add(`${(end - start).toString(16)}\r\n`);
      isReady = output.data(buffer, start, end);
      output.add('\r\n');
    } else {
      if (this.#bodyLength > 0 && (this.#remaining -= end - start) < 0) {
        // More than was announced would be read as the next answer.
        this.reset();
        return true;
      }
      isReady = output.data(buffer, start, end);
    }
    if (!isReady) this.#owner.onBlocked();
    return isReady;
  }

  sendEnd(trailers: FieldList | null): void {
    if (this.#stage !== Stage.body) return;
    if (this.#remaining > 0) return this.reset();
    this.#stage = Stage.over;
    if (this.#bodyLength === BODY_UNKNOWN && this.#head.version !== '1.0') {
      this.#owner.output.add(trailers === null ? '0\r\n\r\n' : `0\r\n${trailers.text}\r\n`);
    }
    this.#owner.output.flushLater();
    this.#owner.onReplyEnd(this.#isClose || this.#bodyLength === BODY_TUNNEL);
  }

  flush(): boolean {
    return this.#stage !== Stage.body || this.#owner.output.isEmpty || this.#write();
  }

  reset(): void {
    if (this.#stage === Stage.over) return;
    this.#stage = Stage.over;
    this.#owner.onReplyReset();
  }

  pauseRequest(): void {
    if (this.#stage !== Stage.over) this.#owner.pauseReading();
  }

  resumeRequest(): void {
    if (this.#stage !== Stage.over) this.#owner.resumeReading();
  }

  #write(): boolean {
    const isTaken = this.#owner.output.flush();
    if (!isTaken) this.#owner.onBlocked();
    return isTaken;
  }
}

const closing = 'connection: close\r\n\r\n';
const keeping = 'connection: keep-alive\r\n\r\n';
