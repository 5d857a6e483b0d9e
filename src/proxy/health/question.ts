/** One request of a probe and what comes back, up to the verdict. Knows codecs by their interface only. */
import { Field, FieldList } from '../http/fields.ts';
import type { Pool, ResponseSink, Upstream, UpstreamError, UpstreamRequest } from '../http/streams.ts';

/** An answer as far as it has come. */
export interface PartOfAnswer {
  readonly status: number;
  readonly headers: FieldList;
  readonly body: Buffer;
  /** Undefined: it goes on. Null: it has ended without any. */
  readonly trailers: FieldList | null | undefined;
}

export interface Question {
  readonly request: UpstreamRequest;
  readonly body: Buffer;
  /** Null: well; a text: why not; undefined: wait for more. Must not be undefined once the answer has ended. */
  judge(answer: PartOfAnswer): string | null | undefined;
}

/** Where a question goes to. */
export interface QuestionTarget {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
}

/** A health answer is a few bytes; more is none. */
const MAX_BODY_BYTES = 16 * 1024;

/** The verdict: null, or why the endpoint is not well. Never rejects. */
export function ask(pool: Pool, question: Question, timeoutMs: number): Promise<string | null> {
  return new Asking(pool, question, timeoutMs).verdict;
}

export function requestWith(
  options: Pick<UpstreamRequest, 'method' | 'target' | 'bodyLength' | 'takesTrailers'> & QuestionTarget,
  headers: Readonly<Record<string, string>>,
): UpstreamRequest {
  const fields = Object.entries(headers).map(([name, value]) => new Field(name, value, `${name}: ${value}\r\n`));
  return { ...options, headers: new FieldList(fields), upgrade: '', expectsContinue: false };
}

class Asking implements ResponseSink {
  readonly verdict: Promise<string | null>;
  readonly #question: Question;
  readonly #settle: (verdict: string | null) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #upstream: Upstream;
  #isOver = false;
  #status = 0;
  #headers = new FieldList();
  #body = Buffer.alloc(0);

  constructor(pool: Pool, question: Question, timeoutMs: number) {
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.verdict = promise;
    this.#settle = resolve;
    this.#question = question;
    // An answer that came while this thread was busy counts: sockets are read before `setImmediate` calls.
    this.#timer = setTimeout(() => setImmediate(() => this.#end(`no answer within ${timeoutMs} ms`)), timeoutMs);
    this.#upstream = pool.open(question.request, this);
    if (question.body.length === 0) return;
    this.#upstream.sendData(question.body, 0, question.body.length);
    this.#upstream.sendEnd(null);
  }

  onResponseHead(status: number, headers: FieldList): void {
    this.#status = status;
    this.#headers = headers;
    this.#judge(undefined);
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    if (this.#body.length + end - start > MAX_BODY_BYTES) return this.#end('the answer is too long');
    this.#body = Buffer.concat([this.#body, buffer.subarray(start, end)]);
  }

  onResponseEnd(trailers: FieldList | null): void {
    this.#judge(trailers);
  }

  onUpstreamError({ kind, message }: UpstreamError): void {
    this.#end(kind === 'Connect' ? `no connection: ${message}` : message);
  }

  onInformational(): void {}
  onResponseBurstEnd(): void {}
  onUpstreamDrain(): void {}

  #judge(trailers: FieldList | null | undefined): void {
    if (this.#isOver) return;
    const answer = { status: this.#status, headers: this.#headers, body: this.#body, trailers };
    const verdict = this.#question.judge(answer);
    if (verdict !== undefined) this.#end(verdict);
  }

  #end(verdict: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#settle(verdict);
    // Not from within the codec's own call.
    queueMicrotask(() => this.#upstream.abort());
  }
}
