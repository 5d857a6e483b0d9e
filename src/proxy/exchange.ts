/**
 * One request and its reply: one object of fixed shape that is at once what filters see, what matching and balancing look at,
 * what the pool sends and what both codecs call. Every decision is made in forward-*.ts, reached through the steps.
 */
import type {
  CallFailure,
  CallRequest,
  CallResponse,
  ExchangeMatch,
  ExchangeRequest,
  ExchangeResponse,
  RequestTransform,
  ResponseTransform,
} from '../contract/exchange.ts';
import type { ClientCertificate } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { atTurnEnd } from '../lib/turn-end.ts';
import { plainAddress } from './client-identity.ts';
import type { HeldBody } from './exchange-held-body.ts';
import {
  endBody,
  flushRequest,
  passBody,
  passTransformed,
  resumeRequest,
  transformRequest,
} from './exchange-request-body.ts';
import type { ExchangeRoles } from './exchange-roles.ts';
import type { ExchangeSteps, ResponseState } from './exchange-steps.ts';
import { TransformedDownstream } from './exchange-transforms.ts';
import type { ExchangeTimer } from './exchange-timer.ts';
import { callBackend, readWholeBody, type ExchangeWaits } from './exchange-waits.ts';
import { FieldList } from './http/fields.ts';
import {
  BODY_NONE,
  BODY_TUNNEL,
  type ConnectionInfo,
  type Downstream,
  type RequestHead,
  type Upstream,
  type UpstreamError,
} from './http/streams.ts';
import type { BackendChoice, BackendRuntime, EndpointRuntime, ListenerRuntime, RuleRuntime } from './runtime.ts';
import type { Session } from './upstream/session-persistence.ts';
import type { MirrorGroup } from './upstream/mirror.ts';

const noneTried: readonly EndpointRuntime[] = [];
const noFields = new FieldList();

export class ExchangeRun implements ExchangeRoles {
  readonly head: RequestHead;
  downstream: Downstream;
  readonly connection: ConnectionInfo;
  readonly steps: ExchangeSteps;

  // The request: as filters see it, as it is matched, and as it goes to the backend.
  readonly method: string;
  readonly scheme: 'http' | 'https';
  authority: string;
  host = '';
  target: string;
  path = '';
  query = '';
  readonly headers: FieldList;
  bodyLength: number;
  readonly upgrade: string;
  readonly expectsContinue: boolean;
  takesTrailers: boolean;

  // What took it.
  listener: ListenerRuntime | null = null;
  rule: RuleRuntime | null = null;
  pathPrefix: string | undefined = undefined;
  choice: BackendChoice | null = null;
  backend: BackendRuntime | null = null;
  session: Session | null = null;
  /** Asked for by filters until the request goes out. */
  mirrorKeys: Key[] | null = null;
  mirrors: MirrorGroup | null = null;
  waits: ExchangeWaits | null = null;

  // The tries.
  endpoint: EndpointRuntime | null = null;
  tried: readonly EndpointRuntime[] = noneTried;
  affinity = 0;
  sticky = '';
  upstream: Upstream | null = null;
  /** `endpoint.open` was called and `done` is owed. */
  isTryOpen = false;
  holdsRetryPlace = false;
  hasUsedFreeRetry = false;
  retries = 0;
  /** Of those, the ones that count against the rule's attempts. */
  ruleRetries = 0;
  /** Before the next try. */
  backoffMs = 0;

  // The request's body.
  isRequestEnded: boolean;
  isRequestPaused = false;
  #isFlushQueued = false;
  requestTransform: RequestTransform | null = null;
  requestTrailers: FieldList | null = null;
  held: HeldBody | null = null;
  /** All that was sent to the backend is in `held`, so that it can be sent again. */
  keepsBody: boolean;

  // The response.
  status = 0;
  responseHeaders: FieldList = noFields;
  responseBodyLength = 0;
  responseContentLength = -1;
  responseState: ResponseState = 'none';
  #response: ExchangeResponse | null = null;

  // The end.
  isOver = false;
  requestTimer: ExchangeTimer | null = null;
  tryTimer: ExchangeTimer | null = null;
  backoffTimer: ExchangeTimer | null = null;
  reason = '';
  grpcStatus = -1;
  upstreamError: UpstreamError['kind'] | '' = '';
  startedAt: number;
  respondedAt = 0;
  finishedAt = 0;
  requestBytes = 0;
  responseBytes = 0;
  observed: unknown = null;

  constructor(head: RequestHead, downstream: Downstream, origin: { connection: ConnectionInfo; steps: ExchangeSteps }) {
    this.head = head;
    this.downstream = downstream;
    this.connection = origin.connection;
    this.steps = origin.steps;
    this.method = head.method;
    this.scheme = head.scheme;
    this.authority = head.authority;
    this.target = head.target;
    this.headers = head.headers;
    this.upgrade = head.upgrade;
    this.bodyLength = head.upgrade === '' ? head.bodyLength : BODY_TUNNEL;
    this.expectsContinue = head.expectsContinue;
    this.takesTrailers = head.takesTrailers;
    this.isRequestEnded = this.bodyLength === BODY_NONE;
    this.keepsBody = this.bodyLength !== BODY_NONE && this.bodyLength !== BODY_TUNNEL;
    this.startedAt = this.steps.now();
  }

  get request(): ExchangeRequest {
    return this;
  }

  get match(): ExchangeMatch {
    return this;
  }

  get response(): ExchangeResponse {
    return (this.#response ??= { status: this.status, headers: this.responseHeaders });
  }

  get listenerPort(): number {
    return this.listener?.config.port ?? this.connection.localPort;
  }

  get listenerProtocol(): string {
    return this.listener?.config.protocol ?? '';
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.listener?.config.clientCertificate;
  }

  get clientAddress(): string {
    return plainAddress(this.connection.remoteAddress);
  }

  mirror(backend: Key): void {
    if (this.mirrorKeys === null) this.mirrorKeys = [backend];
    else this.mirrorKeys.push(backend);
  }

  transformRequest(transform: RequestTransform): void {
    transformRequest(this, transform);
  }

  transformResponse(transform: ResponseTransform): void {
    this.downstream = new TransformedDownstream(this.downstream, transform);
  }

  call(backend: Key, request: CallRequest): Promise<CallResponse | CallFailure> {
    return callBackend(this, backend, request);
  }

  readBody(maxBytes: number): Promise<Uint8Array | null> {
    return readWholeBody(this, maxBytes);
  }

  /** A new head, of the backend or our own. */
  setResponse(status: number, headers: FieldList, lengths: { bodyLength: number; contentLength: number }): void {
    this.status = status;
    this.responseHeaders = headers;
    this.responseBodyLength = lengths.bodyLength;
    this.responseContentLength = lengths.contentLength;
    this.#response = null;
  }

  // RequestSink: the client's codec.

  onRequestData(buffer: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    this.requestBytes += end - start;
    if (this.requestTransform === null) passBody(this, buffer, start, end);
    else passTransformed(this, this.requestTransform.onData(buffer.subarray(start, end)));
  }

  /** What was sent so far must not wait longer than this turn. */
  flushSoon(): void {
    if (this.#isFlushQueued) return;
    this.#isFlushQueued = true;
    atTurnEnd(this);
  }

  onTurnEnd(): void {
    this.#isFlushQueued = false;
    if (this.isOver) return;
    flushRequest(this);
    this.#flushResponse();
  }

  #flushResponse(): void {
    if (this.responseState === 'started' && !this.downstream.flush()) this.upstream?.pauseResponse();
  }

  onRequestEnd(trailers: FieldList | null): void {
    if (!this.isOver && !this.isRequestEnded) endBody(this, trailers);
  }

  onDownstreamDrain(): void {
    if (!this.isOver && this.upstream !== null) this.upstream.resumeResponse();
  }

  onDownstreamClose(reason: string): void {
    if (!this.isOver) this.steps.onDownstreamClose(this, reason);
  }

  // ResponseSink: the backend's codec.

  onInformational(status: number, headers: FieldList): void {
    if (!this.isOver && this.responseState === 'none') this.downstream.sendInformational(status, headers);
  }

  // oxlint-disable-next-line max-params -- the codecs' interface
  onResponseHead(status: number, headers: FieldList, bodyLength: number, contentLength: number): void {
    if (this.isOver) return;
    this.status = status;
    this.responseHeaders = headers;
    this.responseBodyLength = bodyLength;
    this.responseContentLength = contentLength;
    this.#response = null;
    this.steps.onResponseHead(this);
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.isOver || this.responseState !== 'started') return;
    this.responseBytes += end - start;
    if (!this.downstream.sendData(buffer, start, end) && this.upstream !== null) this.upstream.pauseResponse();
  }

  onResponseEnd(trailers: FieldList | null): void {
    if (!this.isOver) this.steps.onResponseEnd(this, trailers);
  }

  onResponseBurstEnd(): void {
    if (this.isOver) return;
    // Of a tunnel both directions are written together.
    if (this.responseBodyLength === BODY_TUNNEL) this.flushSoon();
    else this.#flushResponse();
  }

  onUpstreamDrain(): void {
    resumeRequest(this);
  }

  onUpstreamError(error: UpstreamError): void {
    if (!this.isOver) this.steps.onUpstreamError(this, error);
  }
}
