/** What the filters of one exchange wait for: the request's body, and answers to calls of their own. Made when one first waits. */
import type { CallFailure, CallRequest, CallResponse } from '../contract/exchange.ts';
import type { Key } from '../contract/keys.ts';
import type { ExchangeRun } from './exchange.ts';
import { resumeRequest } from './exchange-request-body.ts';
import { FieldList } from './http/fields.ts';
import { BODY_TUNNEL } from './http/streams.ts';
import type { BackendCall } from './upstream/backend-call.ts';

interface BodyWait {
  readonly maxBytes: number;
  readonly promise: Promise<Uint8Array | null>;
  readonly resolve: (body: Uint8Array | null) => void;
}

export class ExchangeWaits {
  readonly #calls = new Set<BackendCall>();
  #body: BodyWait | null = null;

  /** The client must not be held back: its body is awaited. */
  get readsBody(): boolean {
    return this.#body !== null;
  }

  add(call: BackendCall): void {
    this.#calls.add(call);
    void call.done.then(() => this.#calls.delete(call));
  }

  forBody(maxBytes: number): Promise<Uint8Array | null> {
    this.#body ??= { maxBytes, ...Promise.withResolvers<Uint8Array | null>() };
    return this.#body.promise;
  }

  /** So much of the body has come. */
  onBytes(bytes: number): void {
    if (this.#body !== null && bytes > this.#body.maxBytes) this.#settleBody(null);
  }

  onBodyEnd(body: Uint8Array): void {
    this.#settleBody(body);
  }

  /** The exchange is over. */
  end(): void {
    this.#settleBody(null);
    for (const call of this.#calls) call.abort();
  }

  #settleBody(body: Uint8Array | null): void {
    const wait = this.#body;
    this.#body = null;
    wait?.resolve(body);
  }
}

/** As `Exchange.call`. */
export async function callBackend(
  run: ExchangeRun,
  backend: Key,
  request: CallRequest,
): Promise<CallResponse | CallFailure> {
  if (run.isOver) return { failure: 'ExchangeOver' };
  const call = run.steps.call(run, backend, request);
  if (call === null) return { failure: 'NoBackend' };
  (run.waits ??= new ExchangeWaits()).add(call);
  return call.done;
}

const noFields = new FieldList();

/** As `Exchange.readBody`. */
export async function readWholeBody(run: ExchangeRun, maxBytes: number): Promise<Uint8Array | null> {
  if (run.bodyLength === BODY_TUNNEL) return new Uint8Array();
  const bytes = run.held === null ? 0 : run.held.bytes;
  if (run.isOver || run.bodyLength > maxBytes || bytes > maxBytes) return null;
  if (run.isRequestEnded) return run.held === null ? new Uint8Array() : run.held.whole();
  const body = (run.waits ??= new ExchangeWaits()).forBody(maxBytes);
  // A client that asks first would wait for the backend's word, and the backend for the filter's.
  if (run.expectsContinue) run.downstream.sendInformational(100, noFields);
  resumeRequest(run);
  return body;
}
